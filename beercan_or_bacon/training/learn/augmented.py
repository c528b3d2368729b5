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
    """A random view of each picture; now and then its middle, beside the middle of a view of another picture."""

    def __init__(self, maps: torch.Tensor, targets: torch.Tensor, indices: np.ndarray, pairs: float):
        super().__init__(maps, targets, indices)
        self.pairs = pairs

    def __getitem__(self, item: int) -> tuple[torch.Tensor, torch.Tensor]:
        one, target = self.random_view(item)
        if torch.rand(()) >= self.pairs:
            return one, target
        other, other_target = self.random_view(int(torch.randint(len(self), ())))
        if turned := bool(torch.rand(()) < 0.5):  # one above the other instead of side by side
            one, other = one.mT, other.mT
        width = one.shape[2]
        pair = torch.cat([central_columns(one, width // 2), central_columns(other, width - width // 2)], dim=2)
        return pair.mT if turned else pair, torch.maximum(target, other_target)

    def random_view(self, item: int) -> tuple[torch.Tensor, torch.Tensor]:
        index = self.indices[item]
        return self.maps[index, int(torch.randint(self.maps.shape[1], ()))].float(), self.targets[index]


def central_columns(x: torch.Tensor, width: int) -> torch.Tensor:
    """The columns in the middle of a map [channels, h, w]."""
    start = (x.shape[2] - width) // 2
    return x[:, :, start : start + width]
