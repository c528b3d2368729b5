"""Cached feature maps as a data set: as they are, or a random view, now and then beside another picture's."""

from __future__ import annotations

import numpy as np
import torch
from torch.utils.data import Dataset


class FeatureMaps(Dataset):
    """Cached maps with their targets, as they are: the plain view of each picture."""

    def __init__(self, maps: torch.Tensor, targets: torch.Tensor, indices: np.ndarray):
        self.maps, self.targets, self.indices = maps, targets, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, item: int) -> tuple[torch.Tensor, torch.Tensor]:
        index = self.indices[item]
        return self.maps[index, 0].float(), self.targets[index]


class AugmentedMaps(FeatureMaps):
    """A random view of a random picture; now and then its middle, beside the middle of a view of another picture.

    shown: the share of the draws that show a label, the labels alike; 0 draws each picture as often as any other.
    """

    def __init__(self, maps: torch.Tensor, targets: torch.Tensor, indices: np.ndarray, pairs: float, shown: float = 0):
        super().__init__(maps, targets, indices)
        self.pairs, self.shown = pairs, shown
        self.upto = torch.from_numpy(odds(np.round(targets[indices].numpy()), shown)).cumsum(0)

    def __getitem__(self, item: int) -> tuple[torch.Tensor, torch.Tensor]:
        one, target = self.random_view(self.draw() if self.shown else item)
        if torch.rand(()) >= self.pairs:
            return one, target
        other, other_target = self.random_view(self.draw())
        if turned := bool(torch.rand(()) < 0.5):  # one above the other instead of side by side
            one, other = one.mT, other.mT
        width = one.shape[2]
        pair = torch.cat([central_columns(one, width // 2), central_columns(other, width - width // 2)], dim=2)
        return pair.mT if turned else pair, torch.maximum(target, other_target)

    def draw(self) -> int:
        return min(int(torch.searchsorted(self.upto, torch.rand(()) * self.upto[-1])), len(self) - 1)

    def random_view(self, item: int) -> tuple[torch.Tensor, torch.Tensor]:
        index = self.indices[item]
        return self.maps[index, int(torch.randint(self.maps.shape[1], ()))].float(), self.targets[index]


def odds(targets: np.ndarray, shown: float) -> np.ndarray:
    """How often each picture is drawn for one of none of the labels, float [n]; see AugmentedMaps.

    Labels are rare among all that people photograph, and among few draws of them the pairs that show two are rarer.
    targets: 0 or 1 [n, labels].
    """
    often = np.ones(len(targets))
    nothing, counts = (targets.sum(1) == 0).sum(), targets.sum(0)
    if shown and nothing and counts.all():
        each = shown / (1 - shown) * nothing / targets.shape[1]
        often = np.where(targets.any(1), (targets * np.maximum(each / counts, 1)).max(1), 1.0)
    return often


def central_columns(x: torch.Tensor, width: int) -> torch.Tensor:
    """The columns in the middle of a map [channels, h, w]."""
    start = (x.shape[2] - width) // 2
    return x[:, :, start : start + width]
