"""Every picture's prediction by a model that has seen neither it nor any other picture of its source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from .backbone import fresh_model
from .fine_tune import answers, train_late
from .recipe import Recipe


@dataclass(frozen=True)
class HeldOut:
    """What the held-out parts' models say, in the order of the pictures.

    logits: float32 [pictures, labels].
    local: float32 [pictures, labels, h, w], the logits of every place of the feature map.
    """

    logits: np.ndarray
    local: np.ndarray


def cross_validate(
    arch: str, maps: torch.Tensor, targets: np.ndarray, folds: Sequence[tuple[np.ndarray, np.ndarray]],
    recipe: Recipe, *, epochs: int, seed: int, device: str,
) -> HeldOut:  # fmt: skip
    """Train once a fold, on the others' pictures, and answer the fold's own.

    maps: float16 [pictures, views, channels, h, w]; targets: float32 [pictures, labels]; folds: (train, valid)
    indices, each picture in one valid.
    """
    parts = []
    for train, valid in tqdm(folds, desc="Training with one part held out", unit="fold"):
        model = fresh_model(arch, targets.shape[1])
        learner = train_late(model, maps, targets, train, valid, recipe, epochs=epochs, seed=seed, device=device)
        parts.append((valid, *answers(learner, maps[valid, 0])))
    indices, logits, local = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(indices)
    return HeldOut(logits[order], local[order])
