"""Which pictures are the same picture, re-encoded, resized, slightly cropped or watermarked?"""

from __future__ import annotations

import numpy as np
from scipy.sparse.csgraph import connected_components

from .embeddings import Look

ALIKE = 0.75  # cosine of features that copies keep, whatever was done to them
SURELY = 0.97  # cosine that only copies have
SAME = 8  # differing bits of a perceptual hash's 64, at most


def near_duplicates(looks: list[Look]) -> np.ndarray:
    """The number of its group for each picture, int [n]; copies of one picture have the same."""
    features = np.stack([look.grid for look in looks]).astype(np.float32).mean((1, 2))  # [n, channels]
    features /= np.linalg.norm(features, axis=1, keepdims=True) + 1e-9
    bits = np.stack([look.hashes for look in looks]).reshape(len(looks), len(looks[0].hashes), -1).astype(np.float32)
    whole = bits[:, 0]  # [n, 64]
    apart = np.min([part @ (1 - whole).T + (1 - part) @ whole.T for part in bits.swapaxes(0, 1)], axis=0)
    apart = np.minimum(apart, apart.T)  # [n, n], bits that differ between one as a whole and some part of the other
    alike = features @ features.T
    same = ((alike > ALIKE) & (apart <= SAME)) | (alike > SURELY)
    return connected_components(same, directed=False)[1]
