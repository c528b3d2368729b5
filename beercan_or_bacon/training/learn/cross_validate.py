"""Every picture's prediction by a model that has seen neither it nor any other picture of its source."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from ...files import replacing
from ..stage_key import stage_key
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
    model: nn.Module, maps: torch.Tensor, targets: np.ndarray, folds: Sequence[tuple[np.ndarray, np.ndarray]],
    recipe: Recipe, *, epochs: int, seed: int, device: str, key: str, folder: Path,
) -> HeldOut:  # fmt: skip
    """Train once a fold, on the others' pictures, and answer the fold's own.

    model: with its pretrained weights and a new classifier; each fold trains a copy of it.
    maps: float16 [pictures, views, channels, h, w]; targets: float32 [pictures, labels]; folds: (train, valid)
    indices, each picture in one valid. key: of all that the answers depend on beside the folds. folder: where each
    fold's answers are kept as it ends, by that key; those that are there need no training.
    """
    kept = [folder / f"{stage_key(all=key, train=t.tolist(), valid=v.tolist())}.npz" for t, v in folds]
    parts = [read_answers(path) for path in kept]
    before = sum(part is not None for part in parts)
    told = f"Training with one part held out ({before} of {len(folds)} parts done before)"
    with tqdm(total=len(folds), initial=before, desc=told, unit="fold") as progress:
        for index, (train, valid) in enumerate(folds):
            if parts[index] is None:
                learner = train_late(
                    deepcopy(model), maps, targets, train, valid, recipe, epochs=epochs, seed=seed, device=device
                )
                parts[index] = HeldOut(*answers(learner, maps[valid, 0]))
                with replacing(kept[index]) as file:
                    np.savez(file, **vars(parts[index]))
                progress.update()
    order = np.argsort(np.concatenate([valid for _, valid in folds]))
    return HeldOut(*(np.concatenate([getattr(p, name) for p in parts])[order] for name in ("logits", "local")))


def read_answers(path: Path) -> HeldOut | None:
    """What is kept of a fold; None if nothing is, or a disk that failed has spoilt it."""
    try:
        with np.load(path) as arrays:
            return HeldOut(arrays["logits"], arrays["local"])
    except (FileNotFoundError, ValueError, EOFError, KeyError, BadZipFile):
        return None
