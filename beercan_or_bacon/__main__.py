"""Classify pictures from the command line.

    python -m beercan_or_bacon PICTURE... [--model FOLDER_OR_REPO] [--json]

With --json: one line a picture, {"file", "verdict", "labels", "probabilities"} or {"file", "error"}.
The exit status is 1 if any picture could not be read. A folder means the pictures in it, by their names' endings.
Without --model, MODEL and MODEL_REVISION say which, as they do for app.py.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from . import __version__
from .errors import BeerCanOrBaconError, PictureError
from .serving.classifier import Classifier, as_json
from .serving.hub import find_model
from .serving.pictures import open_picture

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
    parser.add_argument("--json", action="store_true", help="one JSON line a picture")
    args = parser.parse_args(arguments)
    try:
        classifier = Classifier(model_folder(args.model))
    except BeerCanOrBaconError as error:
        print(error, file=sys.stderr)
        return 1
    failed = False
    for name in (name for given in args.pictures for name in pictures_of(given)):
        try:
            if os.path.isdir(name):
                raise PictureError("There are no pictures in it.")
            prediction = classifier.predict(open_picture(Path(name)))
        except PictureError as error:
            failed = True
            print(json.dumps({"file": name, "error": str(error)}) if args.json else f"{name}: {error}")
            continue
        if args.json:
            print(json.dumps({"file": name, **as_json(prediction)}))
        else:
            sure = ", ".join(f"{label} {p:.0%}" for label, p in prediction.probabilities.items())
            print(f"{name}: {prediction.verdict} ({sure}){' - a close call' if prediction.close else ''}")
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


if __name__ == "__main__":
    sys.exit(main())
