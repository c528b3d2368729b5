"""Which pictures do not show what they were searched as? Noisy labels against the pretrained network's features."""

from __future__ import annotations

import numpy as np
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GroupKFold

from ...errors import DataError
from .embeddings import Look
from .settings import SETTINGS


def similarity(looks: list[Look]) -> np.ndarray:
    """How alike pictures are as a whole, part by part, at their peaks and in the middle: a kernel, [n, n], 0..1."""
    grid = np.stack([look.grid for look in looks]).astype(np.float32)  # [n, 3, 3, channels]
    peak = np.stack([look.peak for look in looks]).astype(np.float32)  # [n, channels]
    middle = np.stack([look.middle for look in looks]).astype(np.float32)  # [n, 2, channels]
    views = grid.mean((1, 2)), grid.reshape(len(grid), -1), peak, middle[:, 0], middle[:, 1]
    return sum(gaussian(view) for view in views) / len(views)


def gaussian(features: np.ndarray) -> np.ndarray:
    """Gaussian kernel of the angle between centred features [n, d]; its width is the median distance."""
    centred = features - features.mean(0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True) + 1e-9
    distances = np.maximum(2 - 2 * centred @ centred.T, 0)
    return np.exp(-distances / np.median(distances))


def out_of_fold(kernel: np.ndarray, target: np.ndarray, weight: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """How much each picture looks like the class to a classifier that saw neither it nor its group.

    target: 0 or 1 [n]; weight: >= 0 [n]; groups: int [n]. Returns about 0 (not at all) to 1 (very much), float [n].
    Raises DataError when all are of one group.
    """
    folds = min(SETTINGS.folds, len(np.unique(groups)))
    if folds < 2:
        raise DataError("All pictures are copies of one. Give the classes more search terms and scrape again.")
    scores = np.zeros(len(target))
    for seed in range(SETTINGS.shuffles):
        for train, test in GroupKFold(folds, shuffle=True, random_state=seed).split(kernel, groups=groups):
            train = train[weight[train] > 0]
            mean = np.average(target[train], weights=weight[train])
            model = KernelRidge(alpha=SETTINGS.ridge, kernel="precomputed")
            model.fit(kernel[np.ix_(train, train)], target[train] - mean, sample_weight=weight[train])
            scores[test] += (model.predict(kernel[np.ix_(test, train)]) + mean) / SETTINGS.shuffles
    return scores


def on_topic(
    kernel: np.ndarray, found: np.ndarray, other: np.ndarray, sure: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How much each picture looks like the class, learnt from noisy labels, and how much it should: float [n] twice.

    found: bool [n], searched as the class; other: bool [n], searched as something else (nothing is learnt from pictures
    that are both); sure: bool [n], a person said so; groups: int [n], pictures that may not vouch for each other.

    After a first fit the pictures are weighed by how far the fit agrees with their label, and the fit is repeated
    (self-paced learning, Kumar et al. 2010; the out-of-fold scores are those of confident learning, Northcutt et al.
    2021). The classes are given equal say up to a square root, so that the scores of what belongs gather near 1 and of
    what does not near 0, however noisy the labels.

    The operating point comes from the same scores. Most of what a search finds belongs, or at least a good half, so
    that the median of the class's own scores is the score of a typical good picture; a picture has to reach half of it,
    the point half-way between a typical good picture and one that has nothing of the class. One that the neither
    searches or another class's found as well has to reach three quarters: half of those are junk already.
    """
    clean = found & ~other
    target = clean.astype(float)
    weight = np.where(found & other, 0.0, 1.0)
    weight[clean] *= np.sqrt(max(weight[~found].sum(), 1) / max(clean.sum(), 1))
    scores = out_of_fold(kernel, target, weight, groups)
    for _ in range(SETTINGS.rounds):
        low, middle, high = np.quantile(scores[clean], [0.1, 0.35, 0.6])
        trust = np.ones(len(scores))
        trust[clean] = np.clip((scores[clean] - low) / (high - low + 1e-9), 0.02, 1)
        trust[~found & (scores > middle)] = 0.05
        trust[sure] = 1
        scores = out_of_fold(kernel, target, weight * trust, groups)
    return scores, np.median(scores[found]) * np.where(found & other, SETTINGS.disputed, SETTINGS.typical)


def drawn(kernel: np.ndarray, plain: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """How much each picture looks drawn rather than photographed, about 0 to 1, float [n].

    plain: float [n, 3], see `plainness`; the colours alone are a weak sign. The tenth of all pictures that they point
    to teaches the network's features what a drawing looks like; of those in doubt nothing is learnt.
    """
    order = rank(sum(rank(column) for column in plain.T))
    target = (order > 0.9).astype(float)
    weight = np.where(order > 0.9, np.sqrt(10), np.where(order < 0.7, 1.0, 0.0))
    return out_of_fold(kernel, target, weight, groups)


def rank(values: np.ndarray) -> np.ndarray:
    """The share of values that are smaller, 0 to 1."""
    return np.argsort(np.argsort(values)) / len(values)


def outliers(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """How far each value lies above the middle of those `among`, in robust standard deviations (1.4826 MAD)."""
    middle = np.median(values[among])
    return (values - middle) / (1.4826 * np.median(np.abs(values[among] - middle)) + 1e-9)
