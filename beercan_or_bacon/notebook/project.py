"""Two things of one's own, from a notebook: a folder for words, pictures and model, and the stages of train.py in it.

Everything is train.py's own; here it is called, and what it leaves is shown.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from codecs import getincrementaldecoder
from html import escape
from pathlib import Path

import ipywidgets as widgets
from huggingface_hub import get_token
from IPython.display import HTML, Image

from ..errors import DataError, StageError
from ..files import write_whole
from ..training.classes import load_classes
from .review import review_box

ROOT = Path(__file__).parents[2]
SERVERS = {"OPENVERSE": "--openverse", "COMMONS": "--commons"}  # other servers for these APIs, from the environment
# A bar below another one, and back up: notebooks cannot go up, so the two take turns in one line
SECOND_BAR = re.compile(r"\n\r([^\n\r]*)\x1b\[A")


class Project:
    """folder: where it all lies, classes.toml, data/ and model/; on a drive that stays, it is there the next time."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder).absolute()
        self.words, self.data, self.model = (self.folder / name for name in ("classes.toml", "data", "model"))

    def write(self, words: str) -> None:
        """Make this the classes.toml. Raises ClassesError, naming every mistake."""
        write_whole(self.words, words.lstrip())
        classes = load_classes(self.words)
        searches = sum(map(len, classes.searches.values()))
        print(f"{self.words}: {', '.join(classes.labels)}, or neither; {searches} searches.")

    def run(self, stage: str, *options: str) -> None:
        """`python train.py STAGE` over this folder, with what it prints. Raises StageError when it ends badly.

        It is a process of its own: that gives all memory back at its end, and lets go of the data folder. Stopping the
        cell stops it, as Ctrl-C does.
        """
        command = [sys.executable, "-u", "train.py", stage, *options]
        for option, path in (("--classes", self.words), ("--data", self.data), ("--out", self.model)):
            command += [option, str(path)]
        if stage == "scrape":
            command += [part for name in SERVERS if (url := os.environ.get(name)) for part in (SERVERS[name], url)]
        environment = dict(os.environ)
        if stage in ("push", "space") and (token := get_token()):  # as this notebook has it, from a secret perhaps
            environment["HF_TOKEN"] = token
        if _shown(command, environment) != 0:
            raise StageError("This cell has stopped; the lines above say why. Run it again to go on from here.")

    def sheet(self) -> HTML:
        """What cleaning kept and dropped, the most doubtful first."""
        return _framed(self.data / "clean.html", "clean")

    def review(self) -> widgets.Box:
        """Look at the doubtful pictures and decide; what is decided stays decided, as by `train.py review`."""
        return review_box(load_classes(self.words), self.data)

    def confusion(self) -> Image:
        """What held-out pictures show, against what they were called."""
        return Image(str(_there(self.data / "fit" / "confusion-matrix.png", "fit")), width=480)

    def report(self) -> HTML:
        """How good the model is, and what it gets most wrong."""
        return _framed(self.data / "fit" / "report.html", "fit")

    def publish(self, model: str = "", space: str = "") -> None:
        """The model to USER/REPO on the Hub, its page to USER/SPACE, a static Space; what has no name stays here."""
        if model:
            self.run("push", "--push", model)
        if space:
            self.run("space", "--static", "--space", space)
        if not model and not space:
            print("Nothing is published. Name where to: USER/REPO for the model, USER/SPACE for its page.")


def _shown(command: list[str], environment: dict[str, str]) -> int:
    """Run a command in the project's folder, print what it prints when it prints it; its exit status."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    decoder, held, more = getincrementaldecoder("utf-8")("replace"), "", True
    while more:
        try:
            more = bool(chunk := os.read(process.stdout.fileno(), 65536))
        except KeyboardInterrupt:  # which the process has heard as well, and will end by
            continue
        text = SECOND_BAR.sub(r"\r\1", held + decoder.decode(chunk, final=not more))
        half = text.rfind("\n") if more else -1  # may be the beginning of a second bar
        held = text[half:] if half >= 0 and text[half + 1 : half + 2] in ("", "\r") else ""
        print(text[: len(text) - len(held)], end="", flush=True)
    process.stdout.close()
    return process.wait()


def _there(path: Path, stage: str) -> Path:
    """A file that a stage leaves. Raises DataError when it has not."""
    if not path.exists():
        raise DataError(f"{path} is not there yet: run the cell of `{stage}` first.")
    return path


def _framed(path: Path, stage: str) -> HTML:
    """A page of ours inside the notebook, apart from its styles, and without scripts: its words are the web's."""
    page = escape(_there(path, stage).read_text(encoding="utf-8"), quote=True)
    style = "width: 100%; height: 640px; border: 0; background: canvas"
    return HTML(f'<div><iframe sandbox="allow-popups" srcdoc="{page}" style="{style}"></iframe></div>')
