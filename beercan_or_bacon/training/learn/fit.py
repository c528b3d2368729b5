"""The kept pictures -> a trained model with its held-out evaluation, under data/fit/.

The backbone is cut in two. Its early stages are frozen, batch norm included, so what they say of a picture never
changes: they look once at a few augmented views of every picture, and only the late stages and the head are trained,
on those cached feature maps. That makes one training run a matter of seconds and cross-validation affordable, so that
every picture gets a prediction from a model that has seen neither it nor any other picture of its source.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from ..classes import Classes
from .backbone import best_device, fresh_model, pooling_of
from .cross_validate import cross_validate
from .cut import classifiers_of, cut
from .examples import FOLDS, Example, folds_of, joined_sources, kept_examples
from .features import cache_features
from .fine_tune import train_late
from .recipe import Recipe
from .report import counts, evaluate


def fit(classes: Classes, data: Path, *, arch: str, epochs: int, seed: int, device: str | None) -> None:
    """Cross-validate, train on everything, and save both under data/fit/; skipped when nothing has changed.

    data/fit/ then holds model.safetensors (the timm model with calibrated logits), fit.json (all that export needs),
    losses.csv (every picture's held-out loss, for review) and the report.
    """
    data, recipe, device = Path(data), Recipe(), device or best_device()
    folder = data / "fit"
    examples = kept_examples(classes, data)
    mark = fingerprint(classes, examples, recipe, arch, epochs, seed)
    if saved_mark(folder) == mark:
        print("fit: nothing has changed since the last one.")
        return
    model = fresh_model(arch, len(classes.labels))
    targets = np.array([example.target for example in examples], np.float32)
    settings = {"epochs": epochs, "seed": seed, "device": device}

    early = cut(model, recipe.late, recipe.size).early
    mean, std = model.pretrained_cfg["mean"], model.pretrained_cfg["std"]
    maps = cache_features(early, examples, recipe, mean, std, seed=seed, device=device)

    folds = folds_of(examples, FOLDS, seed)
    held_out = cross_validate(arch, maps, targets, folds, recipe, **settings)
    report = evaluate(classes, examples, joined_sources(examples), held_out, recipe.input_rule, folder)

    print("Training on everything")
    everything = np.arange(len(examples))
    train_late(model, maps, targets, everything, everything[:0], recipe, **settings)
    for classifier in classifiers_of(model):
        calibrate(classifier, report.temperatures)
    save_fit(folder, model, {
        "mark": mark, "arch": arch, "model_args": pooling_of(model), "labels": classes.labels,
        "size": recipe.size, "fill": recipe.fill,
        "mean": mean, "std": std, **asdict(report),
        "training": {
            "pictures": counts(classes, examples),
            "sources": len({group for example in examples for group in example.groups}),
            "sha256": hashlib.sha256("\n".join(sorted(e.record.sha256 for e in examples)).encode()).hexdigest(),
            "recipe": asdict(recipe), "epochs": epochs, "seed": seed, "backbone": arch,
        },
        "versions": {name: version(name) for name in ("torch", "fastai", "timm", "onnx", "onnxruntime")},
    })  # fmt: skip


def save_fit(folder: Path, model: nn.Module, settings: dict) -> None:
    """model.safetensors, then fit.json, which vouches for it."""
    weights = {name: tensor.contiguous().cpu() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors")
    temporary = folder / "fit.json.tmp"
    temporary.write_text(json.dumps(settings, indent=1), encoding="utf-8")
    temporary.replace(folder / "fit.json")


def calibrate(classifier: nn.Linear, temperatures: Sequence[float]) -> None:
    """Divide each label's logit by its temperature, inside the weights: nothing downstream needs to know."""
    with torch.no_grad():
        scale = torch.tensor(temperatures, device=classifier.weight.device)
        classifier.weight /= scale[:, None]
        classifier.bias /= scale


def fingerprint(classes: Classes, examples: Sequence[Example], *settings) -> str:
    """Changes when anything that the fit depends on does."""
    facts = [
        classes.labels,
        sorted((e.record.sha256, e.target, sorted(e.groups)) for e in examples),
        *map(str, settings),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def saved_mark(folder: Path) -> str | None:
    """The fingerprint of the fit that lies in the folder, if a whole one does."""
    try:
        return json.loads((folder / "fit.json").read_text(encoding="utf-8"))["mark"]
    except (FileNotFoundError, ValueError, KeyError):
        return None
