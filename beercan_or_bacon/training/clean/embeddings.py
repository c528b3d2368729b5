"""What the pretrained network sees in a picture: computed once a picture, kept below data/embeddings/."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import imagehash
import numpy as np
import torch
from PIL import Image, ImageOps
from scipy.ndimage import maximum_filter, minimum_filter
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d
from tqdm import tqdm

from ...errors import PictureError
from ...files import replacing
from ...serving.pictures import open_picture
from ..learn.backbone import create_backbone, frozen, stages_of
from ..stage_key import stage_key
from .settings import EYE

BATCH = 8  # pictures; twice as many views; what they say does not depend on it


@dataclass(frozen=True)
class Look:
    """What one look at a picture's pixels leaves behind.

    grid: float16 [3, 3, channels], the last feature map averaged over ninths of the picture (padded to a square).
    peak: float16 [channels], its maximum.
    middle: float16 [2, channels], average and maximum for the middle of the picture alone.
    hashes: bool [11, 8, 8], imagehash's perceptual hashes of the whole picture and of what croppings leave of it.
    plain: float32 [3], how plainly it is coloured (see `plainness`).
    contrast: standard deviation of the grey values, 0 to 127.5.
    thumbnail: uint8 [bytes], a JPEG of at most 96 pixels a side.
    """

    grid: np.ndarray
    peak: np.ndarray
    middle: np.ndarray
    hashes: np.ndarray
    plain: np.ndarray
    contrast: float
    thumbnail: np.ndarray


def look_at(data: Path, files: dict[str, str]) -> dict[str, Look]:
    """Look at every picture (sha256 -> path below the data folder) that has not been looked at before.

    Returns sha256 -> Look; pictures that cannot be read are missing from it.
    """
    folder = Path(data) / "embeddings" / f"{EYE.arch}-{EYE.size}-{stage_key(eye=EYE)[:12]}"
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
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.features = frozen(nn.Sequential(*stages_of(create_backbone(EYE.arch))), EYE.size, device)

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
        views = [view for picture in pictures.values() for view in (square(picture), middle(picture))]
        pixels = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2)  # [2 n, 3, size, size]
        maps = self.features(pixels.float() / 127.5 - 1)  # of -1..1
        peaks = maps.amax((2, 3)).half().numpy()  # [2 n, channels]
        grids = adaptive_avg_pool2d(maps, 3).permute(0, 2, 3, 1).half().numpy()  # [2 n, 3, 3, channels]
        for index, (sha256, picture) in enumerate(pictures.items()):
            whole, part = 2 * index, 2 * index + 1
            yield (
                sha256,
                Look(
                    grid=grids[whole],
                    peak=peaks[whole],
                    middle=np.stack([grids[part].mean((0, 1)), peaks[part]]),
                    hashes=hashes(picture),
                    plain=plainness(picture),
                    contrast=float(np.asarray(picture.convert("L"), np.float32).std()),
                    thumbnail=thumbnail(picture),
                ),
            )


def square(picture: Image.Image) -> np.ndarray:
    """The whole picture on a white square: uint8 [size, size, 3]."""
    return np.asarray(ImageOps.pad(picture, (EYE.size, EYE.size), Image.Resampling.BICUBIC, color="white"))


def middle(picture: Image.Image) -> np.ndarray:
    """The square in the middle, 70 % of the shorter side: uint8 [size, size, 3]."""
    size = (EYE.size, EYE.size)
    return np.asarray(ImageOps.fit(picture, size, Image.Resampling.BICUBIC, bleed=EYE.margin))


def hashes(picture: Image.Image) -> np.ndarray:
    """Perceptual hashes of the windows, bool [11, 8, 8]: a cropping moves all that a hash looks at."""
    grey = picture.convert("L")
    grey.thumbnail((128, 128), Image.Resampling.BOX)  # a hash is made from 32 x 32 pixels
    scale = np.array([*grey.size, *grey.size])
    return np.stack([imagehash.phash(grey.resize((32, 32), box=tuple(scale * window))).hash for window in EYE.windows])


def thumbnail(picture: Image.Image) -> np.ndarray:
    """A small JPEG of the picture, uint8 [bytes]."""
    small, buffer = picture.copy(), io.BytesIO()
    small.thumbnail((EYE.thumbnail, EYE.thumbnail), Image.Resampling.BICUBIC)
    small.save(buffer, "JPEG", quality=60, comment=b"")  # a GIF's may be longer than a JPEG takes
    return np.frombuffer(buffer.getvalue(), np.uint8)


def plainness(picture: Image.Image) -> np.ndarray:
    """What tells a drawing from a photograph, measured where neither the background nor white is: float32 [3].

    The share of the eight commonest colours (of 4096), minus their entropy in bits, minus the share of pixels with a
    little texture around them. Each is higher for drawings, logos and lettering; photographs have noise and shades.
    """
    picture = picture.copy()
    picture.thumbnail((256, 256), Image.Resampling.BOX)
    pixels = np.asarray(picture).astype(np.int32)  # [h, w, 3]
    around = (3, 3, 1)
    texture = (maximum_filter(pixels, around) - minimum_filter(pixels, around)).max(2)  # [h, w], 0..255
    colours = pixels // 16 @ np.array([256, 16, 1])  # [h, w], 0..4095
    border = np.concatenate([colours[0], colours[-1], colours[:, 0], colours[:, -1]])
    shown = (colours != np.bincount(border).argmax()) & (pixels.min(2) <= 240)
    if not shown.any():
        return np.array([1, 0, 0], np.float32)
    shares = np.sort(np.bincount(colours[shown]) / shown.sum())[::-1]
    some = shares[shares > 0]
    little = ((texture > 12) & (texture < 60) & shown).sum() / shown.sum()
    return np.array([shares[:8].sum(), (some * np.log2(some)).sum(), -little], np.float32)


def save(path: Path, look: Look) -> None:
    """What was seen, whole or not at all."""
    with replacing(path) as file:
        np.savez(file, **vars(look))


def load(path: Path) -> Look:
    """What `save` wrote."""
    with np.load(path) as arrays:
        return Look(**{name: arrays[name] for name in arrays.files})
