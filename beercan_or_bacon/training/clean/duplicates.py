"""Which pictures are the same picture, re-encoded, resized, slightly cropped or watermarked?"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.sparse.csgraph import connected_components

from .embeddings import Look
from .settings import EYE, SETTINGS


def near_duplicates(looks: list[Look]) -> np.ndarray:
    """The number of its group for each picture, int [n]; copies of one picture have the same.

    Hashes and features propose pairs, the pixels decide: two beer bottles on white have much the same shape, and only
    copies have the same lettering in the same place.
    """
    features = np.stack([look.grid for look in looks]).astype(np.float32).mean((1, 2))  # [n, channels]
    features /= np.linalg.norm(features, axis=1, keepdims=True) + 1e-9
    bits = np.stack([look.hashes for look in looks]).reshape(len(looks), len(EYE.windows), -1).astype(np.float32)
    whole = bits[:, 0]  # [n, 64]
    apart = np.min([part @ (1 - whole).T + (1 - part) @ whole.T for part in bits.swapaxes(0, 1)], axis=0)
    apart = np.minimum(apart, apart.T)  # [n, n], bits that differ between one as a whole and some part of the other
    close = np.triu((features @ features.T > SETTINGS.close_features) & (apart <= SETTINGS.close_hash), 1)
    same = np.zeros_like(close)
    for one, other in np.argwhere(close):
        same[one, other] = agreement(looks[one], looks[other]) >= SETTINGS.same_detail
    return connected_components(same, directed=False)[1]


def agreement(one: Look, other: Look) -> float:
    """How well the fine detail of one as a whole agrees with that of some part of the other, or the reverse: -1..1."""
    first, second = detail(one), detail(other)  # [windows, side, side] each
    pairs = [(first[0], part) for part in second] + [(second[0], part) for part in first[1:]]
    return max(correlation(whole, part) for whole, part in pairs)


def detail(look: Look) -> np.ndarray:
    """What is left of each of the windows without the large shapes, of unit length: float [windows, side, side]."""
    side = SETTINGS.detail_side
    picture = Image.open(io.BytesIO(look.thumbnail.tobytes())).convert("L")
    scale = np.array([*picture.size, *picture.size])
    parts = [picture.resize((side, side), Image.Resampling.BICUBIC, tuple(scale * window)) for window in EYE.windows]
    pixels = np.stack([np.asarray(part, np.float32) for part in parts])
    fine = gaussian_filter(pixels, (0, 0.7, 0.7)) - gaussian_filter(pixels, (0, 1.5, 1.5))  # neither shapes nor noise
    fine -= fine.mean((1, 2), keepdims=True)
    return fine / (np.linalg.norm(fine, axis=(1, 2), keepdims=True) + 1e-6)


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """The highest correlation over shifts by up to an eighth of the side."""
    shifts = np.fft.irfft2(np.fft.rfft2(one) * np.conj(np.fft.rfft2(other)), one.shape)
    reach = len(one) // 8
    near = np.r_[0 : reach + 1, -reach:0]
    return float(shifts[np.ix_(near, near)].max())
