"""What may stand in classes.toml: its schema, and every mistake in it as a sentence."""

from __future__ import annotations

import codecs
import json
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import ClassesError

NEITHER = "neither"  # the label of pictures that show none of the classes
ANSWERS = (NEITHER, "both")  # what the page says of a picture beside the labels
ALONE = "[neither] needs searches; without them all pictures would be one of the classes."
LONGEST = 200  # characters of a search that Openverse takes
MISTAKEN = 0.12  # of what resembles a class, the share that may be called it, unless the file says otherwise
LEAST_SHARE, MOST_SHARE = 0.01, 0.5  # what it may say


def one_line(text: str) -> str:
    """The text without blanks at its ends, and with single ones between its words."""
    return " ".join(text.split())


def as_label(text: str) -> str:
    """A label, or ValueError with what to say behind the word “label”."""
    label = one_line(text)
    if not label:
        raise ValueError(" is empty.")
    if label.casefold() in ANSWERS:
        raise ValueError(f" “{label}” is what the page answers by itself; a class needs a label of its own.")
    return label


def as_search(text: str) -> str:
    """A search term that an engine can be asked, or ValueError with what to say behind the words “search 3”."""
    term = one_line(text)
    if not term:
        raise ValueError(" is empty.")
    if len(term) > LONGEST:
        raise ValueError(f", “{term[:20]}…”, is longer than {LONGEST} characters.")
    if term.count('"') % 2:
        raise ValueError(f", “{term}”: a quotation mark is not closed.")
    if all(word.startswith("-") for word in term.split()):
        raise ValueError(f", “{term}”, only leaves words out. Say first what is to be found.")
    return term


Label = Annotated[str, AfterValidator(as_label)]
Searches = list[Annotated[str, AfterValidator(as_search)]]


class Table(BaseModel):
    """A table of classes.toml: nothing in it is converted, and nothing else may be."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ClassTable(Table):
    """[[class]]: one, many and others are the words of the sentences that say how good the model is.

    mistaken: of the pictures that resemble the class, the share that may be called it.
    """

    label: Label
    search: Searches = Field(min_length=1)
    one: str = ""
    many: str = ""
    others: str = ""
    mistaken: float = Field(MISTAKEN, ge=LEAST_SHARE, le=MOST_SHARE)


class GroupTable(Table):
    """[neither.NAME]"""

    search: Searches = Field(min_length=1)
    like: str = ""


class NeitherTable(Table):
    """[neither]: searches without a group, and groups, which are all else in it."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, GroupTable] = Field(init=False)
    search: Searches = []

    @model_validator(mode="after")
    def something_to_search(self) -> Self:
        """Without pictures of neither, all would be one of the classes."""
        if not self.search and not self.__pydantic_extra__:
            raise ValueError(ALONE)
        return self


class FileTable(Table):
    """All of classes.toml."""

    title: str = ""
    tagline: str = ""
    emoji: str = ""
    classes: list[ClassTable] = Field([], alias="class")
    neither: NeitherTable


