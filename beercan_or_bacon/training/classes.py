"""classes.toml: the words that make this project tell two things apart."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from ..errors import ClassesError

NEITHER = "neither"  # the label of pictures that show none of the classes


@dataclass(frozen=True)
class Group:
    """Searches of one kind for pictures that show none of the classes.

    name: what the kind is called in reports; "neither" for searches without a group.
    like: the label that its pictures could be mistaken for; "" for those that resemble none of the classes.
    """

    name: str
    searches: tuple[str, ...]
    like: str = ""


@dataclass(frozen=True)
class Classes:
    """What classes.toml says.

    labels: the classes, in the order of the model's outputs; at least two, none called "neither".
    searches: label (or "neither") -> its search terms, in the order in which they are asked.
    groups: the same searches of "neither", by kind; each stands in one group alone.
    """

    labels: tuple[str, ...]
    searches: dict[str, tuple[str, ...]]
    title: str
    tagline: str
    groups: tuple[Group, ...] = ()

    def group_of(self, query: str) -> Group | None:
        """The group of the neither searches that asks this, or None: a class's search, or one no longer asked."""
        return next((group for group in self.groups if query in group.searches), None)


def load_classes(path: Path) -> Classes:
    """Read classes.toml.

    Raises ClassesError when the file is missing, is not TOML, does not name at least two classes with searches, or
    has a group that is none.
    """
    try:
        settings = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ClassesError(f"{path} is not there. Copy the project's classes.toml and put your words in.") from None
    except tomllib.TOMLDecodeError as error:
        raise ClassesError(f"{path} is not valid TOML: {error}.") from None
    searches = {}
    for entry in settings.get("class", []):
        label, terms = str(entry.get("label", "")).strip(), tuple(entry.get("search", ()))
        if not label or label == NEITHER or label in searches or not terms:
            raise ClassesError(f"{path}: a [[class]] needs a label of its own (not “neither”) and searches.")
        searches[label] = terms
    labels = tuple(searches)
    if len(labels) < 2:
        raise ClassesError(f"{path} names {len(labels)} classes; it takes at least two [[class]] entries.")
    groups = tuple(read_groups(path, settings.get(NEITHER, {}), labels))
    searches[NEITHER] = in_turn(groups)
    if not groups:
        raise ClassesError(f"{path}: [neither] needs searches; without them all pictures would be one of the classes.")
    return Classes(
        labels, searches, str(settings.get("title", " or ".join(labels))), str(settings.get("tagline", "")), groups
    )


def read_groups(path: Path, neither: dict[str, Any], labels: tuple[str, ...]) -> Iterable[Group]:
    """[neither] and [neither.NAME] -> Groups. Raises ClassesError for what is no group, and for a search in two."""
    seen: dict[str, str] = {}
    plain = {NEITHER: {"search": neither["search"]}} if neither.get("search") else {}
    for name, entry in {**plain, **{key: value for key, value in neither.items() if key != "search"}}.items():
        terms = tuple(entry.get("search", ())) if isinstance(entry, dict) else ()
        like = entry.get("like", "") if isinstance(entry, dict) else ""
        if not terms:
            raise ClassesError(f"{path}: [neither.{name}] needs searches.")
        if like and like not in labels:
            raise ClassesError(f"{path}: [neither.{name}] is like “{like}”, which is none of the classes.")
        for term in terms:
            if seen.setdefault(term, name) != name:
                raise ClassesError(f"{path}: “{term}” is searched for [neither.{seen[term]}] and [neither.{name}].")
        yield Group(name, terms, like)


def in_turn(groups: Iterable[Group]) -> tuple[str, ...]:
    """The first search of each group, then the second of each, and so on: who stops early has some of every kind."""
    rounds = zip_longest(*(group.searches for group in groups))
    return tuple(term for term in chain.from_iterable(rounds) if term is not None)
