"""The kept pictures -> a trained model with its held-out evaluation, under data/fit/.

The backbone is cut in two. Its early stages are frozen, batch norm included, so what they say of a picture never
changes: they look once at a few augmented views of every picture, and only the late stages and the head are trained,
on those cached feature maps. That makes one training run a matter of seconds and cross-validation affordable, so that
every picture gets a prediction from a model that has seen neither it nor any other picture of its source.

Networks side by side, the default, stay as they are: two small ones with a head tell more than a large one that is
trained, in less time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .. import evaluation as evaluations
from ..classes import Classes
from ..evaluation import Evaluation
from ..stage_key import constants_of, stage_key
from . import augmented, backbone, calibration, fine_tune, metrics, plots, report, side_by_side, unlike
from . import evaluate as measuring
from . import examples as picking
from . import recipe as recipes
from .backbone import arguments_of, best_device, fresh_model, suited
from .cross_validate import cross_validate
from .cut import classifiers_of, cut
from .evaluate import cases_of, evaluate
from .examples import FOLDS, Example, folds_of, joined_sources, kept_examples
from .features import cache_features, weights_of
from .fine_tune import train_late
from .fitted import finished_fit, save_fit
from .published import refuse_unexportable
from .recipe import Recipe
from .report import write_report
from .unlike import left_out
from .weights import find_weights

# whose constants a fold's answers depend on, and whose the fit and its report
TRAINED_BY = (augmented, backbone, fine_tune, recipes, side_by_side)
MEASURED_BY = (*TRAINED_BY, picking, calibration, metrics, measuring, evaluations, unlike, plots, report)


def fit(classes: Classes, data: Path, *, arch: str, epochs: int, seed: int, device: str | None) -> None:
    """Cross-validate, train on everything, and save both under data/fit/; skipped when nothing has changed.

    data/fit/ then holds model.safetensors (the timm model with calibrated logits), fit.json (all that export needs, the
    Evaluation too), losses.csv (every picture's held-out loss, for review) and the report. What was looked at and each
    fold that has ended are kept beside it (data/features/, data/folds/): stopped, the next run goes on from there, to
    the same model.
    """
    data, recipe, device = Path(data), Recipe(), device or best_device()
    folder = data / "fit"
    examples = kept_examples(classes, data)
    mark = fingerprint(classes, examples, recipe, arch, epochs, seed)
    if (finished_fit(folder) or {}).get("mark") == mark:
        print("fit: nothing has changed since the last one.")
        return
    torch.manual_seed(seed)  # of the new head: for some networks it is among what the features are kept by
    weights = find_weights(arch)
    model = fresh_model(weights, len(classes.labels))
    recipe = suited(recipe, model)
    parts = cut(model, recipe.late, recipe.size)
    print(*weights, parts.told(arch), sep="\n")
    early, mean, std = parts.early, model.pretrained_cfg["mean"], model.pretrained_cfg["std"]
    refuse_unexportable(model, parts.places, recipe.size, mean, std)
    targets = np.array([example.target for example in examples], np.float32)
    settings: dict[str, Any] = {"epochs": epochs, "seed": seed, "device": device}
    maps = cache_features(early, examples, recipe, mean, std, seed=seed, device=device, folder=data / "features")

    folds = folds_of(examples, FOLDS, seed)
    key = fold_key(examples, early, arch=arch, recipe=recipe, **settings)
    without = partial(cross_validate, model, maps, targets, recipe=recipe, **settings, key=key, folder=data / "folds")
    held_out = without(folds=folds)
    apart = {name: (out, without(folds=[(train, out)]).logits) for name, (train, out) in left_out(examples).items()}

    print("Training on everything")
    everything = np.arange(len(examples))
    train_late(model, maps, targets, everything, everything[:0], recipe, **settings)
    (folder / "fit.json").unlink(missing_ok=True)  # from here on it would vouch for a report and weights of another fit
    cases = cases_of(classes, examples, joined_sources(examples), folds)
    evaluation = evaluate(classes, examples, cases, held_out.logits, apart)
    write_report(folder, classes, examples, cases, held_out, evaluation, recipe.input_rule)
    for classifier in classifiers_of(model):
        calibrate(classifier, evaluation.scale, evaluation.shift)
    save_fit(folder, model.state_dict(), {
        "mark": mark, "arch": arch, "model_args": arguments_of(model), "labels": classes.labels,
        "input": recipe.input_rule.model_dump(), "mean": mean, "std": std, "evaluation": asdict(evaluation),
        "training": training_facts(examples, evaluation, recipe) | {
            "epochs": epochs, "seed": seed, "backbone": arch, "weights": [one.facts for one in weights],
        },
        "versions": {name: version(name) for name in ("torch", "fastai", "timm", "onnx", "onnxruntime")},
    })  # fmt: skip


def training_facts(examples: Sequence[Example], evaluation: Evaluation, recipe: Recipe) -> dict[str, object]:
    """What the model was trained on, and how."""
    return {
        "pictures": evaluation.counts, "sources": evaluation.sources,
        "sha256": hashlib.sha256("\n".join(sorted(e.record.sha256 for e in examples)).encode()).hexdigest(),
        "recipe": asdict(recipe),
    }  # fmt: skip


def calibrate(classifier: nn.Linear | nn.Conv2d, scale: Sequence[float], shift: Sequence[float]) -> None:
    """Make each label's logit its calibrated log-odds, inside the weights: nothing downstream needs to know."""
    with torch.no_grad():
        factor, offset = (torch.tensor(numbers, device=classifier.weight.device) for numbers in (scale, shift))
        classifier.weight *= factor.view(-1, *[1] * (classifier.weight.ndim - 1))
        classifier.bias.mul_(factor).add_(offset)


def fold_key(examples: Sequence[Example], early: nn.Module, **settings: object) -> str:
    """Changes when anything does that a fold's answers depend on, beside its pictures' parts."""
    pictures = [(example.record.sha256, example.target) for example in examples]
    constants = constants_of(*TRAINED_BY)
    return stage_key(pictures=pictures, weights=weights_of(early), constants=constants, **settings)


def fingerprint(
    classes: Classes, examples: Sequence[Example], recipe: Recipe, arch: str, epochs: int, seed: int
) -> str:
    """Changes when anything does that the fit or its report depends on; a device changes no more than the rounding."""
    learned = [
        (e.target, e.groups, replace(e.record, score=None)) for e in sorted(examples, key=lambda e: e.record.sha256)
    ]
    constants = constants_of(*MEASURED_BY)
    return stage_key(
        classes=classes, learned=learned, constants=constants, recipe=recipe, arch=arch, epochs=epochs, seed=seed
    )
