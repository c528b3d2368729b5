"""A fork to two other words, from the clone to the Spaces: does all of it run, and what of it tells of the old words?

    python -m benchmarks.fork 'python3 serve.py --corpus CORPUS --port {port}' FOLDER [--pytest]

The command starts an image search behind Openverse's API; {port} becomes a free one. A clone of what is committed here
is given a classes.toml of its own, and goes the whole way: doctor (whose proposals go into [neither]), train.py, the
command line, the page, the embed, both kinds of Space on a Hub on loopback, and with --pytest the tests. FOLDER is new,
or that of a run that was stopped, which goes on; the clone, all that is made and the pages' pictures stay in it.
Printed: a line a step, with the places where what was made says beer or bacon.
"""

from __future__ import annotations

import argparse
import csv
import functools
import http.server
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.page import free_port, started

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from hub_server import Hub  # noqa: E402

LABELS = ("pizza", "salad")
CLASSES = """title = "Pizza or salad?"
tagline = "What is for lunch?"
emoji = "🍕"

[[class]]
label = "pizza"
search = ["pizza -bacon"]

[[class]]
label = "salad"
search = ["salad -bacon"]

[neither]
search = ["coffee -beer", "wine -beer", "dog -bacon", "cat -bacon", "street -beer", "landscape", "logo -beer -bacon"]
"""
PROPOSED = re.compile(r"(\[neither\.[\w-]+\]) (like = \".*?\"), (search = \[.*\])")  # by doctor
PROGRAM = re.compile(r"beercan[_-]or[_-]bacon|BeerCanOrBacon")  # the package's own name
LEGAL = {"LICENSE", "NOTICE"}
OLD = re.compile(r"[^\n]{0,40}(?:beer|bacon)[^\n]{0,40}", re.IGNORECASE)
WIDTHS = (1200, 360)  # pixels: a desktop's page, and a phone


def told(text: str, titles: Sequence[str] = ()) -> list[str]:
    """Where a text says one of the old words.

    Pictures in it are not read, nor searches that leave the words out, nor what others call their pictures (titles).
    """
    text = re.sub(r"data:[\w/+;-]+;base64,[\w+/=]+", "", text)
    for title in titles:
        text = text.replace(title, "")
    return OLD.findall(re.sub(r"-(beer|bacon)\b", "", PROGRAM.sub("", text)))


def told_in(folder: Path, titles: Sequence[str] = ()) -> dict[str, list[str]]:
    """The same of all text files below a folder; the licence's are whose they are."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            if path.name not in LEGAL and (places := told(path.read_text(encoding="utf-8"), titles)):
                found[path.relative_to(folder).as_posix()] = places
        except UnicodeDecodeError:
            continue
    return found


def say(step: str, places: object) -> None:
    """One line for a step that ended well."""
    print(f"{step}: {'nothing of the old words' if not places else json.dumps(places, ensure_ascii=False)}", flush=True)


class Fork:
    """The clone, and how its programs are run."""

    def __init__(self, folder: Path):
        self.folder, self.home = folder / "fork", folder / "home"
        if not self.folder.exists():
            subprocess.run(["git", "clone", "-q", str(ROOT), str(self.folder)], check=True)
        self.environment = {**os.environ, "HF_HOME": str(self.home), "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": "hf_write"}

    def run(self, *arguments: str, hub: str = "http://127.0.0.1:1") -> str:
        """What `python ARGUMENTS` in the clone says. Raises SystemExit with it when that fails."""
        process = subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, capture_output=True, text=True,
            env={**self.environment, "HF_ENDPOINT": hub},
        )  # fmt: skip
        if process.returncode:
            raise SystemExit(f"{' '.join(arguments)}: {process.stdout[-3000:]}{process.stderr[-3000:]}")
        return process.stdout + process.stderr

    def words(self, url: str) -> None:
        """Other words, with the near misses that doctor proposes."""
        if (self.folder / "classes.toml").read_text(encoding="utf-8").startswith(CLASSES):
            return
        (self.folder / "classes.toml").write_text(CLASSES, encoding="utf-8")
        said = self.run("train.py", "doctor", "--openverse", url)
        tables = ["\n".join(match) for match in PROPOSED.findall(said)]
        (self.folder / "classes.toml").write_text("\n\n".join([CLASSES, *tables, ""]), encoding="utf-8")
        print("\n".join(tables))

    def rows(self) -> list[dict[str, str]]:
        """The table of pictures, the surest last."""
        with (self.folder / "data" / "pictures.csv").open(newline="", encoding="utf-8") as file:
            return sorted(csv.DictReader(file), key=lambda row: row["score"])

    def pictures(self) -> list[Path]:
        """A kept picture of each label and of neither."""
        kept = {row["label"]: self.folder / "data" / row["file"] for row in self.rows() if row["decision"] == "keep"}
        return [kept[label] for label in (*LABELS, "neither")]


@contextmanager
def files(folder: Path) -> Iterator[str]:
    """A plain web server over a folder."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    handler.func.log_message = lambda *_: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def visited(browser: Browser, url: str, picture: Path, name: Path, give: str, word: str) -> list[str]:
    """Give a page a picture, at each width; screenshots at NAME-WIDTH.png; where the page says one of the old words."""
    places = []
    for width in WIDTHS:
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto(url)
        expect(page.locator(word)).to_have_text("Well?")
        places += told(everything(page))
        page.locator(give).set_input_files(picture)
        expect(page.locator(word)).to_have_text(re.compile("|".join(LABELS), re.IGNORECASE))
        for details in page.locator("details:visible").all():
            details.evaluate("(element) => element.open = true")
        page.wait_for_timeout(1500)  # the bars move
        page.screenshot(path=f"{name}-{width}.png", full_page=True)
        places += told(everything(page))
        page.close()
    return sorted(set(places))


