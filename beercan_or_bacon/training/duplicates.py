"""Which pictures are the same picture, re-encoded, resized, slightly cropped or watermarked?"""

from __future__ import annotations

import numpy as np
from scipy.sparse.csgraph import connected_components

NEAR = 0.93  # cosine of features: the same picture or one much like it
SAME = 12  # differing bits of 64 of the perceptual hash


def near_duplicates(features: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """features: float [n, d]; hashes: bool [n, 8, 8]. Returns the number of its group for each picture, int [n]."""
    unit = features / (np.linalg.norm(features, axis=1, keepdims=True) + 1e-9)
    bits = hashes.reshape(len(hashes), -1).astype(np.float32)
    apart = bits @ (1 - bits).T
    same = (unit @ unit.T > NEAR) & (apart + apart.T <= SAME)
    return connected_components(same, directed=False)[1]
