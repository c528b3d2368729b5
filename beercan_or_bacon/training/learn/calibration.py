"""Held-out logits -> calibrated probabilities, thresholds and close calls, by the labels that search and cleaning gave.

Everything is chosen for many weightings of the pictures at once, the axis `runs`: the data as they are, and resamples
of them. Thresholds are log-odds in here; a probability of one half is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from .metrics import once_a_source

# A label's threshold lets at most a share of the pictures without it through: of those that resemble it, what
# classes.toml says; of all others, this. By the mean over pictures and by the mean over sources, since one source of 60
# like pictures must not decide alone. The labels are a search's, so some of what is let through does show the label.
THE_REST = 0.02
# Where that leaves room, the threshold rises towards one half while it loses at most this share of the label's
# pictures: where data separate well it stands in the gap, not at the edge of the pictures without the label.
LOSES = 0.01
LOWEST, HIGHEST = 0.1, 0.9  # probabilities; no threshold lies outside, whatever the data say
# An answer is close between the thresholds for twice and for half the shares above; at least and at most this far away.
CLOSE = (0.4, 1.2)  # log-odds; around one half 0.40 to 0.60 and 0.23 to 0.77
SHIFT = 0.5  # log-odds: how biased a model is taken to be, until many pictures show how much it is
STEPS = 500  # the logits are taken together so far, to fit scale and shift to many resamples at once


@dataclass(frozen=True)
class Known:
    """What pictures are taken to show, and where they are from.

    targets: int [pictures, labels], 0 or 1.
    sides: bool [pictures, labels]; shows none of the labels, and was found as something that resembles this.
    sources: int [pictures].
    shares: for each label, of its side the share that may be called it.
    """

    targets: np.ndarray
    sides: np.ndarray
    sources: np.ndarray
    shares: tuple[float, ...]

    def __getitem__(self, chosen: np.ndarray) -> Known:
        return Known(self.targets[chosen], self.sides[chosen], self.sources[chosen], self.shares)


@dataclass(frozen=True)
class Calibration:
    """What turns logits into answers.

    scale, shift: float [runs, labels]; scale * logit + shift are calibrated log-odds.
    thresholds: log-odds [runs, labels] from which the label is said to be there.
    close: log-odds [runs, labels, 2], low and high; between them the answer is said to be close.
    """

    scale: np.ndarray
    shift: np.ndarray
    thresholds: np.ndarray
    close: np.ndarray


@dataclass(frozen=True)
class Answers:
    """What is said of pictures, [runs, pictures, labels]: calibrated probabilities, yes or no, and whether close."""

    probabilities: np.ndarray
    called: np.ndarray
    close: np.ndarray

    def __getitem__(self, chosen: np.ndarray) -> Answers:
        return Answers(self.probabilities[:, chosen], self.called[:, chosen], self.close[:, chosen])


def calibrate(logits: np.ndarray, known: Known, weights: np.ndarray) -> Calibration:
    """Choose it all for each weighting.

    logits: float [pictures, labels]; weights: float [runs, pictures], how often each picture counts.
    """
    columns = []
    for k in range(logits.shape[1]):
        scale, shift = platt(logits[:, k], known.targets[:, k], weights)
        cuts = threshold(logits[:, k], known, k, weights, -shift / scale)
        columns.append([scale, shift, *(scale * cut + shift for cut in cuts)])
    scale, shift, cut, low, high = (np.stack(column, 1) for column in zip(*columns, strict=True))
    cut = np.clip(cut, logit(LOWEST), logit(HIGHEST))
    close = np.stack([cut - np.clip(cut - low, *CLOSE), cut + np.clip(high - cut, *CLOSE)], 2)
    return Calibration(scale, shift, cut, close)


def answer(logits: np.ndarray, calibration: Calibration) -> Answers:
    """What pictures are called, by each run's calibration. logits: float [pictures, labels]."""
    odds = logits * calibration.scale[:, None] + calibration.shift[:, None]
    low, high = np.moveaxis(calibration.close, 2, 0)[:, :, None]
    return Answers(expit(odds), odds >= calibration.thresholds[:, None], (odds >= low) & (odds <= high))


