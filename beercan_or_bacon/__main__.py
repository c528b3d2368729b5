"""Classify pictures from the command line.

    python -m beercan_or_bacon PICTURE... [--model FOLDER_OR_REPO] [--json]

With --json: one line a picture, {"file", "verdict", "labels", "probabilities"} or {"file", "error"}.
The exit status is 1 if any picture could not be read.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from . import __version__
from .errors import BeerCanOrBaconError, PictureError
from .serving.classifier import Classifier, as_json
from .serving.hub import find_model
from .serving.pictures import open_picture

EMBEDDED = Path(__file__).parent.parent / "model"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m beercan_or_bacon", description=__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("pictures", nargs="+", metavar="PICTURE")
    parser.add_argument(
        "--model", metavar="FOLDER_OR_REPO", help="or USER/REPO on the Hub; default: the embedded model"
    )
    parser.add_argument("--json", action="store_true", help="one JSON line a picture")
    args = parser.parse_args(arguments)
    try:
        classifier = Classifier(find_model(args.model).folder if args.model else EMBEDDED)
    except BeerCanOrBaconError as error:
        print(error, file=sys.stderr)
        return 1
    failed = False
    for name in args.pictures:
        try:
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


if __name__ == "__main__":
    sys.exit(main())
