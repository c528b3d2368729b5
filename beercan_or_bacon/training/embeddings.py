"""What the pretrained network sees in a picture: computed once a picture, kept below data/embeddings/."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import imagehash
import numpy as np
import torch
from PIL import Image, ImageOps
from torch.nn.functional import adaptive_avg_pool2d
from tqdm import tqdm

from ..errors import PictureError
from ..serving.pictures import open_picture
from .backbone import create_backbone

# The eye of the cleaning, whatever --arch the model is to have: with frozen features lite2 tells what belongs from what
# does not much better than lite0 (benchmarks/cleaning.py), and its weights need no Hub either.
ARCH = "tf_efficientnet_lite2"
SIZE = 260  # pixels; what the weights were trained with
BATCH = 16


@dataclass(frozen=True)
class Look:
    """What one look at a picture's pixels leaves behind.

    grid: float16 [3, 3, channels], the last feature map averaged over ninths of the picture (padded to a square).
    hash: bool [8, 8], imagehash's perceptual hash of the whole picture.
    contrast: standard deviation of the grey values, 0 to 127.5.
    """

    grid: np.ndarray
    hash: np.ndarray
    contrast: float


def look_at(data: Path, files: dict[str, str]) -> dict[str, Look]:
    """Look at every picture (sha256 -> path below the data folder) that has not been looked at before.

    Returns sha256 -> Look; pictures that cannot be read are missing from it.
    """
    folder = Path(data) / "embeddings" / f"{ARCH}-{SIZE}"
    folder.mkdir(parents=True, exist_ok=True)
    new = [sha256 for sha256 in files if not (folder / f"{sha256}.npz").exists()]
    if new:
        network = Network()
        with tqdm(total=len(new), desc="looking", unit=" pictures") as progress:
            for start in range(0, len(new), BATCH):
                batch = new[start : start + BATCH]
                for sha256, look in network.look({sha256: Path(data) / files[sha256] for sha256 in batch}):
                    save(folder / f"{sha256}.npz", look)
                progress.update(len(batch))
    return {sha256: load(path) for sha256 in files if (path := folder / f"{sha256}.npz").exists()}


class Network:
    """The backbone, ready to look at pictures; on a GPU if there is one."""

    def __init__(self) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = create_backbone(ARCH).eval().to(self.device, memory_format=torch.channels_last)

    @torch.inference_mode()
    def look(self, paths: dict[str, Path]) -> Iterable[tuple[str, Look]]:
        """sha256 -> path: yields sha256 and Look of those that can be read."""
        pictures = {}
        for sha256, path in paths.items():
            try:
                pictures[sha256] = open_picture(path)
            except PictureError:
                continue
        if not pictures:
            return
        pixels = torch.from_numpy(np.stack([square(picture) for picture in pictures.values()]))  # [n, SIZE, SIZE, 3]
        pixels = pixels.permute(0, 3, 1, 2).to(self.device).float() / 127.5 - 1  # [n, 3, SIZE, SIZE], -1..1
        maps = self.model.forward_features(pixels.contiguous(memory_format=torch.channels_last))  # [n, channels, 9, 9]
        grids = adaptive_avg_pool2d(maps, 3).permute(0, 2, 3, 1).half().cpu().numpy()  # [n, 3, 3, channels]
        for (sha256, picture), grid in zip(pictures.items(), grids, strict=True):
            contrast = float(np.asarray(picture.convert("L"), np.float32).std())
            yield sha256, Look(grid, imagehash.phash(picture).hash, contrast)


def square(picture: Image.Image) -> np.ndarray:
    """The whole picture on a white square: uint8 [SIZE, SIZE, 3]."""
    return np.asarray(ImageOps.pad(picture, (SIZE, SIZE), Image.Resampling.BICUBIC, color="white"))


def save(path: Path, look: Look) -> None:
    """To a temporary name, then renamed: what is there is whole."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.savez(file, grid=look.grid, hash=look.hash, contrast=np.float32(look.contrast))
    os.replace(temporary, path)


def load(path: Path) -> Look:
    """What `save` wrote."""
    with np.load(path) as arrays:
        return Look(arrays["grid"], arrays["hash"], float(arrays["contrast"]))