def nested(
    logits: np.ndarray, known: Known, folds: np.ndarray, weights: np.ndarray, trusted: np.ndarray | None = None
) -> Answers:
    """Answers by a calibration that was chosen on the other folds, which hold nothing of the picture's source.

    The logits it is chosen from are held-out ones too, of models that have seen the picture's fold.
    folds: int [pictures]. trusted: bool [pictures], what may be chosen from; by default all.
    """
    trusted = np.ones(len(logits), bool) if trusted is None else trusted
    probabilities = np.empty((len(weights), *logits.shape), np.float32)
    called, close = (np.empty(probabilities.shape, bool) for _ in range(2))
    for fold in np.unique(folds):
        here, others = folds == fold, (folds != fold) & trusted
        said = answer(logits[here], calibrate(logits[others], known[others], weights[:, others]))
        probabilities[:, here], called[:, here], close[:, here] = said.probabilities, said.called, said.close
    return Answers(probabilities, called, close)


def platt(logits: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift [runs] that make the targets likeliest: Platt 1999, with his targets that are never quite 0 or 1.

    Those keep the scale finite where few pictures separate perfectly; a prior of SHIFT does the same for the shift.
    Newton's method, for all runs at once, on the means of neighbouring logits, STEPS of them.
    """
    order = np.argsort(logits)
    starts = np.unique(np.linspace(0, len(logits), STEPS, endpoint=False).astype(int))
    z = np.add.reduceat(logits[order], starts) / np.diff(starts, append=len(logits))
    there, absent = (
        np.add.reduceat(weights[:, order] * side[order], starts, axis=1) for side in (targets, 1 - targets)
    )
    many = there + absent
    seen, unseen = there.sum(1, keepdims=True), absent.sum(1, keepdims=True)
    soft = there * (seen + 1) / (seen + 2) + absent / (unseen + 2)
    spread = z.std() or 1.0
    z /= spread
    scale, shift = np.full(len(weights), spread), np.zeros(len(weights))
    for _ in range(25):
        p = expit(scale[:, None] * z + shift[:, None])
        gap, curve = many * p - soft, many * p * (1 - p)
        by_scale, by_shift = gap @ z, gap.sum(1) + shift / SHIFT**2
        aa, ab, bb = curve @ z**2 + 1e-6, curve @ z, curve.sum(1) + 1 / SHIFT**2
        determinant = aa * bb - ab**2 + 1e-9
        scale = np.maximum(scale - np.clip((bb * by_scale - ab * by_shift) / determinant, -1, 1), 0.05)
        shift = shift - np.clip((aa * by_shift - ab * by_scale) / determinant, -1, 1)
    return scale / spread, shift


def threshold(
    logits: np.ndarray, known: Known, label: int, weights: np.ndarray, half: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The logit [runs] from which a label is said to be there, and where it would be for twice and half the shares.

    half: [runs], the logit of a probability of one half.
    """
    there, own = known.targets[:, label] == 1, known.sides[:, label]
    cuts = [np.full((3, len(weights)), -np.inf)]
    for these, share in ((own, known.shares[label]), (~there & ~own, THE_REST)):
        counting, shares = weights[:, these], share * np.array([[1], [2], [0.5]])
        for each in (counting, once_a_source(counting, known.sources[these])):
            cuts.append(highest_share(logits[these], each, shares))
    cut, low, high = np.max(cuts, axis=0)
    # the highest logit that loses LOSES more of the label's pictures: the same question from the other end
    lost = (weights[:, there] * (logits[there] < cut[:, None])).sum(1) / np.maximum(weights[:, there].sum(1), 1e-9)
    spare = -highest_share(-logits[there], weights[:, there], lost[None] + LOSES)[0]
    raised = np.maximum(cut, np.minimum(half, spare))
    with np.errstate(invalid="ignore"):  # where nothing has weight, all three are infinite
        down, up = (np.where(np.isfinite(step), step, 0) for step in (cut - low, high - cut))
    return raised, raised - down, raised + up


def highest_share(logits: np.ndarray, weights: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The lowest cuts that at most these shares of the weight reach: halfway to the next logit below.

    logits: [pictures]; weights: [runs, pictures]; shares: [cuts, 1 or runs]. Returns [cuts, runs], -inf where nothing
    has weight.
    """
    if not len(logits):
        return np.full((len(shares), len(weights)), -np.inf)
    order = np.argsort(-logits)
    reached = np.cumsum(weights[:, order], 1, dtype=np.float32)
    total = reached[:, -1]
    allowed = np.array([(reached <= (share * total)[:, None] + 1e-3).sum(1) for share in shares])
    z = logits[order]
    above, below = np.append(np.inf, z)[allowed], np.append(z, -np.inf)[allowed]
    cut = np.where(np.isfinite(above), (above + below) / 2, np.nextafter(below, np.inf))
    return np.where(total > 0, cut, -np.inf)
