"""classes.toml: the words that make this project tell two things apart."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from ..errors import ClassesError

NEITHER = "neither"  # the label of pictures that show none of the classes


@dataclass(frozen=True)
class Classes:
    """What classes.toml says.

    labels: the classes, in the order of the model's outputs; at least two, none called "neither".
    searches: label (or "neither") -> its search terms.
    """

    labels: tuple[str, ...]
    searches: dict[str, tuple[str, ...]]
    title: str
    tagline: str


def load_classes(path: Path) -> Classes:
    """Read classes.toml.

    Raises ClassesError when the file is missing, is not TOML, or does not name at least two classes with searches.
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
    searches[NEITHER] = tuple(settings.get("neither", {}).get("search", ()))
    if not searches[NEITHER]:
        raise ClassesError(f"{path}: [neither] needs searches; without them all pictures would be one of the classes.")
    return Classes(labels, searches, str(settings.get("title", " or ".join(labels))), str(settings.get("tagline", "")))
