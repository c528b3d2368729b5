"""The evaluation's rows again, from what a person saw in the pictures instead of what the search said of them.

    python -m benchmarks.held_out CORPUS [--data data] [--cut N]   held-out models, nested thresholds
    python -m benchmarks.held_out CORPUS --model model             a finished model, its own thresholds

CORPUS holds pictures and truth.csv (file, true_label, kind), which only the benchmarks read; with --model they must be
pictures that it was not trained on. Otherwise the fit's folds are trained on what the cleaning kept, as the fit did it,
and answer also what it dropped; calibration and thresholds come from the searches' labels, as in the fit. --cut is
another way to cut the sources into five parts: what holds for one cut alone does not hold.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import logit

from beercan_or_bacon.serving.classifier import Classifier
from beercan_or_bacon.serving.pictures import open_picture
from beercan_or_bacon.training.classes import NEITHER, Classes, load_classes
from beercan_or_bacon.training.evaluation import Figure, plain
from beercan_or_bacon.training.learn.backbone import best_device, fresh_model, suited
from beercan_or_bacon.training.learn.calibration import Answers, Known, nested
from beercan_or_bacon.training.learn.cross_validate import cross_validate
from beercan_or_bacon.training.learn.cut import cut
from beercan_or_bacon.training.learn.evaluate import RESAMPLES, Cases, cases_of, measure
from beercan_or_bacon.training.learn.examples import (
    FOLDS,
    Example,
    folds_of,
    joined_sources,
    kept_examples,
    source_of,
)
from beercan_or_bacon.training.learn.features import cache_features
from beercan_or_bacon.training.learn.fit import fold_key
from beercan_or_bacon.training.learn.metrics import resamples
from beercan_or_bacon.training.learn.recipe import Recipe
from beercan_or_bacon.training.learn.weights import find_weights
from beercan_or_bacon.training.table import read_table

# the kinds of neither in truth.csv -> the labels that they resemble
KINDS = {"near": ("beercan", "bacon"), "lookalike": ("beercan",), "food": ("bacon",), "unrelated": ()}
SHOWN = {  # how a label is shown, in truth.csv -> the row it belongs to
    **dict.fromkeys(("burger", "plate", "sandwich", "wrapped", "pizza"), "in meals"),
    **dict.fromkeys(("table", "hand", "outdoor", "shelf", "pack", "pile", "crushed"), "in the wild"),
}


@dataclass(frozen=True)
class Truth:
    """What a person saw in a picture: true_label ("beercan", "neither" ...), and its kind."""

    label: str
    kind: str


def read_truth(corpus: Path) -> dict[Path, Truth]:
    """truth.csv: picture -> Truth."""
    with (corpus / "truth.csv").open(newline="", encoding="utf-8") as file:
        return {corpus / row["file"]: Truth(row["true_label"], row["kind"]) for row in csv.DictReader(file)}


def truth_figures(
    labels: Sequence[str], truths: Sequence[Truth], sources: np.ndarray, logits: np.ndarray, answers: Answers,
    weights: np.ndarray,
) -> tuple[Figure, ...]:  # fmt: skip
    """The evaluation's rows for what was seen; pictures of something in between (drawings, ambiguous) are left out.

    sources: [pictures]; logits: [pictures, labels]; answers: [runs, pictures, labels]; weights: [runs, pictures].
    """
    names = [label.replace(" ", "") for label in labels]
    used = np.array([truth.label in names or truth.kind in KINDS for truth in truths])
    truths = [truth for truth, use in zip(truths, used, strict=True) if use]
    targets = np.array([[int(truth.label == name) for name in names] for truth in truths])
    sides = np.array([[truth.label == NEITHER and name in KINDS[truth.kind] for name in names] for truth in truths])
    kinds = [
        truth.kind if truth.label == NEITHER else SHOWN.get(truth.kind, labels[names.index(truth.label)])
        for truth in truths
    ]
    cases = Cases(Known(targets, sides, sources[used], ()), np.array(kinds), np.zeros(len(truths), int))
    like = [" or ".join(kind for kind, of in KINDS.items() if name in of) for name in names]
    return measure(labels, like, list(KINDS), cases, logits[used], answers[used], weights[:, used])


def held_out(classes: Classes, data: Path, corpus: Path, parts: int | None = None) -> dict[str, tuple[Figure, ...]]:
    """The figures of all that was found, and of what the cleaning kept, by models that had not seen the source.

    parts: the seed by which sources are cut into parts; None for the fit's.
    """
    fit = json.loads((data / "fit" / "fit.json").read_text(encoding="utf-8"))
    settings = {name: fit["training"][name] for name in ("epochs", "seed")} | {"device": best_device()}
    kept = kept_examples(classes, data)
    folds = folds_of(kept, FOLDS, settings["seed"] if parts is None else parts)
    examples, valids = with_dropped(data, kept, [valid for _, valid in folds], len(classes.labels))
    folds = [(train, valid) for (train, _), valid in zip(folds, valids, strict=True)]
    targets = np.array([example.target for example in examples], np.float32)
    arch = fit["training"]["backbone"]
    model = fresh_model(find_weights(arch), len(classes.labels))
    recipe, cfg = suited(Recipe(), model), model.pretrained_cfg
    early = cut(model, recipe.late, recipe.size).early
    look = {"seed": settings["seed"], "device": settings["device"], "folder": data / "features"}
    maps = cache_features(early, examples, recipe, cfg["mean"], cfg["std"], **look)
    key = fold_key(examples, early, arch=arch, recipe=recipe, **settings)
    said = cross_validate(model, maps, targets, folds, recipe, **settings, key=key, folder=data / "folds").logits
    sources = joined_sources(examples)
    cases, trusted = cases_of(classes, examples, sources, folds), np.arange(len(examples)) < len(kept)
    weights = resamples(sources, RESAMPLES)
    answers = nested(said, cases.known, cases.folds, weights, trusted)
    seen = {hashlib.sha256(path.read_bytes()).hexdigest(): truth for path, truth in read_truth(corpus).items()}
    truths = [seen.get(example.record.sha256, Truth("", "")) for example in examples]
    found = {}
    for name, these in (("all that was found", trusted | True), ("what the cleaning kept", trusted)):
        some = [truth for truth, take in zip(truths, these, strict=True) if take]
        figures = truth_figures(classes.labels, some, sources[these], said[these], answers[these], weights[:, these])
        found[name] = figures
    return found


def with_dropped(
    data: Path, kept: list[Example], valids: list[np.ndarray], labels: int
) -> tuple[list[Example], list[np.ndarray]]:
    """The kept pictures and behind them the dropped ones, each in the part that holds its source; and the parts.

    A dropped picture whose sources lie in several parts is left out: every model has seen one of them.
    """
    parts: dict[str, set[int]] = {}
    for number, valid in enumerate(valids):
        for index in valid:
            for group in kept[index].groups:
                parts.setdefault(group, set()).add(number)
    rows: dict[str, list] = {}
    known = {example.record.sha256 for example in kept}
    for record in read_table(data):
        if record.file and record.sha256 not in known and (data / record.file).exists():
            rows.setdefault(record.sha256, []).append(record)
    examples, more = list(kept), [list(valid) for valid in valids]
    for sha256, same in sorted(rows.items()):
        groups = frozenset(map(source_of, same))
        held = set().union(*(parts.get(group, set()) for group in groups)) or {int(sha256, 16) % len(valids)}
        if len(held) == 1:
            more[held.pop()].append(len(examples))
            examples.append(Example(data / same[0].file, same[0], (0,) * labels, groups))
    return examples, [np.array(valid) for valid in more]


def by_model(folder: Path, corpus: Path) -> tuple[Figure, ...]:
    """The figures of a finished model, at its own thresholds. Each picture is a source, or what manifest.csv says."""
    classifier, truths = Classifier(folder), read_truth(corpus)
    about, by = classifier.description, {}
    if (corpus / "manifest.csv").exists():
        with (corpus / "manifest.csv").open(newline="", encoding="utf-8") as file:
            by = {corpus / row["file"]: row["creator"] for row in csv.DictReader(file)}
    said = [classifier.predict(open_picture(path)) for path in truths]
    probabilities = np.array([[one.probabilities[label] for label in about.labels] for one in said])
    _, sources = np.unique([by.get(path) or str(path) for path in truths], return_inverse=True)
    close = np.array([[label in one.close for label in about.labels] for one in said])
    weights = resamples(sources, RESAMPLES)
    once = (
        np.repeat(each[None], len(weights), 0) for each in (probabilities, probabilities >= about.thresholds, close)
    )
    logits = logit(np.clip(probabilities, 1e-6, 1 - 1e-6))
    return truth_figures(about.labels, list(truths.values()), sources, logits, Answers(*once), weights)


def main() -> None:
    """Print a Markdown table for each set of pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--data", type=Path, default=Path("data"), help="with a finished fit")
    parser.add_argument("--classes", type=Path, default=Path("classes.toml"))
    parser.add_argument("--cut", type=int, help="the seed of another cut into parts; default: the fit's own")
    parser.add_argument("--model", type=Path, help="measure this model folder instead")
    args = parser.parse_args()
    if args.model:
        tables = {f"{args.model} on {args.corpus}": by_model(args.model, args.corpus)}
    else:
        tables = held_out(load_classes(args.classes), args.data, args.corpus, args.cut)
    for name, figures in tables.items():
        print(
            f"\n**{name}**\n\n| what | pictures | by picture | sources | by source |\n| --- | --- | --- | --- | --- |"
        )
        for figure in figures:
            once = figure.by_source
            by_source = f"{plain(once.value)} ({plain(once.low)} to {plain(once.high)})"
            print(f"| {figure.name} | {figure.pictures} | {figure.text} | {figure.sources} | {by_source} |")


if __name__ == "__main__":
    main()
