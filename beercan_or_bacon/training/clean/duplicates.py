"""Which pictures are the same picture, re-encoded, resized, slightly cropped or watermarked?"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.sparse.csgraph import connected_components

from .embeddings import WINDOWS, Look

# Pictures with hashes and features this near are looked at closely; nearly all copies are, and few others.
CLOSE_HASH = 12  # differing bits of 64
CLOSE_FEATURES = 0.7  # cosine
SAME_DETAIL = 0.75  # correlation of fine detail, laid over each other as well as they go
SIDE = 64  # pixels; detail is compared at this size


def near_duplicates(looks: list[Look]) -> np.ndarray:
    """The number of its group for each picture, int [n]; copies of one picture have the same.

    Hashes and features propose pairs, the pixels decide: two beer bottles on white have much the same shape, and only
    copies have the same lettering in the same place.
    """
    features = np.stack([look.grid for look in looks]).astype(np.float32).mean((1, 2))  # [n, channels]
    features /= np.linalg.norm(features, axis=1, keepdims=True) + 1e-9
    bits = np.stack([look.hashes for look in looks]).reshape(len(looks), len(WINDOWS), -1).astype(np.float32)
    whole = bits[:, 0]  # [n, 64]
    apart = np.min([part @ (1 - whole).T + (1 - part) @ whole.T for part in bits.swapaxes(0, 1)], axis=0)
    apart = np.minimum(apart, apart.T)  # [n, n], bits that differ between one as a whole and some part of the other
    close = np.triu((features @ features.T > CLOSE_FEATURES) & (apart <= CLOSE_HASH), 1)
    same = np.zeros_like(close)
    for one, other in np.argwhere(close):
        same[one, other] = agreement(looks[one], looks[other]) >= SAME_DETAIL
    return connected_components(same, directed=False)[1]


def agreement(one: Look, other: Look) -> float:
    """How well the fine detail of one as a whole agrees with that of some part of the other, or the reverse: -1..1."""
    first, second = detail(one), detail(other)  # [windows, SIDE, SIDE] each
    pairs = [(first[0], part) for part in second] + [(second[0], part) for part in first[1:]]
    return max(correlation(whole, part) for whole, part in pairs)


def detail(look: Look) -> np.ndarray:
    """What is left of each of the WINDOWS without the large shapes, of unit length: float [windows, SIDE, SIDE]."""
    picture = Image.open(io.BytesIO(look.thumbnail.tobytes())).convert("L")
    scale = np.array([*picture.size, *picture.size])
    parts = [picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC, tuple(scale * window)) for window in WINDOWS]
    pixels = np.stack([np.asarray(part, np.float32) for part in parts])
    fine = gaussian_filter(pixels, (0, 0.7, 0.7)) - gaussian_filter(pixels, (0, 1.5, 1.5))  # neither shapes nor noise
    fine -= fine.mean((1, 2), keepdims=True)
    return fine / (np.linalg.norm(fine, axis=(1, 2), keepdims=True) + 1e-6)


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """The highest correlation over shifts by up to an eighth of the side."""
    shifts = np.fft.irfft2(np.fft.rfft2(one) * np.conj(np.fft.rfft2(other)), one.shape)
    reach = SIDE // 8
    near = np.r_[0 : reach + 1, -reach:0]
    return float(shifts[np.ix_(near, near)].max())
