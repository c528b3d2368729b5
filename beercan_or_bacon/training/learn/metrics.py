"""Answers and what pictures show -> figures with their intervals: pure arrays in and out.

Each statistic is computed for many weightings of the pictures at once, [runs, pictures]: run 0 is the data, the others
resample its sources.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import beta, norm, t

from ..evaluation import Estimate

BINS = 15  # of the expected calibration error (Guo et al. 2017)
TAILS = (0.025, 0.975)  # of a 95 % interval


def resamples(sources: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """How often each picture counts, float32 [1 + count, pictures]: row 0 is the data, others draw whole sources."""
    _, inverse = np.unique(sources, return_inverse=True)
    total = inverse.max() + 1
    drawn = np.random.default_rng(seed).multinomial(total, np.full(total, 1 / total), size=count)
    return np.vstack([np.ones(total), drawn]).astype(np.float32)[:, inverse]


def share(hits: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted share of hits [runs]; nan where nothing has weight. hits: bool, weights: float [runs, pictures]."""
    with np.errstate(invalid="ignore"):
        return (hits * weights).sum(1) / weights.sum(1)


def roc_area(scores: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The weighted area under the ROC curve [runs]; nan where one side has no weight. scores, targets: [pictures]."""
    levels, at = np.unique(scores, return_inverse=True)
    starts = np.flatnonzero(np.diff(np.sort(at), prepend=-1))
    assert len(starts) == len(levels)
    order = np.argsort(at, kind="stable")
    there, absent = (np.add.reduceat((weights * side)[:, order], starts, axis=1) for side in (targets, 1 - targets))
    below = np.cumsum(absent, 1) - absent / 2  # ties count half
    with np.errstate(invalid="ignore"):
        return (there * below).sum(1) / (there.sum(1) * absent.sum(1))


def calibration_error(probabilities: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Expected calibration error [runs]: |mean probability - share that is there|, weighted over BINS equal steps.

    probabilities, weights: float [runs, pictures]; targets: [pictures].
    """
    runs = len(weights)
    steps = np.minimum((probabilities * BINS).astype(int), BINS - 1) + np.arange(runs)[:, None] * BINS
    gaps = np.bincount(steps.ravel(), ((probabilities - targets) * weights).ravel(), runs * BINS)
    with np.errstate(invalid="ignore"):
        return np.abs(gaps).reshape(runs, BINS).sum(1) / weights.sum(1)


def once_a_source(weights: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Weights by which every source counts as much as any other, however many pictures it has. [runs, pictures]"""
    _, inverse, counts = np.unique(sources, return_inverse=True, return_counts=True)
    return weights / counts[inverse].astype(np.float32)


def independent(sources: np.ndarray) -> float:
    """As how many independent pictures they count if those of one source are all alike (Kish 1965)."""
    _, counts = np.unique(sources, return_counts=True)
    return float(counts.sum() ** 2 / (counts**2).sum())


def estimate_share(runs: np.ndarray, pictures: int, sources: int, least: float) -> Estimate:
    """A share with its 95 % interval (Korn & Graubard 1998): Clopper and Pearson's, for so many independent pictures
    as would vary as much as the resamples do, fewer by what so few sources leave unsure about that.

    So 12 of 12 from twelve sources are 0.74 to 1, where resampling alone says 1 to 1.
    runs: the share of the data, then of the resamples. least: what `independent` says, for when nothing varies.
    """
    value, varies = float(runs[0]), float(np.nanvar(runs[1:])) * sources / max(sources - 1, 1)
    spread = value * (1 - value)
    unsure = (norm.ppf(TAILS[1]) / t.ppf(TAILS[1], max(sources - 1, 1))) ** 2
    count = min(pictures, spread / varies * unsure) if varies > 0 and spread > 0 else least
    count = max(count, 1.0)
    hits = value * count
    low = beta.ppf(TAILS[0], hits, count - hits + 1) if value > 0 else 0.0
    high = beta.ppf(TAILS[1], hits + 1, count - hits) if value < 1 else 1.0
    return rounded(value, low, high)


def estimate_error(runs: np.ndarray, least: float) -> Estimate:
    """A calibration error with its 95 % interval: the resamples' spread, around the data's own.

    A resample's error is larger than the data's in the mean, since what is drawn twice agrees with itself; that is
    taken off. The upper end is no lower than what `least` pictures without one mistake leave open.
    """
    value = float(runs[0])
    low, high = value + np.nanquantile(runs[1:], TAILS) - np.nanmean(runs[1:])
    return rounded(value, np.clip(low, 0, value), min(max(high, value, 1 - TAILS[0] ** (1 / least)), 1))


def rounded(value: float, low: float, high: float) -> Estimate:
    """To four decimals: more would be noise, and a longer file."""
    return Estimate(*(round(float(number), 4) for number in (value, low, high)))


def loss_of(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Binary cross-entropy of each picture, summed over the labels: float [pictures]."""
    right = np.where(targets == 1, probabilities, 1 - probabilities)
    return -np.log(np.clip(right, 1e-6, 1)).sum(1)
