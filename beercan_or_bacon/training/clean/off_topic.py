"""Which pictures do not show what they were searched as? Noisy labels against the pretrained network's features."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import Ridge
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
    return np.sum([gaussian(view) for view in views], axis=0) / len(views)


def gaussian(features: np.ndarray) -> np.ndarray:
    """Gaussian kernel of the angle between centred features [n, d]; its width is the median distance."""
    centred = features - features.mean(0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True) + 1e-9
    distances = np.maximum(2 - 2 * centred @ centred.T, 0)
    return np.exp(-distances / np.median(distances))


def described(kernel: np.ndarray) -> np.ndarray:
    """Pictures by their likeness to some of them: float32 [n, landmarks], whose inner products are nearly the kernel.

    Nyström's method (Williams and Seeger 2000): what is learnt on these features is what the kernel would teach, in
    time that grows with the number of pictures instead of with its cube.
    """
    some = np.random.default_rng(0).permutation(len(kernel))[: SETTINGS.landmarks]
    values, vectors = np.linalg.eigh(kernel[np.ix_(some, some)].astype(np.float64))
    return (kernel[:, some] @ (vectors / np.sqrt(np.maximum(values, 1e-6)))).astype(np.float32)


def out_of_fold(features: np.ndarray, target: np.ndarray, weight: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """How much each picture looks like the class to a classifier that saw neither it nor its group.

    features: float [n, d], see `described`; target: 0 or 1 [n]; weight: >= 0 [n]; groups: int [n].
    Returns about 0 (not at all) to 1 (very much), float [n].
    Raises DataError when all are of one group.
    """
    folds = min(SETTINGS.folds, len(np.unique(groups)))
    if folds < 2:
        raise DataError("All pictures are copies of one. Give the classes more search terms and scrape again.")
    scores = np.zeros(len(target))
    for seed in range(SETTINGS.shuffles):
        for train, test in GroupKFold(folds, shuffle=True, random_state=seed).split(features, groups=groups):
            train = train[weight[train] > 0]
            model = Ridge(alpha=SETTINGS.ridge, solver="cholesky")
            model.fit(features[train], target[train].astype(np.float32), sample_weight=weight[train])
            scores[test] += model.predict(features[test]) / SETTINGS.shuffles
    return scores


def on_topic(
    features: np.ndarray,
    found: np.ndarray,
    other: np.ndarray,
    disputed: np.ndarray,
    sure: np.ndarray,
    groups: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """How much each picture looks like the class, learnt from noisy labels, and how much it should: float [n] twice.

    found: bool [n], searched as the class; other: bool [n], searched as something else (nothing is learnt from pictures
    that are both); disputed: bool [n], searched as something that looks like the class; sure: bool [n], a person said
    so; groups: int [n], pictures that may not vouch for each other.

    After a first fit the pictures are weighed by how far the fit agrees with their label, and the fit is repeated
    (self-paced learning, Kumar et al. 2010; the out-of-fold scores are those of confident learning, Northcutt et al.
    2021). The classes are given equal say up to a square root, so that the scores of what belongs gather near 1 and of
    what does not near 0, however noisy the labels.

    The operating point comes from the same scores. Most of what a search finds belongs, or at least a good half, so
    that the median of the class's own scores is the score of a typical good picture. A picture has to reach a part of
    it: a small one, since the same thing in the wild (a can on a lawn, bacon in a sandwich) looks little like a typical
    picture of it and is what there is most to learn from. One that was found as its look-alike as well has to be a
    typical one: most of those are junk. Being found as a scene too (a fridge, a breakfast) says nothing against it.
    """
    clean = found & ~other
    target = clean.astype(float)
    weight = np.where(found & other, 0.0, 1.0)
    weight[clean] *= np.sqrt(max(weight[~found].sum(), 1) / max(clean.sum(), 1))
    scores = out_of_fold(features, target, weight, groups)
    for _ in range(SETTINGS.rounds):
        low, middle, high = np.quantile(scores[clean], [0.05, 0.3, 0.45])
        trust = np.ones(len(scores))
        trust[clean] = np.clip((scores[clean] - low) / (high - low + 1e-9), 0.02, 1)
        trust[~found & (scores > middle)] = 0.05
        trust[sure] = 1
        scores = out_of_fold(features, target, weight * trust, groups)
    return scores, np.median(scores[found]) * np.where(found & disputed, SETTINGS.disputed, SETTINGS.typical)


def drawn(features: np.ndarray, plain: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """How much each picture looks drawn rather than photographed, about 0 to 1, float [n].

    plain: float [n, 3], see `plainness`; the colours alone are a weak sign. The tenth of all pictures that they point
    to teaches the network's features what a drawing looks like; of those in doubt nothing is learnt.
    """
    order = rank(np.sum([rank(column) for column in plain.T], axis=0))
    target = (order > 0.9).astype(float)
    weight = np.where(order > 0.9, np.sqrt(10), np.where(order < 0.7, 1.0, 0.0))
    return out_of_fold(features, target, weight, groups)


def rank(values: np.ndarray) -> np.ndarray:
    """The share of values that are smaller, 0 to 1."""
    return np.argsort(np.argsort(values)) / len(values)


def outliers(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """How far each value lies above the middle of those `among`, in robust standard deviations (1.4826 MAD)."""
    middle = np.median(values[among])
    return (values - middle) / (1.4826 * np.median(np.abs(values[among] - middle)) + 1e-9)
