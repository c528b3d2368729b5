"""Which pictures are the same picture, re-encoded, resized, slightly cropped or watermarked?"""

from __future__ import annotations

import numpy as np
from scipy.sparse.csgraph import connected_components

from .embeddings import Look

NEAR = 0.93  # cosine of features: the same picture or one much like it
SURELY = 0.98  # cosine at which the hash need not agree: a crop moves everything a hash looks at
SAME = 12  # differing bits of 64 of the perceptual hash


def near_duplicates(looks: list[Look]) -> np.ndarray:
    """The number of its group for each picture, int [n]; copies of one picture have the same."""
    features = np.stack([look.grid for look in looks]).astype(np.float32).mean((1, 2))  # [n, channels]
    features /= np.linalg.norm(features, axis=1, keepdims=True) + 1e-9
    bits = np.stack([look.hash for look in looks]).reshape(len(looks), -1).astype(np.float32)
    apart = bits @ (1 - bits).T
    apart += apart.T  # [n, n], bits that differ
    alike = features @ features.T
    same = ((alike > NEAR) & (apart <= SAME)) | (alike > SURELY)
    return connected_components(same, directed=False)[1]