def everything(page: Page) -> str:
    """A page's text and its source, as they are now."""
    return f"{page.title()}\n{page.locator('body').inner_text()}\n{page.content()}"


def spaces(fork: Fork, folder: Path) -> None:
    """Both kinds of Space and the model on a Hub: what was pushed lies in FOLDER/hub then."""
    with Hub() as hub:
        fork.run("train.py", "push", "--push", "user/lunch", hub=hub.url)
        fork.run("train.py", "space", "--space", "user/page", hub=hub.url)
        fork.run("train.py", "space", "--static", "--space", "user/still", hub=hub.url)
        for name, repo in hub.repos.items():
            for path, content in repo.head.files.items():
                target = folder / "hub" / name / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
    for name in ("models/user/lunch", "spaces/user/page", "spaces/user/still"):
        say(f"pushed as {name}", told_in(folder / "hub" / name))
        print((folder / "hub" / name / "README.md").read_text(encoding="utf-8").split("---")[1])


def main() -> None:
    """Print a line a step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("search", metavar="COMMAND")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--pytest", action="store_true", help="the fork's own tests too: takes long")
    args = parser.parse_args()
    folder = args.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    fork = Fork(folder)
    if not (folder / "port").exists():  # pictures are remembered by their addresses
        (folder / "port").write_text(str(free_port()))
    port = int((folder / "port").read_text())
    url = f"http://127.0.0.1:{port}"
    with started(shlex.split(args.search.format(port=port)), url, stderr=subprocess.DEVNULL):
        fork.words(url)
        output = fork.run("train.py", "--openverse", url, "--device", "cpu")
    say("train.py", told(output))
    print(output[output.rfind("\nKept") :])
    titles = sorted({row["title"] for row in fork.rows() if told(row["title"])}, key=len, reverse=True)
    print(f"{len(titles)} titles that others gave their pictures say one of the old words")
    say("data/", told_in(fork.folder / "data", titles))
    say("model/", told_in(fork.folder / "model"))
    output = fork.run("-m", "beercan_or_bacon", *map(str, fork.pictures()))
    say("command line", told(output))
    print(output)
    say("embed", told(fork.run("train.py", "embed")) + list(told_in(fork.folder / "site").items()))
    spaces(fork, folder)
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        picture, port = fork.pictures()[0], free_port()
        url = f"http://127.0.0.1:{port}"
        with started(
            [sys.executable, "app.py"],
            url,
            cwd=fork.folder,
            stderr=subprocess.DEVNULL,
            env={**fork.environment, "GRADIO_SERVER_PORT": str(port)},
        ):
            say("page", visited(browser, url, picture, folder / "page", "#bcob-upload input[type=file]", ".bcob-word"))
            say("its API", told(httpx.get(f"{url}/gradio_api/info").text + httpx.get(f"{url}/config").text))
        for name, site in (("embed", fork.folder / "site"), ("still", folder / "hub" / "spaces" / "user" / "still")):
            with files(site) as url:
                say(name, visited(browser, url, picture, folder / name, "#file", "#word"))
    if args.pytest:
        fork.run("-m", "pytest", "-x", "-n", "auto", "--dist", "loadfile")
        say("pytest", [])


if __name__ == "__main__":
    main()
