"""What the frozen early stages say of every picture: looked at once, kept below data/features/, trained on often."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2
from tqdm import tqdm

from ...files import replacing
from ...serving.classifier import InputRule, fit_to_square
from ...serving.pictures import open_picture
from ..stage_key import stage_key
from .backbone import frozen
from .examples import Example
from .recipe import Recipe

BATCH = 8  # pictures that a process decodes at a time; what the network says does not depend on it


@dataclass(frozen=True)
class Look:
    """All that a picture's features depend on beside the picture: what this module reads, and keeps them by.

    stages: the frozen network, by the sha256 of its weights. views: augmented looks, beside the plain one.
    """

    stages: str
    rule: InputRule
    views: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    seed: int
    device: str
    version: int = 1  # of this code; another one looks at every picture again


class Views(Dataset):
    """Looks at each picture, uint8 [views + 1, 3, size, size]: first as it is served, then augmented."""

    def __init__(self, examples: Sequence[Example], look: Look):
        self.pictures = [(example.path, example.record.sha256) for example in examples]
        self.look = look
        fill = list(look.rule.fill)
        self.augment = v2.Compose([
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.RandomChoice([v2.RandomRotation((a, a), fill=fill) for a in (90, 180, 270)])], p=0.25),
            v2.RandomAffine(20, (0.1, 0.1), (0.6, 1.4), 8, v2.InterpolationMode.BILINEAR, fill),
            v2.ColorJitter(0.3, 0.3, 0.3, 0.03),
        ])  # fmt: skip

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> torch.Tensor:
        path, sha256 = self.pictures[index]
        served = fit_to_square(open_picture(path, self.look.rule.keep), self.look.rule)
        with torch.random.fork_rng(devices=[]):  # a picture's views are its own, whatever other pictures there are
            torch.manual_seed(int(stage_key(seed=self.look.seed, sha256=sha256)[:15], 16))
            looks = [served, *(self.augment(served) for _ in range(self.look.views))]
        return torch.stack([v2.functional.pil_to_tensor(look) for look in looks])


def cache_features(
    early: nn.Module,
    examples: Sequence[Example],
    recipe: Recipe,
    mean: Sequence[float],
    std: Sequence[float],
    *,
    seed: int,
    device: str,
    folder: Path,
) -> torch.Tensor:  # fmt: skip
    """What the frozen early stages say of every view: float16 [pictures, views + 1, channels, height, width].

    folder: where it is kept, a file a picture, by all that it depends on; only pictures that have none are looked at.
    """
    look = Look(weights_of(early), recipe.input_rule, recipe.views, tuple(mean), tuple(std), seed, device)
    kept = folder / stage_key(look=look)[:16]
    maps = [read_features(kept / f"{example.record.sha256}.npy") for example in examples]
    new = [index for index, known in enumerate(maps) if known is None]
    before = len(examples) - len(new)
    told = f"Looking at the pictures ({before:,} of {len(examples):,} looked at before)"
    with tqdm(total=len(examples), initial=before, desc=told, unit="picture") as progress:
        for index, said in zip(new, look_at(early, [examples[i] for i in new], look), strict=True):
            maps[index] = said
            with replacing(kept / f"{examples[index].record.sha256}.npy") as file:
                np.save(file, said)
            progress.update()
    return torch.from_numpy(np.stack([said for said in maps if said is not None]))


def look_at(early: nn.Module, examples: Sequence[Example], look: Look) -> Iterator[np.ndarray]:
    """What the stages say of each picture in turn: float16 [views + 1, channels, height, width].

    A picture's views go through the network by themselves: what is said of one cannot depend on which came with it.
    """
    if not examples:
        return
    run, views = frozen(early, look.rule.size, look.device), Views(examples, look)
    workers = min(8, os.cpu_count() or 1) if len(views) > 200 else 0
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (look.mean, look.std))
    for batch in DataLoader(views, batch_size=BATCH, num_workers=workers):  # uint8 [n, views + 1, 3, size, size]
        for picture in batch:
            yield run((picture.float() / 255 - mean) / std).half().numpy()


def read_features(path: Path) -> np.ndarray | None:
    """What is kept of a picture; None if nothing is, or a disk that failed has spoilt it."""
    try:
        return np.load(path)
    except (FileNotFoundError, ValueError, EOFError):
        return None


def weights_of(network: nn.Module) -> str:
    """The sha256 of a network's weights and their names."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
