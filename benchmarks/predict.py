"""File to verdict: the published model beside fastai's learn.predict with the same weights, in one run.

    python -m benchmarks.predict PICTURE... --data data --model model

It also tells by how much the two answers differ at most.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from fastai.vision.all import BCEWithLogitsLossFlat, DataBlock, ImageBlock, Learner, MultiCategoryBlock, Normalize
from fastai.vision.all import PILImage as FastaiImage

from beercan_or_bacon.serving.classifier import Classifier, fit_to_square
from beercan_or_bacon.serving.pictures import open_picture
from beercan_or_bacon.training.learn.export import load_fitted


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--data", type=Path, default=Path("data"), help="with a finished fit")
    parser.add_argument("--model", type=Path, default=Path("model"))
    args = parser.parse_args()
    classifier = Classifier(args.model)
    model, settings = load_fitted(args.data)

    def as_served(path: Path) -> FastaiImage:
        return FastaiImage.create(np.asarray(fit_to_square(open_picture(path), classifier.description.input)))

    dls = DataBlock(
        (ImageBlock, MultiCategoryBlock(encoded=True, vocab=settings["labels"])),
        get_x=as_served, get_y=lambda _: [0] * len(settings["labels"]),
        batch_tfms=Normalize.from_stats(settings["mean"], settings["std"]),
    ).dataloaders(args.pictures[:8], bs=4, num_workers=0, device="cpu")  # fmt: skip
    learner = Learner(dls, model, loss_func=BCEWithLogitsLossFlat())
    times: dict[str, list[float]] = {"learn.predict": [], "ours": []}
    apart = 0.0
    with learner.no_bar(), learner.no_logging():
        for number, path in enumerate(args.pictures):
            start = time.perf_counter()
            expected = learner.predict(path)[2].numpy()
            between = time.perf_counter()
            prediction = classifier.predict(open_picture(path))
            end = time.perf_counter()
            apart = max(apart, np.abs(expected - list(prediction.probabilities.values())).max())
            if number >= 3:  # the first ones warm up
                times["learn.predict"].append(between - start)
                times["ours"].append(end - between)
    middle = {name: 1000 * float(np.median(values)) for name, values in times.items()}
    print(json.dumps({
        "pictures": len(args.pictures), "median ms": {name: round(ms, 1) for name, ms in middle.items()},
        "ratio": round(middle["ours"] / middle["learn.predict"], 3), "apart at most": round(float(apart), 5),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
