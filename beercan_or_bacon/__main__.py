"""Classify pictures from the command line.

    python -m beercan_or_bacon PICTURE... [--model FOLDER_OR_REPO] [--json | --csv]

With --json: one line a picture, {"file", "verdict", "labels", "probabilities"} or {"file", "error"}.
With --csv: a table with a row a picture: file, verdict, a probability per label, error.
The exit status is 1 if any picture could not be read. A folder means the pictures in it, by their names' endings.
Without --model, MODEL and MODEL_REVISION say which, as they do for app.py.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from . import __version__
from .errors import BeerCanOrBaconError, PictureError
from .serving.classifier import Classifier, Prediction, as_json
from .serving.hub import find_model
from .serving.pictures import open_picture, workers

EMBEDDED = Path(__file__).parent.parent / "model"
ENDINGS = {".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m beercan_or_bacon", description=__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("pictures", nargs="+", metavar="PICTURE")
    parser.add_argument(
        "--model", metavar="FOLDER_OR_REPO", help="or USER/REPO on the Hub; default: MODEL, or the embedded model"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="one JSON line a picture")
    how.add_argument("--csv", action="store_true", help="a table with a row a picture")
    args = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show costs no answers
    workers.start("quick")  # while the model is loaded
    try:
        classifier = Classifier(model_folder(args.model))
    except BeerCanOrBaconError as error:
        print(error, file=sys.stderr)
        return 1
    labels = classifier.description.labels
    tell = tell_json if args.json else tell_row if args.csv else tell_line
    if args.csv:
        print(row("file", "verdict", *labels, "error"), end="")
    failed = False
    names = [name for given in args.pictures for name in pictures_of(given)]
    # a bar on a terminal, where there is something to wait for; never among the lines of a file
    for name in tqdm(names, unit=" pictures", disable=None if len(names) > 1 else True, leave=False):
        try:
            if os.path.isdir(name):
                raise PictureError("There are no pictures in it.")
            picture = open_picture(Path(name), classifier.description.input.keep)
            answer: Prediction | PictureError = classifier.predict(picture)
        except PictureError as error:
            failed, answer = True, error
        with tqdm.external_write_mode():
            print(tell(name, answer, labels), end="", flush=True)
    return 1 if failed else 0


def model_folder(model: str | None) -> Path:
    """Where the model is: as the command line says, else MODEL and MODEL_REVISION, else the embedded one."""
    if model:
        return find_model(model).folder
    if model := os.environ.get("MODEL"):
        return find_model(model, os.environ.get("MODEL_REVISION", "")).folder
    return EMBEDDED


def pictures_of(name: str) -> Iterator[str]:
    """The pictures below a folder, hidden ones apart, or the folder's own name if there are none; a file's own name."""
    below = sorted(Path(name).rglob("*")) if os.path.isdir(name) else []
    found = [
        str(path)
        for path in below
        if path.suffix.lower() in ENDINGS and not any(p.startswith(".") for p in path.relative_to(name).parts)
    ]
    yield from found or [name]


def tell_line(name: str, answer: Prediction | PictureError, labels: tuple[str, ...]) -> str:
    """A line for people."""
    if isinstance(answer, PictureError):
        return f"{name}: {answer}\n"
    sure = ", ".join(f"{label} {answer.probabilities[label]:.0%}" for label in labels)
    return f"{name}: {answer.verdict} ({sure}){' - a close call' if answer.close else ''}\n"


def tell_json(name: str, answer: Prediction | PictureError, labels: tuple[str, ...]) -> str:  # noqa: ARG001
    """A line of JSON."""
    known = {"error": str(answer)} if isinstance(answer, PictureError) else as_json(answer)
    return json.dumps({"file": name, **known}) + "\n"


def tell_row(name: str, answer: Prediction | PictureError, labels: tuple[str, ...]) -> str:
    """A row of the table."""
    if isinstance(answer, PictureError):
        return row(name, "", *("" for _ in labels), str(answer))
    return row(name, answer.verdict, *(f"{answer.probabilities[label]:.4f}" for label in labels), "")


def row(*fields: str) -> str:
    """A line of CSV (RFC 4180)."""
    file = io.StringIO()
    csv.writer(file).writerow(fields)
    return file.getvalue()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # who reads has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is not written yet, at the end
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
