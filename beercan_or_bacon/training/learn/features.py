"""What the frozen early stages say of every picture: looked at once, trained on many times."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2
from tqdm import tqdm

from ...serving.classifier import fit_to_square
from ...serving.pictures import open_picture
from .backbone import frozen
from .examples import Example
from .recipe import Recipe


class Views(Dataset):
    """Looks at each picture, uint8 [views + 1, 3, size, size]: first as it is served, then augmented."""

    def __init__(self, examples: Sequence[Example], recipe: Recipe, seed: int):
        self.paths = [example.path for example in examples]
        self.views, self.seed = recipe.views, seed
        self.rule = recipe.input_rule
        fill = list(recipe.fill)
        self.augment = v2.Compose([
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.RandomChoice([v2.RandomRotation((a, a), fill=fill) for a in (90, 180, 270)])], p=0.25),
            v2.RandomAffine(20, (0.1, 0.1), (0.6, 1.4), 8, v2.InterpolationMode.BILINEAR, fill),
            v2.ColorJitter(0.3, 0.3, 0.3, 0.03),
        ])  # fmt: skip

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        served = fit_to_square(open_picture(self.paths[index]), self.rule)
        with torch.random.fork_rng(devices=[]):  # the same views whatever the order and number of workers
            torch.manual_seed(hash((self.seed, index)))
            looks = [served, *(self.augment(served) for _ in range(self.views))]
        return torch.stack([v2.functional.pil_to_tensor(look) for look in looks])


def cache_features(
    early: nn.Module, examples: Sequence[Example], recipe: Recipe, mean, std, *, seed: int, device: str
) -> torch.Tensor:
    """What the frozen early stages say of every view: float16 [pictures, views + 1, channels, height, width]."""
    views, look = Views(examples, recipe, seed), frozen(early, recipe.size, device)
    workers = min(8, os.cpu_count() or 1) if len(views) > 200 else 0
    loader = DataLoader(views, batch_size=8, num_workers=workers)
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (mean, std))
    maps, done = None, 0
    with tqdm(total=len(views), desc="Looking at the pictures", unit="picture") as progress:
        for batch in loader:  # uint8 [n, views + 1, 3, size, size]
            out = look((batch.flatten(0, 1).float() / 255 - mean) / std).half().unflatten(0, batch.shape[:2])
            if maps is None:
                maps = torch.empty((len(views), *out.shape[1:]), dtype=torch.float16)
            maps[done : done + len(out)] = out
            done += len(out)
            progress.update(len(out))
    return maps
