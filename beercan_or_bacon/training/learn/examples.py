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
MORE = "Give it more search terms in classes.toml and run `python train.py scrape` and `python train.py clean` again."


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
    """What cleaning and review kept, one Example a distinct picture, in the order of their sha256.

    Raises DataError when pictures are gone, or a class or "neither" has too few sources to be held out in turn.
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
        for _, same in sorted(rows.items())
    ]
    if gone := [example for example in examples if not example.path.exists()]:
        raise DataError(
            f"{len(gone)} of {len(examples)} kept pictures are gone, {gone[0].path} for one. Run `python train.py "
            "scrape` and `python train.py clean` again."
        )
    sources = joined_sources(examples)
    for label, there in zip((*classes.labels, NEITHER), shown(examples, len(classes.labels)).T, strict=True):
        if (found := len(set(sources[there]))) < FOLDS:
            raise DataError(
                f"“{label}” has pictures from {found} sources; it takes {FOLDS} at least, so that a model can be "
                f"measured on sources that it was not trained on. {MORE}"
            )
    return examples


def shown(examples: Sequence[Example], labels: int) -> np.ndarray:
    """Which pictures show which label, and in the last column which show none: bool [pictures, labels + 1]."""
    targets = np.array([example.target for example in examples], bool).reshape(-1, labels)
    return np.column_stack([targets, ~targets.any(1)])


def source_of(record: Record) -> str:
    """Who made the picture; for a search engine that does not say, the site it is on."""
    # the author, whichever search found it: people publish in more than one place
    return author_of(record) or urlsplit(record.landing_page or record.url).netloc or record.url


def folds_of(examples: Sequence[Example], count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(train, valid) indices, groups apart, every class and neither in each valid.

    Raises DataError when the pictures of a class hang together in too few sources for that.
    """
    groups = joined_sources(examples)
    kinds = [int("".join(map(str, example.target)), 2) for example in examples]
    there = shown(examples, len(examples[0].target))
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    valids = [valid for _, valid in splitter.split(np.zeros(len(kinds)), kinds, groups)]
    if not all(there[valid].any(0).all() for valid in valids):  # it balances pictures, and may leave a part without
        parts = deal(groups, there, count)
        valids = [np.flatnonzero(parts == part) for part in range(count)]
    if not all(there[valid].any(0).all() for valid in valids):
        raise DataError(f"The pictures of a class hang together in fewer than {count} sources. {MORE}")
    return [(np.setdiff1d(np.arange(len(kinds)), valid), valid) for valid in valids]


def deal(groups: np.ndarray, there: np.ndarray, count: int) -> np.ndarray:
    """The part of each picture, int [pictures]: groups are dealt to the parts with the fewest groups of their labels.

    groups: int [pictures]; there: bool [pictures, labels + 1]. Groups that show most come first: they are least free.
    """
    shows = {group: there[groups == group].any(0) for group in np.unique(groups)}
    parts, dealt = np.zeros(len(groups), int), np.zeros((count, there.shape[1]))
    for group in sorted(shows, key=lambda group: (-shows[group].sum(), -(groups == group).sum(), group)):
        part = np.argmin(dealt[:, shows[group]].sum(1))
        dealt[part] += shows[group]
        parts[groups == group] = part
    return parts


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
