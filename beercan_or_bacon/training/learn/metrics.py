"""Probabilities and what pictures show -> figures with their intervals: pure arrays in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

from ..classes import NEITHER, Classes

BOOTSTRAPS = 500  # resamplings behind an interval
BINS = 15  # of the expected calibration error (Guo et al. 2017)


def measure(
    classes: Classes, targets: np.ndarray, probabilities: np.ndarray, thresholds: Sequence[float], sources: np.ndarray
) -> dict[str, dict[str, float]]:
    """Every figure with its 95 % interval. A figure that a set cannot give (no picture of two labels) is left out."""
    called = probabilities >= np.array(thresholds)
    single, nothing = targets.sum(1) == 1, targets.sum(1) == 0
    statistics: dict[str, tuple[Callable, np.ndarray]] = {
        "accuracy between the classes": (
            lambda i: np.mean(probabilities[i].argmax(1) == targets[i].argmax(1)), single),
        "accuracy of the whole verdict": (lambda i: np.mean((called[i] == targets[i]).all(1)), single | nothing),
        f"{NEITHER} called something": (lambda i: np.mean(called[i].any(1)), nothing),
    }  # fmt: skip
    for k, label in enumerate(classes.labels):
        has, everything = targets[:, k] == 1, np.ones(len(targets), bool)
        statistics |= {
            f"{label}: area under the ROC curve": (
                lambda i, k=k: roc_auc_score(targets[i, k], probabilities[i, k]), everything),
            f"{label}: found": (lambda i, k=k: np.mean(called[i, k]), has),
            f"{label}: expected calibration error": (
                lambda i, k=k: calibration_error(probabilities[i, k], targets[i, k]), everything),
        }  # fmt: skip
    return {name: interval(statistic, np.flatnonzero(of), sources) for name, (statistic, of) in statistics.items()}


def calibration_error(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Expected calibration error: |mean probability - share that is right|, weighted over BINS equal steps."""
    steps = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    gaps = np.abs(np.bincount(steps, probabilities - targets, BINS))
    return float(gaps.sum() / len(targets))


def interval(statistic: Callable[[np.ndarray], float], indices: np.ndarray, sources: np.ndarray) -> dict[str, float]:
    """The statistic over the indices, with its bootstrap 95 % interval, whole sources resampled."""
    chance, values = np.random.default_rng(0), []
    members = [indices[sources[indices] == source] for source in np.unique(sources[indices])]
    for _ in range(BOOTSTRAPS):
        picked = np.concatenate([members[j] for j in chance.integers(0, len(members), len(members))])
        try:
            values.append(statistic(picked))
        except ValueError:  # a resampling with one class alone has no ROC curve
            continue
    low, high = np.nanquantile(values, (0.025, 0.975))
    return {"value": round(float(statistic(indices)), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def loss_of(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Binary cross-entropy of each picture, summed over the labels: float [pictures]."""
    right = np.where(targets == 1, probabilities, 1 - probabilities)
    return -np.log(np.clip(right, 1e-6, 1)).sum(1)
