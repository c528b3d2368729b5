"""The table of pictures -> what there is to learn from, and how to hold some of it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from ...errors import DataError
from ..classes import NEITHER, Classes
from ..table import Record, author_of, read_table

FOLDS = 5  # parts that are held out in turn


@dataclass(frozen=True)
class Example:
    """One picture to learn from.

    record: its row in the table, the first one if several searches found it.
    target: 0 or 1 per label, in the order of the model's outputs.
    groups: its sources; pictures with a group in common never stand on both sides of a split.
    """

    path: Path
    record: Record
    target: tuple[int, ...]
    groups: frozenset[str]


def kept_examples(classes: Classes, data: Path) -> list[Example]:
    """What cleaning and review kept, one Example a distinct picture.

    Raises DataError when a class or "neither" has too few pictures or sources to be held out in turn.
    """
    rows: dict[str, list[Record]] = {}
    for record in read_table(data):
        if record.decision == "keep" and record.file and record.label in (*classes.labels, NEITHER):
            rows.setdefault(record.sha256, []).append(record)
    examples = [
        Example(
            path=Path(data) / same[0].file,
            record=same[0],
            target=tuple(int(any(record.label == label for record in same)) for label in classes.labels),
            groups=frozenset(source_of(record) for record in same),
        )
        for same in rows.values()
    ]
    for index, label in enumerate((*classes.labels, NEITHER)):
        sources = {
            group
            for example in examples
            if (example.target[index] if label != NEITHER else not any(example.target))
            for group in example.groups
        }
        if len(sources) < FOLDS:
            raise DataError(
                f"“{label}” has pictures from {len(sources)} sources; it takes {FOLDS} at least. Give it more search "
                f"terms in classes.toml and run `python train.py scrape` and `python train.py clean` again."
            )
    return examples


def source_of(record: Record) -> str:
    """Who made the picture; for a search engine that does not say, the site it is on."""
    # the author, whichever search found it: people publish in more than one place
    return author_of(record) or urlsplit(record.landing_page or record.url).netloc or record.url


def folds_of(examples: Sequence[Example], count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(train, valid) indices, groups apart, both classes and neither spread over the folds."""
    groups = joined_sources(examples)
    kinds = [int("".join(map(str, example.target)), 2) for example in examples]
    splits = StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(np.zeros(len(kinds)), kinds, groups)
    return list(splits)


def joined_sources(examples: Sequence[Example]) -> np.ndarray:
    """One number a picture; pictures that share a source, directly or through others, have the same."""
    parent: dict[str, str] = {}

    def root(group: str) -> str:
        while parent.setdefault(group, group) != group:
            group = parent[group]
        return group

    for example in examples:
        first, *others = sorted(example.groups)
        for other in others:
            parent[root(other)] = root(first)
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(root(min(example.groups)), len(numbers)) for example in examples])