def read_tables(path: Path) -> FileTable:
    """Read and check the file. Raises ClassesError, which names every mistake."""
    settings = read_toml(path)
    mistakes = []
    if isinstance(settings.get("class"), dict):
        mistakes.append("[class] is written with double brackets, once for each class: [[class]].")
        settings["class"] = [settings["class"]]
    file = None
    try:
        file = FileTable.model_validate(settings)
    except ValidationError as error:
        mistakes += sentences(error, settings)
    mistakes += disagreements(settings)
    if file is None or mistakes:
        many = f"{path} has {len(mistakes)} mistakes:\n" + "\n".join(f"  {mistake}" for mistake in mistakes)
        raise ClassesError(many if mistakes[1:] else f"{path}: {mistakes[0]}")
    return file


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as editors save it. Raises ClassesError."""
    if path.is_dir():
        raise ClassesError(f"{path} is a folder. Name the file in it: {path / 'classes.toml'}")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ClassesError(f"{path} is not there. Copy the project's classes.toml and put your words in.") from None
    except OSError as error:
        raise ClassesError(f"{path} cannot be read ({error.strerror}).") from None
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
        if b"\0" in content and b"=" in content:
            raise UnicodeDecodeError("utf-8", content, content.index(0), content.index(0) + 1, "not text")
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in content
        line = content.count(b"\n", 0, error.start) + 1
        what = "is saved as UTF-16" if wide else f"is not saved as UTF-8: see line {line}"
        raise ClassesError(f"{path} {what}. Save it again with the encoding UTF-8.") from None
    except (ValueError, RecursionError) as error:  # tomllib's own is a ValueError; so are numbers beyond int()
        raise ClassesError(f"{path} is not valid TOML: {error}.") from None


def sentences(error: ValidationError, settings: dict[str, Any]) -> Iterator[str]:
    """What the schema finds wrong, in words a person can act on."""
    found = [(*where(entry["loc"], settings), entry) for entry in error.errors()]
    meant = {(place, meant_by(place, what, entry["type"])) for place, what, entry in found}
    for place, what, entry in found:
        if not (entry["type"] == "missing" and (place, what) in meant):  # else it is there, under another name
            yield sentence(place, what, entry["type"], entry["input"], str(entry.get("ctx", {}).get("error")))


def sentence(place: str, what: str, kind: str, given: object, said: str) -> str:
    """One mistake. place: the table that it is in ("[neither]"), or ""; what: the key, or which search ("search 3").

    kind, given, said: pydantic's name of the mistake, the value that is one, and what a check of ours says of it.
    """
    at, value = f"{place}: " if place else "", shown(given)
    if near := meant_by(place, what, kind):
        return f"{at}“{what}” is not known. Is “{near}” meant?"
    match kind:
        case "value_error" | "missing" if what == NEITHER:
            return ALONE
        case "value_error":
            return f"{at}{what}{said}"
        case "missing" | "too_short":
            return f"{place} needs {'a label' if what == 'label' else 'searches'}."
        case "extra_forbidden":
            return f"{at}“{what}” is not known. What may stand here: {', '.join(known(place))}."
        case "string_type":
            return f"{at}{what} is {value}, not a text. Write it in quotes."
        case "greater_than_equal" | "less_than_equal":
            return f"{at}{what} is {value}. It is a share, from {LEAST_SHARE} to {MOST_SHARE}."
        case "float_type":
            return f"{at}{what} is {value}, not a number. Write it without quotes, like {MISTAKEN}."
        case "list_type" if what == "search":
            right = f"[{value}]" if isinstance(given, str) else '["...", "..."]'
            return f"{at}search = {value} is not a list. Write search = {right}."
    if place == "[neither]":
        return f"[neither.{what}] needs searches of its own: a group is a table, [neither.{what}], with searches in it."
    single = what == NEITHER and isinstance(given, list)
    return f"{what} is {value}, not a table." if not single else "[neither] is written with single brackets: [neither]."


def where(loc: Sequence[str | int], settings: dict[str, Any]) -> tuple[str, str]:
    """A place in the file, as pydantic tells it -> (table, key or search), as `sentence` says it."""
    match tuple(loc):
        case ("class", int(number), *rest):
            place = name_of(number, settings["class"][number])
        case ("neither", str(name), *rest) if name != "search" and rest:
            place = f"[neither.{name}]"
        case ("neither", *rest) if rest:
            place = "[neither]"
        case rest:
            place = ""
    key, *numbers = rest or ["class"]
    return place, f"{key} {int(numbers[0]) + 1}" if numbers else str(key)


def name_of(number: int, entry: object) -> str:
    """How a [[class]], the number-th from 0, is spoken of."""
    label = entry.get("label") if isinstance(entry, dict) else None
    return f"[[class]] “{one_line(label)}”" if isinstance(label, str) and label.strip() else f"[[class]] {number + 1}"


def known(place: str) -> list[str]:
    """The keys of a table."""
    table = FileTable if not place else ClassTable if place.startswith("[[") else GroupTable
    return sorted(field.alias or name for name, field in table.model_fields.items())


def meant_by(place: str, what: str, kind: str) -> str:
    """The key that an unknown one is a misspelling of, or ""."""
    unknown = kind == "extra_forbidden" or (kind == "model_type" and place == "[neither]")
    near = get_close_matches(what, ["search"] if place == "[neither]" else known(place), 1) if unknown else []
    return near[0] if near else ""


def shown(value: object) -> str:
    """A value as it stands in the file, or its beginning."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:59]}…"


def disagreements(settings: dict[str, Any]) -> Iterator[str]:
    """What is wrong between the tables of a file, whether or not each is right by itself."""
    entries = settings.get("class", [])
    tables = [(name_of(n, entry), entry) for n, entry in enumerate(entries if isinstance(entries, list) else [])]
    labels: dict[str, str] = {}  # folded -> as it is written
    for place, entry in tables:
        label = one_line(entry["label"]) if isinstance(entry, dict) and isinstance(entry.get("label"), str) else ""
        if label and labels.setdefault(label.casefold(), label) is not label:
            yield f"{place} needs a label of its own: “{labels[label.casefold()]}” is another class."
    if len(tables) < 2:
        yield f"There {'is 1 class' if tables else 'are 0 classes'}; it takes at least two [[class]] entries."
    neither = settings.get(NEITHER, {})
    if isinstance(neither, dict):
        groups = [(f"[neither.{name}]", entry) for name, entry in neither.items() if isinstance(entry, dict)]
        if NEITHER in neither:
            yield "[neither.neither] needs another name: that is what searches without a group are called."
        for place, entry in groups:
            like = one_line(entry["like"]) if isinstance(entry.get("like"), str) else ""
            if like and like not in labels.values():
                near = get_close_matches(like, labels.values(), 1)
                meant = f" Is “{near[0]}” meant?" if near else ""
                yield f"{place} is like “{like}”, which is none of the classes.{meant}"
        tables += [("[neither]", neither), *groups]
    yield from in_two(tables)


def in_two(tables: Iterable[tuple[str, object]]) -> Iterator[str]:
    """The searches that stand in two tables: what they find would be two things at once."""
    first: dict[str, str] = {}
    for place, entry in tables:
        terms = entry.get("search") if isinstance(entry, dict) else None
        texts = [term for term in terms if isinstance(term, str)] if isinstance(terms, list) else []
        for term in dict.fromkeys(map(one_line, texts)):
            if term and first.setdefault(term, place) != place:
                yield f"“{term}” is searched for {first[term]} and for {place}."
