"""Which pictures do not show what they were searched as? Noisy labels against the pretrained network's features."""

from __future__ import annotations

import numpy as np
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GroupKFold

RIDGE = 0.5  # strong, because labels are noisy and classes small
ROUNDS = 3
FOLDS = 5
SHUFFLES = 3


def similarity(grid: np.ndarray) -> np.ndarray:
    """float16 [n, 3, 3, channels] -> the kernel, float32 [n, n], 0..1: alike as a whole and part by part."""
    grid = grid.astype(np.float32)
    views = grid.mean((1, 2)), grid.reshape(len(grid), -1)
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
    """
    scores = np.zeros(len(target))
    for seed in range(SHUFFLES):
        for train, test in GroupKFold(FOLDS, shuffle=True, random_state=seed).split(kernel, groups=groups):
            train = train[weight[train] > 0]
            mean = np.average(target[train], weights=weight[train])
            model = KernelRidge(alpha=RIDGE, kernel="precomputed")
            model.fit(kernel[np.ix_(train, train)], target[train] - mean, sample_weight=weight[train])
            scores[test] += (model.predict(kernel[np.ix_(test, train)]) + mean) / SHUFFLES
    return scores


def on_topic(kernel: np.ndarray, found: np.ndarray, other: np.ndarray, sure: np.ndarray, groups: np.ndarray):
    """How much each picture looks like the class, learnt from noisy labels, and the score below which it does not.

    found: bool [n], searched as the class; other: bool [n], searched as something else (both, where the searches
    disagree: nothing is learnt from those); sure: bool [n], a person said so.
    """
    clean = found & ~other
    target = clean.astype(float)
    weight = np.where(found & other, 0.0, 1.0)
    weight[clean] *= np.sqrt((weight[~found].sum()) / max(weight[clean].sum(), 1))
    scores = out_of_fold(kernel, target, weight, groups)
    for _ in range(ROUNDS):
        low, middle, high = np.quantile(scores[clean], [0.1, 0.35, 0.6])
        trust = np.ones(len(scores))
        trust[clean] = np.clip((scores[clean] - low) / (high - low + 1e-9), 0.02, 1)
        trust[~found & (scores > middle)] = 0.05
        trust[sure] = 1
        scores = out_of_fold(kernel, target, weight * trust, groups)
    return scores, float(np.median(scores[found]) / 2)
