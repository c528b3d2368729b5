"""data/fit/ -> the published model folder: model.onnx, classifier.json, and timm's Hub format."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from ...errors import DataError
from ...files import write_whole
from ..classes import Classes
from ..evaluation import FILE, Evaluation, evaluation_of, write_evaluation
from ..networks import names_of
from ..stage_key import sha256_of, stage_key
from ..table import REVIEWS
from .backbone import empty_model, networks_of
from .cut import cut
from .fitted import as_safetensors, finished_fit
from .published import BY_STORE, Published, distances, to_onnx

VERSION = 3  # of this code; another one exports again
BESIDE = ("model.safetensors", "config.json", FILE)  # what timm loads from the Hub, and the figures
LARGEST = 10_000_000  # bytes; what a page should have to load


def load_fitted(data: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The trained timm model and data/fit/fit.json. Raises DataError when there is no whole fit."""
    folder = Path(data) / "fit"
    settings, weights = finished_fit(folder), folder / "model.safetensors"
    if settings is None:
        raise DataError(f"{folder} holds no finished fit. Run `python train.py fit` first.")
    try:
        model = empty_model(settings["arch"], len(settings["labels"]), settings["model_args"])
        model.load_state_dict(load_file(weights))
    # another version's, or made by hand
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{weights} cannot be loaded ({reason}). Remove {folder}, then run `train.py fit`.") from None
    return model.eval(), settings


def export(classes: Classes, data: Path, out: Path) -> None:
    """Write the published model and the report's plots; each file replaces the old one whole.

    Skipped when the folder holds this very fit already. Raises DataError when there is no finished fit of these labels.
    """
    model, settings = load_fitted(data)
    if settings["labels"] != list(classes.labels):
        known, asked = (", ".join(labels) for labels in (settings["labels"], classes.labels))
        raise DataError(f"The fit in {data} tells {known}; the words are {asked} now. Run `python train.py fit` first.")
    evaluation = evaluation_of(settings.get("evaluation", {}))
    out = Path(out)
    mark = stage_key(version=VERSION, fit=settings, words=(classes.title, classes.tagline, classes.emoji))
    if exported_mark(out) == mark:
        print("export: nothing has changed since the last one.")
        return
    size = settings["input"]["size"]
    places = cut(model, 0, size).places
    published = Published(model, places, settings["mean"], settings["std"]).eval()
    graph = to_onnx(published, size)
    apart = distances(published, graph, size)
    if not all(apart[output] <= BY_STORE[output] for output in apart):
        print(f"export: weights of 16 bits would move an answer by {max(apart.values()):.2f}, so they keep their 32.")
        graph = to_onnx(published, size, half=False)
    if len(graph) > LARGEST:
        print(f"export: model.onnx is {len(graph) / 1e6:.1f} MB. Pages load slowly with it; a smaller --arch may do.")
    description = describe(classes, settings, evaluation) | {
        "heatmap": places is not None, "mark": mark, "model_sha256": hashlib.sha256(graph).hexdigest(),
    }  # fmt: skip
    fitted = Path(data) / "fit"
    write_whole(out / "model.onnx", graph)
    first = networks_of(model)[0]  # timm knows no network that is two: the Hub gets the first, which answers alone too
    write_whole(out / "model.safetensors", as_safetensors(first.state_dict()))
    write_whole(out / "config.json", json.dumps(hub_format(first, settings), indent=1) + "\n")
    write_evaluation(out, evaluation)
    for plot in sorted(fitted.glob("*.png")):
        write_whole(out / plot.name, plot.read_bytes())
    if (reviews := Path(data) / REVIEWS).exists():  # a person's work; whoever trains again may begin with it
        write_whole(out / REVIEWS, reviews.read_bytes())
    else:  # those of another model say nothing about this one
        (out / REVIEWS).unlink(missing_ok=True)
    # last, since it vouches for the others
    write_whole(out / "classifier.json", json.dumps(description, indent=1, ensure_ascii=False) + "\n")
    print(f"export: {out}/ holds the model: {len(graph) / 1e6:.1f} MB, {len(settings['labels'])} labels.")


def describe(classes: Classes, settings: dict[str, Any], evaluation: Evaluation) -> dict[str, Any]:
    """classifier.json: what a model says of itself."""
    return {
        "format": 1, "title": classes.title, "tagline": classes.tagline, "emoji": classes.emoji,
        "labels": settings["labels"],
        "thresholds": [round(threshold, 4) for threshold in evaluation.thresholds],
        "close": [[round(low, 4), round(high, 4)] for low, high in evaluation.close],
        "input": settings["input"],
        "sentences": evaluation.sentences, "metrics": evaluation.metrics(),
        "known_failures": {
            f"found as “{search.query}”": f"{search.called} of {search.pictures} pictures are called something"
            for search in evaluation.failures
        },
        "training": settings["training"], "versions": settings["versions"],
    }  # fmt: skip


def hub_format(network: nn.Module, settings: dict[str, Any]) -> dict[str, Any]:
    """config.json, timm's: pushed beside the rest, timm.create_model("hf-hub:USER/REPO", pretrained=True) loads it."""
    rule, labels = settings["input"], settings["labels"]
    return {
        "architecture": names_of(settings["arch"])[0],
        "num_classes": len(labels),
        "num_features": network.num_features,
        "model_args": settings["model_args"][0],
        "label_names": labels,
        "pretrained_cfg": {
            "mean": settings["mean"], "std": settings["std"], "input_size": [3, rule["size"], rule["size"]],
            "interpolation": rule["interpolation"], "crop_pct": 1.0,
            "crop_mode": "border" if rule["resize"] == "pad" else "squash", "num_classes": len(labels),
            "first_conv": network.pretrained_cfg["first_conv"], "classifier": network.pretrained_cfg["classifier"],
        },
    }  # fmt: skip


def exported_mark(out: Path) -> str | None:
    """The mark of the model that lies in the folder, if it is all there and classifier.json is that of model.onnx."""
    try:
        description = json.loads((out / "classifier.json").read_text(encoding="utf-8"))
        whole = description["model_sha256"] == sha256_of(out / "model.onnx")
        return description["mark"] if whole and all((out / name).exists() for name in BESIDE) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
