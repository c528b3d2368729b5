"""Backbones side by side: time, size and, with a data folder, quality by kind of picture.

    python -m benchmarks.backbones NAME... [--random] [--data data] [--epochs 6]

The first NAME is what the others' times are a ratio of. Weights come from the Hub; --random makes them up instead, for
times and sizes without the Hub. Quality is the area under the ROC curve of held-out pictures, every label against the
pictures of neither that each kind of search found.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import onnxruntime
import timm
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from beercan_or_bacon.errors import BeerCanOrBaconError
from beercan_or_bacon.training.classes import load_classes
from beercan_or_bacon.training.learn.backbone import best_device, fresh_model, suited
from beercan_or_bacon.training.learn.cut import Parts, cut
from beercan_or_bacon.training.learn.examples import folds_of, kept_examples
from beercan_or_bacon.training.learn.features import cache_features
from beercan_or_bacon.training.learn.fine_tune import answers, train_late
from beercan_or_bacon.training.learn.published import Published, to_onnx
from beercan_or_bacon.training.learn.recipe import Recipe
from beercan_or_bacon.training.learn.weights import find_weights

ROUNDS = 30


def session_of(model: nn.Module, parts: Parts, recipe: Recipe) -> tuple[onnxruntime.InferenceSession, float]:
    """The published graph on one core, as a page runs it, and its size in MB."""
    cfg = model.pretrained_cfg
    graph = to_onnx(Published(model, parts.places, cfg["mean"], cfg["std"]).eval(), recipe.size)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"]), len(graph) / 1e6


def times(sessions: dict[str, tuple[onnxruntime.InferenceSession, int]]) -> dict[str, float]:
    """Median ms of one picture, the networks in turn, so that a busy machine is as busy for each."""
    seen: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(ROUNDS):
        for name, (session, size) in sessions.items():
            picture = np.zeros((1, size, size, 3), np.uint8)
            start = time.perf_counter()
            session.run(None, {"image": picture})
            seen[name].append(1000 * (time.perf_counter() - start))
    return {name: float(np.median(taken[3:])) for name, taken in seen.items()}  # the first ones warm up


def quality(model: nn.Module, parts: Parts, recipe: Recipe, args: argparse.Namespace) -> dict[str, float]:
    """Area under the ROC curve of one held-out fifth: label against neither, by the search that found it."""
    classes, device = load_classes(args.classes), best_device()
    examples, cfg = kept_examples(classes, args.data), model.pretrained_cfg
    targets = np.array([example.target for example in examples], np.float32)
    kept = {"seed": 0, "device": device, "folder": args.data / "features"}
    maps = cache_features(parts.early, examples, recipe, cfg["mean"], cfg["std"], **kept)
    train, valid = folds_of(examples, 5, seed=0)[0]
    learner = train_late(model, maps, targets, train, valid, recipe, epochs=args.epochs, seed=0, device=device)
    logits, shows = answers(learner, maps[valid, 0])[0], targets[valid]
    found_by = np.array([examples[i].record.query for i in valid])
    neither = shows.sum(1) == 0
    kinds = {"all neither": neither, **{query: neither & (found_by == query) for query in set(found_by[neither])}}
    return {
        f"{label} against {kind}": round(float(roc_auc_score(shows[chosen, k], logits[chosen, k])), 4)
        for k, label in enumerate(classes.labels)
        for kind, of in kinds.items()
        if of.sum() >= 5 and (chosen := of | (shows[:, k] == 1)).any()
    }


def main() -> None:
    """Print one JSON line a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="NAME", help="timm's")
    parser.add_argument("--random", action="store_true", help="weights made up: times and sizes only")
    parser.add_argument("--data", type=Path, help="of a cleaned data set: measures quality too")
    parser.add_argument("--classes", type=Path, default=Path("classes.toml"))
    parser.add_argument("--epochs", type=int, default=6)
    args = parser.parse_args()
    found, sessions = {}, {}
    for name in args.names:
        try:
            random = args.random and timm.create_model(name, pretrained=False, num_classes=2)
            model = random or fresh_model(find_weights(name), len(load_classes(args.classes).labels))
            recipe = suited(Recipe(), model)
            parts = cut(model, recipe.late, recipe.size)
            session, megabytes = session_of(model.eval(), parts, recipe)
        except BeerCanOrBaconError as error:
            print(json.dumps({"network": name, "error": str(error)}))
            continue
        sessions[name] = session, recipe.size
        found[name] = {"pixels": recipe.size, "MB": round(megabytes, 1), "trained": parts.told(name)}
        if args.data and not args.random:
            found[name]["ROC areas"] = quality(model, parts, recipe, args)
    taken = times(sessions)
    for name, facts in found.items():
        ratio = round(taken[name] / taken[next(iter(taken))], 2)
        print(json.dumps({"network": name, "median ms": round(taken[name], 1), "ratio": ratio, **facts}))


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
