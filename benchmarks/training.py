"""Our fit beside fastai's plain recipe: wall time and quality, in one run, on the same pictures and the same split.

    python -m benchmarks.training --data data [--pictures 300]

The plain recipe is what fastai's first lesson teaches: RandomResizedCrop(224), aug_transforms(), fine_tune(4).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from fastai.vision.all import (
    BCEWithLogitsLossFlat,
    DataBlock,
    ImageBlock,
    Learner,
    MultiCategoryBlock,
    Normalize,
    RandomResizedCrop,
    aug_transforms,
    params,
    set_seed,
)
from sklearn.metrics import roc_auc_score

from beercan_or_bacon.training.classes import load_classes
from beercan_or_bacon.training.learn.backbone import best_device, fresh_model, suited
from beercan_or_bacon.training.learn.cut import cut
from beercan_or_bacon.training.learn.examples import Example, folds_of, kept_examples
from beercan_or_bacon.training.learn.features import cache_features
from beercan_or_bacon.training.learn.fine_tune import answers, train_late
from beercan_or_bacon.training.learn.recipe import Recipe
from beercan_or_bacon.training.learn.weights import find_weights
from beercan_or_bacon.training.networks import DEFAULT


def plain(examples: list[Example], valid: np.ndarray, arch: str, device: str) -> np.ndarray:
    """fastai's plain recipe: logits [valid pictures, labels]."""
    set_seed(0, reproducible=True)
    labels = [str(number) for number in range(len(examples[0].target))]
    held_out = set(valid)
    model = fresh_model(find_weights(arch), len(labels))
    mean, std = model.pretrained_cfg["mean"], model.pretrained_cfg["std"]
    dls = DataBlock(
        (ImageBlock, MultiCategoryBlock(encoded=True, vocab=labels)),
        get_x=lambda number: examples[number].path,
        get_y=lambda number: list(examples[number].target),
        splitter=lambda items: (
            [i for i in range(len(items)) if i not in held_out], [i for i in range(len(items)) if i in held_out]),
        item_tfms=RandomResizedCrop(224), batch_tfms=[*aug_transforms(), Normalize.from_stats(mean, std)],
    ).dataloaders(range(len(examples)), device=device, num_workers=0)  # fmt: skip

    def body_and_head(model):
        head = params(model.get_classifier())
        return [[p for p in model.parameters() if all(p is not h for h in head)], head]

    learner = Learner(dls, model, loss_func=BCEWithLogitsLossFlat(), splitter=body_and_head)
    if device == "cuda":
        learner.to_fp16()
    with learner.no_logging(), learner.no_bar():
        learner.fine_tune(4)
        return learner.get_preds(act=lambda logits: logits)[0].numpy()


def ours(examples: list[Example], train, valid, arch: str, epochs: int, device: str) -> np.ndarray:
    """The project's recipe: logits [valid pictures, labels]."""
    model = fresh_model(find_weights(arch), len(examples[0].target))
    recipe = suited(Recipe(), model)
    cfg = model.pretrained_cfg
    early = cut(model, recipe.late, recipe.size).early
    with tempfile.TemporaryDirectory() as folder:  # nothing has been looked at before
        settings = {"seed": 0, "device": device, "folder": Path(folder)}
        maps = cache_features(early, examples, recipe, cfg["mean"], cfg["std"], **settings)
    targets = np.array([example.target for example in examples], np.float32)
    learner = train_late(model, maps, targets, train, valid, recipe, epochs=epochs, seed=0, device=device)
    return answers(learner, maps[valid, 0])[0]


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--classes", type=Path, default=Path("classes.toml"))
    parser.add_argument("--arch", default=DEFAULT, help="the network of our recipe")
    parser.add_argument("--plain", default="tf_efficientnet_lite2", help="that of the plain recipe, which takes one")
    parser.add_argument("--epochs", type=int, default=2, help="of our recipe; the plain one has 1 + 4")
    parser.add_argument("--pictures", type=int, help="this many, by chance; 160 at least (batches of 64)")
    args = parser.parse_args()
    examples, device = kept_examples(load_classes(args.classes), args.data), best_device()
    picked = np.random.default_rng(0).permutation(len(examples))[: args.pictures]
    examples = [examples[i] for i in sorted(picked)]
    train, valid = folds_of(examples, 5, seed=0)[0]
    targets = np.array([example.target for example in examples])[valid]
    found = {"pictures": len(examples), "arch": args.arch, "plain arch": args.plain, "device": device}
    for name, run in {
        "plain": lambda: plain(examples, valid, args.plain, device),
        "ours": lambda: ours(examples, train, valid, args.arch, args.epochs, device),
    }.items():
        wall, cpu = time.perf_counter(), time.process_time()
        logits = run()
        found[name] = {
            "wall_s": round(time.perf_counter() - wall, 1),
            "cpu_s": round(time.process_time() - cpu, 1),
            "roc_auc": [round(float(roc_auc_score(targets[:, k], logits[:, k])), 4) for k in range(targets.shape[1])],
        }
    found["wall ratio"] = round(found["ours"]["wall_s"] / found["plain"]["wall_s"], 3)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
