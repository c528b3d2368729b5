"""Held-out logits -> the Evaluation: what a user gets, on pictures whose source nothing has seen that answers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from ...serving.classifier import verdict_of
from ..classes import NEITHER, Classes, either
from ..evaluation import ALL, NOTHING, REST, WHICH, Evaluation, Figure, Search, among
from ..table import Record
from .calibration import Answers, Known, answer, calibrate, nested
from .examples import Example
from .figures import Ruler
from .metrics import resamples
from .sentences import sentence

RESAMPLES = 300  # behind an interval; thresholds and calibration are chosen again in each


@dataclass(frozen=True)
class Cases:
    """The pictures that were held out, as arrays in their order.

    kinds: str [pictures]; the label that a picture shows, or the kind of neither that it was found as.
    folds: int [pictures], the part in which each was held out.
    """

    known: Known
    kinds: np.ndarray
    folds: np.ndarray

    def __getitem__(self, chosen: np.ndarray) -> Cases:
        return Cases(self.known[chosen], self.kinds[chosen], self.folds[chosen])


def cases_of(
    classes: Classes, examples: Sequence[Example], sources: np.ndarray, folds: Sequence[tuple[np.ndarray, np.ndarray]]
) -> Cases:
    """What is known of the examples without looking at them: their labels, and the searches that found them."""
    targets = np.array([example.target for example in examples])
    found = [kind_of(classes, example.record) for example in examples]
    kinds = [
        kind if not target.any() else " and ".join(np.array(classes.labels)[target == 1])
        for (kind, _), target in zip(found, targets, strict=True)
    ]
    sides = (
        np.array([[like == label for label in classes.labels] for _, like in found]) & (targets.sum(1) == 0)[:, None]
    )
    part = np.zeros(len(examples), int)
    for number, (_, valid) in enumerate(folds):
        part[valid] = number
    return Cases(Known(targets, sides, sources, classes.shares), np.array(kinds), part)


def kind_of(classes: Classes, record: Record) -> tuple[str, str]:
    """What kind of neither a picture was found as, and the label that this kind resembles ("" for none)."""
    if group := classes.group_of(record.query):
        return group.name, group.like
    for label in classes.labels:  # found as a class, and a person said that it is not
        if record.query in classes.searches[label]:
            return f"found as {label}", label
    return NEITHER, ""


def evaluate(
    classes: Classes, examples: Sequence[Example], cases: Cases, logits: np.ndarray,
    unlike: dict[str, tuple[np.ndarray, np.ndarray]],
) -> Evaluation:  # fmt: skip
    """Calibrate and measure.

    logits: float [pictures, labels], each by a model that has seen nothing of the picture's source.
    unlike: what was left out -> (the indices of its pictures, their logits by a model trained without it).
    """
    weights = resamples(cases.known.sources, RESAMPLES)
    shipped = calibrate(logits, cases.known, weights[:1])
    answers = nested(logits, cases.known, cases.folds, weights)
    groups = [group.name for group in classes.groups]
    like = tuple(either([group.name for group in classes.groups if group.like == label]) for label in classes.labels)
    figures = measure(classes.labels, like, groups, cases, logits, answers, weights)
    without = {}
    for name, (out, said) in unlike.items():
        others = ~np.isin(cases.known.sources, cases.known.sources[out])
        chosen = calibrate(logits[others], cases.known[others], weights[:, others])
        without[name] = measure(classes.labels, like, [], cases[out], said, answer(said, chosen), weights[:, out])
    thresholds, close = expit(shipped.thresholds[0]), expit(shipped.close[0])
    return Evaluation(
        labels=classes.labels, scale=tuple(map(float, shipped.scale[0])), shift=tuple(map(float, shipped.shift[0])),
        thresholds=tuple(map(float, thresholds)), close=tuple((float(low), float(high)) for low, high in close),
        like=like, counts=counts(classes, examples), sources=len(np.unique(cases.known.sources)),
        figures=figures, unlike=without, searches=by_search(examples, cases, answers),
        sentences=tuple(sentence(classes, label, figures) for label in classes.labels),
    )  # fmt: skip


def measure(
    labels: Sequence[str], like: Sequence[str], groups: Sequence[str], cases: Cases, logits: np.ndarray,
    answers: Answers, weights: np.ndarray,
) -> tuple[Figure, ...]:  # fmt: skip
    """Every figure that these pictures can give, with intervals from the resamples in weights.

    like: for each label, the name of what resembles it. groups: the kinds of neither that are rows of their own.
    logits: [pictures, labels]; answers: [runs, pictures, labels]; weights: [runs, pictures].
    """
    ruler = Ruler(labels, cases.known, logits, answers, weights)
    targets, kinds, called = cases.known.targets, cases.kinds, answers.called
    nothing, everything = targets.sum(1) == 0, np.ones(len(targets), bool)
    probable = np.equal(answers.probabilities.argmax(2), targets.argmax(1))
    wrong, close, something = (
        np.logical_or.reduce(said, axis=2) for said in (called != targets, answers.close, called)
    )
    found = [
        ruler.share("right", "", WHICH, probable, targets.sum(1) == 1),
        ruler.share("right", "", ALL, ~wrong, everything),
        ruler.share("close", "", ALL, close, everything),
        ruler.share("close", "", "wrong answers", close, everything, among=wrong),
        ruler.share("called", "", NOTHING, something, nothing),
        *(ruler.share("called", "", kind, something, nothing & (kinds == kind)) for kind in groups),
    ]
    for k, label in enumerate(labels):
        there, own = targets[:, k] == 1, cases.known.sides[:, k]
        by_kind = {kind: own & (kinds == kind) for kind in groups if (own & (kinds == kind)).any()}
        sides = {like[k]: own, **(by_kind if len(by_kind) > 1 else {}), REST: ~there & ~own}
        found.append(ruler.share("found", label, label, called[..., k], there))
        found += [ruler.share("found", label, kind, called[..., k], there & (kinds == kind))
                  for kind in np.unique(kinds[there]) if kind != label]  # fmt: skip
        found.append(ruler.error(k, ALL, everything))
        for of, these in sides.items():
            found += [ruler.share("called", label, of, called[..., k], these), ruler.area(k, of, there, these)]
            if of != REST and these.any():
                found.append(ruler.error(k, among(label, of), there | these))
    return tuple(figure for figure in found if figure)


def by_search(examples: Sequence[Example], cases: Cases, answers: Answers) -> tuple[Search, ...]:
    """The pictures that show none of the labels, by the search that found them; the most often mistaken first."""
    rows: dict[tuple[str, str], list[bool]] = {}
    for example, target, kind, called in zip(
        examples, cases.known.targets, cases.kinds, answers.called[0].any(1), strict=True
    ):
        if not target.any():
            rows.setdefault((example.record.query, str(kind)), []).append(bool(called))
    searches = (Search(query, kind, len(row), sum(row)) for (query, kind), row in rows.items())
    return tuple(sorted(searches, key=lambda search: (-search.called / search.pictures, -search.pictures)))


def shown_by(classes: Classes, target: Sequence[int]) -> str:
    """What a target shows, in the words of a verdict."""
    return verdict_of(tuple(label for label, on in zip(classes.labels, target, strict=True) if on), classes.labels)


def counts(classes: Classes, examples: Sequence[Example]) -> dict[str, int]:
    """How many pictures show what."""
    shows = [shown_by(classes, example.target) for example in examples]
    return {name: shows.count(name) for name in sorted(set(shows), key=shows.count, reverse=True)}
