"""How often two things in one picture are both seen: held-out pictures of two classes, put side by side.

    python -m benchmarks.both [--data data] [--pairs 40]

Each part of the data is held out in turn, as the fit does it; answers are at the fit's own calibration and thresholds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.special import expit

from beercan_or_bacon.serving.pictures import KEEP_SIDE, open_picture
from beercan_or_bacon.training.classes import load_classes
from beercan_or_bacon.training.evaluation import evaluation_of
from beercan_or_bacon.training.learn.backbone import best_device, fresh_model, suited
from beercan_or_bacon.training.learn.cut import cut
from beercan_or_bacon.training.learn.examples import FOLDS, folds_of, kept_examples
from beercan_or_bacon.training.learn.features import cache_features
from beercan_or_bacon.training.learn.fine_tune import answers, train_late
from beercan_or_bacon.training.learn.recipe import Recipe
from beercan_or_bacon.training.learn.weights import find_weights
from beercan_or_bacon.training.stage_key import sha256_of


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=Path, default=Path("classes.toml"))
    parser.add_argument("--data", type=Path, default=Path("data"), help="with a finished fit")
    parser.add_argument("--pairs", type=int, default=40, help="from each held-out part")
    args = parser.parse_args()
    fit = json.loads((args.data / "fit" / "fit.json").read_text(encoding="utf-8"))
    measured = evaluation_of(fit["evaluation"])
    arch, epochs, seed = (fit["training"][name] for name in ("backbone", "epochs", "seed"))
    device = best_device()
    examples = kept_examples(load_classes(args.classes), args.data)
    targets = np.array([example.target for example in examples], np.float32)
    model = fresh_model(find_weights(arch), targets.shape[1])
    recipe = suited(Recipe(), model)
    early = cut(model, recipe.late, recipe.size).early
    mean, std = model.pretrained_cfg["mean"], model.pretrained_cfg["std"]
    kept = {"seed": seed, "device": device, "folder": args.data / "features"}  # the fit's own
    maps = cache_features(early, examples, recipe, mean, std, **kept)
    folds = folds_of(examples, FOLDS, seed)
    with tempfile.TemporaryDirectory() as folder:
        pairs = []
        for number, (_, valid) in enumerate(folds):
            random = np.random.default_rng(number)
            only = [valid[(targets[valid, k] == 1) & (targets[valid].sum(1) == 1)] for k in (0, 1)]
            for _ in range(args.pairs):
                one, other = (examples[random.choice(indices)] for indices in only)
                side_by_side(one.path, other.path).save(path := Path(folder) / f"{len(pairs)}.png")
                pairs.append(replace(one, path=path, record=replace(one.record, sha256=sha256_of(path))))
        kept["folder"] = Path(folder) / "features"
        seen = cache_features(early, pairs, replace(recipe, views=0), mean, std, **kept)
    called = []
    for (train, valid), both in zip(folds, seen[:, 0].split(args.pairs), strict=True):
        fold = fresh_model(find_weights(arch), targets.shape[1])
        learner = train_late(fold, maps, targets, train, valid[:0], recipe, epochs=epochs, seed=seed, device=device)
        log_odds = answers(learner, both)[0] * measured.scale + measured.shift
        called.append(expit(log_odds) >= measured.thresholds)
    called = np.concatenate(called)[:, :2]
    print(json.dumps({
        "pictures of both": len(called), "called both": round(called.all(1).mean(), 3),
        "called one": round((called.sum(1) == 1).mean(), 3), "called neither": round((~called).all(1).mean(), 3),
    }))  # fmt: skip


def side_by_side(one: Path, other: Path) -> Image.Image:
    """Two pictures of the same height beside each other."""
    pictures = [open_picture(path) for path in (one, other)]
    pictures = [p.resize((max(1, p.width * KEEP_SIDE // p.height), KEEP_SIDE)) for p in pictures]
    pair = Image.new("RGB", (sum(picture.width for picture in pictures), KEEP_SIDE))
    pair.paste(pictures[0], (0, 0))
    pair.paste(pictures[1], (pictures[0].width, 0))
    return pair


if __name__ == "__main__":
    main()
