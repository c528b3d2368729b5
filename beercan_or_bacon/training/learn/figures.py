"""Arrays of answers -> Figures: each with both its means, and an interval for either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..evaluation import Figure
from .calibration import Answers, Known
from .metrics import calibration_error, estimate_error, estimate_share, independent, once_a_source, roc_area, share


@dataclass(frozen=True)
class Ruler:
    """What figures are taken from; a figure that the pictures cannot give is None.

    logits: float [pictures, labels]; answers: [runs, pictures, labels]; weights: float [runs, pictures], run 0 the
    data. The methods take masks over the pictures.
    """

    labels: Sequence[str]
    known: Known
    logits: np.ndarray
    answers: Answers
    weights: np.ndarray

    def share(
        self, measure: str, label: str, of: str, hits: np.ndarray, these: np.ndarray, among: np.ndarray | None = None
    ) -> Figure | None:
        """How many of these pictures are hits. hits, among: bool [runs, pictures]; among: which are asked at all."""
        asked = these & (among[0] if among is not None else True)
        if not asked.any():
            return None
        sources, count = self.known.sources[asked], int(asked.sum())
        weights = self.weights if among is None else self.weights * among
        weights, hits = weights[:, these], hits[:, these]
        means = share(hits, weights), share(hits, once_a_source(weights, self.known.sources[these]))
        total = len(np.unique(sources))
        by_picture = estimate_share(means[0], count, total, independent(sources))
        return Figure(measure, label, of, by_picture, estimate_share(means[1], total, total, total), count, total)

    def area(self, k: int, of: str, there: np.ndarray, these: np.ndarray) -> Figure | None:
        """How well the label's pictures are told from these, whatever the threshold."""
        if not there.any() or not these.any():
            return None
        both, sources = there | these, self.known.sources
        weights, once = self.weights, np.zeros_like(self.weights)
        for side in (there, these):
            once[:, side] = once_a_source(weights[:, side], sources[side])
        scores, targets = self.logits[both, k], there[both].astype(int)
        pictures, total = int(both.sum()), len(np.unique(sources[both]))
        by_picture, by_source = (roc_area(scores, targets, each[:, both]) for each in (weights, once))
        fewest = min(len(np.unique(sources[side])) for side in (there, these))
        least = min(independent(sources[side]) for side in (there, these))
        return Figure(
            "area", self.labels[k], of, estimate_share(by_picture, pictures, fewest, least),
            estimate_share(by_source, total, fewest, fewest), pictures, total,
        )  # fmt: skip

    def error(self, k: int, of: str, these: np.ndarray) -> Figure:
        """How far the probabilities said are from the shares that are there."""
        sources, weights = self.known.sources[these], self.weights[:, these]
        probabilities, targets = self.answers.probabilities[:, these, k], self.known.targets[these, k]
        means = [calibration_error(probabilities, targets, each) for each in (weights, once_a_source(weights, sources))]
        total = len(np.unique(sources))
        by_picture, by_source = (
            estimate_error(mean, least) for mean, least in zip(means, (independent(sources), total), strict=True)
        )
        return Figure("calibration error", self.labels[k], of, by_picture, by_source, int(these.sum()), total)
