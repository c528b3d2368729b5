"""classes.toml: the words that make this project tell two things apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from pathlib import Path

from .classes_file import MISTAKEN as MISTAKEN
from .classes_file import NEITHER as NEITHER
from .classes_file import one_line, read_tables


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
class Words:
    """How a label is spoken of: “Of 100 {many} it finds about 88. Of 100 {others}, it calls about 5 {one}.”"""

    one: str
    many: str
    others: str


@dataclass(frozen=True)
class Classes:
    """What classes.toml says.

    labels: the classes, in the order of the model's outputs; at least two, none called "neither" or "both".
    searches: label (or "neither") -> its search terms, in the order in which they are asked.
    groups: the same searches of "neither", by kind; each stands in one group alone.
    words: label -> how it is spoken of, where the file says so.
    emoji: of the page's Space on the Hub; "" for one that fits any words.
    mistaken: label -> of what resembles it, the share that may be called it; MISTAKEN for a label that is not here.
    """

    labels: tuple[str, ...]
    searches: dict[str, tuple[str, ...]]
    title: str
    tagline: str
    groups: tuple[Group, ...] = ()
    words: dict[str, Words] = field(default_factory=dict)
    emoji: str = ""
    mistaken: dict[str, float] = field(default_factory=dict)

    def words_of(self, label: str) -> Words:
        """How a label is spoken of: what the file does not say is made of the label and its groups' names."""
        given = self.words.get(label, Words("", "", ""))
        like = [group.name for group in self.groups if group.like == label]
        others = f"pictures of {either(like)} alone" if like else "other pictures"
        return Words(given.one or label, given.many or f"pictures of {label}", given.others or others)

    @property
    def shares(self) -> tuple[float, ...]:
        """For each label, of the pictures that resemble it, the share that may be called it."""
        return tuple(self.mistaken.get(label, MISTAKEN) for label in self.labels)

    def group_of(self, query: str) -> Group | None:
        """The group of the neither searches that asks this, or None: a class's search, or one no longer asked."""
        return next((group for group in self.groups if query in group.searches), None)


def load_classes(path: Path) -> Classes:
    """Read classes.toml.

    Raises ClassesError, naming every mistake, when the file is missing, is not TOML in UTF-8, has keys or values that
    mean nothing here, or does not name at least two classes and searches for each and for neither.
    """
    file = read_tables(Path(path))
    searches = {table.label: tuple(dict.fromkeys(table.search)) for table in file.classes}
    groups = [
        Group(name, tuple(dict.fromkeys(table.search)), one_line(table.like))
        for name, table in (file.neither.__pydantic_extra__ or {}).items()
    ]
    if file.neither.search:
        groups.insert(0, Group(NEITHER, tuple(dict.fromkeys(file.neither.search))))
    labels = tuple(searches)
    title = file.title or " or ".join(labels)
    words = {table.label: Words(*map(one_line, (table.one, table.many, table.others))) for table in file.classes}
    searches[NEITHER] = in_turn(groups)
    mistaken = {table.label: table.mistaken for table in file.classes}
    return Classes(labels, searches, title, file.tagline, tuple(groups), words, file.emoji.strip(), mistaken)


def either(names: Sequence[str]) -> str:
    """“cans, beer or bottles”."""
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def in_turn(groups: Iterable[Group]) -> tuple[str, ...]:
    """The first search of each group, then the second of each, and so on: who stops early has some of every kind."""
    rounds = zip_longest(*(group.searches for group in groups))
    return tuple(term for term in chain.from_iterable(rounds) if term is not None)
