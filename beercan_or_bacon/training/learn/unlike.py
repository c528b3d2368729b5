"""How the model fares on sources unlike all it was trained on: a search engine, or the largest sources, left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .examples import FOLDS, Example, joined_sources

LARGEST = 0.2  # the share of the pictures that the largest sources hold, which are left out together
ENOUGH = 20  # fewer pictures say too little to train for them


def left_out(examples: Sequence[Example]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Ways to hold out sources unlike those trained on: what is left out -> (train, valid) indices, sources apart.

    Each search engine in turn, and the largest sources, which hold LARGEST of the pictures between them; but none that
    would leave too little to train on, or holds too little to measure. Each costs a training, as a fold does.
    """
    sources, targets = joined_sources(examples), np.array([example.target for example in examples])
    engines = np.array([example.record.provider for example in examples])
    ways = {f"what {engine} found": engines == engine for engine in np.unique(engines)}
    by_size = np.argsort(-np.bincount(sources), kind="stable")
    count = int(np.searchsorted(np.cumsum(np.bincount(sources)[by_size]), LARGEST * len(examples))) + 1
    ways[f"the {count} largest sources"] = np.isin(sources, by_size[:count])
    found = {}
    for name, out in ways.items():
        train = np.flatnonzero(~np.isin(sources, sources[out]))
        shown = [*(targets[train].T == 1), ~targets[train].any(1)]
        if out.sum() >= ENOUGH and all(len(np.unique(sources[train][these])) >= FOLDS for these in shown):
            found[name] = train, np.flatnonzero(out)
    return found
