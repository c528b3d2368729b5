"""What the search engines answer: their JSON as a schema, forgiving where nothing is lost by it.

An answer that makes no sense as a whole is a SearchError. An odd item in it is left out and counted by its reason.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from ...errors import SearchError

# what pydantic calls a value of the wrong kind -> what it should have been; all else that can be wrong are numbers
NOTES = {"artist": "Artist", "licence": "LicenseShortName", "categories": "Categories"}  # as Commons calls them
KINDS = {"model_type": "no object", "dict_type": "no object", "list_type": "no list"}
# Characters of a title or a name, and of an address: far more than honest ones have. A field of 131,072 is one that
# Python's csv refuses to read, and with it the whole table
MOST, ADDRESS = 1_000, 8_000


def plain(text: object) -> str:
    """Text on one line, without markup (titles and creators come as HTML on Commons)."""
    # a tag holds no further "<": looking past it would be quadratic in how many there are
    return " ".join(html.unescape(re.sub(r"<[^<>]*>", " ", str(text or ""))).split())


def as_text(value: object) -> str:
    """A text that can be written to a file: half of a surrogate pair, which JSON may hold, can not. Or ValueError."""
    if not isinstance(value, str | int | float | None):
        raise ValueError("no text")
    return str("" if value is None else value).encode("utf-8", "replace").decode()


def as_address(value: object) -> str:
    """The address of something on the web, or ValueError."""
    address = as_text(value) if isinstance(value, str) else ""
    if not isinstance(value, str):
        raise ValueError("no text")
    if not address.startswith(("http://", "https://")):
        raise ValueError("no web address")
    if len(address) > ADDRESS:
        raise ValueError("too long")
    return address


def as_page(value: object) -> str:
    """The address of a page about a picture, or ""; without it, a picture is as good."""
    try:
        return as_address(value)
    except ValueError:
        return ""


def as_list(value: object) -> object:
    """None for an empty list, and an object whose keys are numbers: PHP makes them of lists."""
    return list(value.values()) if isinstance(value, dict) else [] if value is None else value


def as_object(value: object) -> object:
    """None or an empty list for an empty object: PHP makes the list of it."""
    return {} if value is None or value == [] else value


def as_tag(tag: object) -> str:
    """The name of a tag, or nothing."""
    name = tag.get("name") if isinstance(tag, dict) else tag
    return as_text(name) if isinstance(name, str) else ""


Address = Annotated[str, BeforeValidator(as_address)]
Page = Annotated[str, BeforeValidator(as_page)]
Text = Annotated[str, BeforeValidator(lambda value: as_text(value)[:MOST])]
Words = Annotated[str, BeforeValidator(lambda value: plain(as_text(value))[:MOST])]
# a value of Commons' extmetadata, with its source and more beside it
Note = Annotated[
    str, BeforeValidator(lambda note: plain(as_text(note.get("value") if isinstance(note, dict) else note)))
]
Name = Annotated[Note, AfterValidator(lambda note: note[:MOST])]
Number = Annotated[int, BeforeValidator(lambda value: 0 if value is None else value)]
# Openverse's as {"name", "accuracy"}; without tags a picture is as good
Tags = Annotated[
    list[str], BeforeValidator(lambda tags: [as_tag(tag) for tag in tags if tag] if isinstance(tags, list) else [])
]
Items = Annotated[list[Any], BeforeValidator(as_list)]


class OpenverseItem(BaseModel):
    """A picture that Openverse found."""

    url: Address
    title: Words = ""
    creator: Words = ""
    foreign_landing_url: Page = ""
    license: Text = ""
    license_version: Text = ""
    tags: Tags = []


class OpenverseAnswer(BaseModel):
    """A page of Openverse's answers. page_count: of this search, from 1."""

    results: Items = []
    page_count: Number = 0


class CommonsNotes(BaseModel):
    """What Commons knows of a picture (extmetadata)."""

    model_config = ConfigDict(alias_generator=lambda name: NOTES[name])

    artist: Name = ""
    licence: Name = ""
    categories: Note = ""


class CommonsPicture(BaseModel):
    """A picture of Commons (imageinfo). url: of the copy scaled for us, where there is one."""

    url: Address
    descriptionurl: Page = ""
    extmetadata: Annotated[CommonsNotes, BeforeValidator(as_object)] = CommonsNotes()

    @model_validator(mode="before")
    @classmethod
    def scaled(cls, info: object) -> object:
        """The address of the scaled copy stands in for that of the original."""
        return info | {"url": info["thumburl"]} if isinstance(info, dict) and info.get("thumburl") else info


class CommonsPage(BaseModel):
    """A page of Commons about a picture. index: its place in the search; deleted ones have no info."""

    title: Words = ""
    index: Number = 0
    imageinfo: Items = []


class CommonsQuery(BaseModel):
    """What a search of Commons found."""

    pages: Items = []


class CommonsMore(BaseModel):
    """Where a search of Commons goes on."""

    gsroffset: Number = 0


class CommonsAnswer(BaseModel):
    """An answer of Commons. error: why it refuses, usually as {"code", "info"}."""

    error: Any = None
    query: Annotated[CommonsQuery, BeforeValidator(as_object)] = CommonsQuery()
    more: Annotated[CommonsMore, BeforeValidator(as_object)] = Field(CommonsMore(), alias="continue")


Schema = TypeVar("Schema", bound=BaseModel)


def read(schema: type[Schema], answer: object, server: str) -> Schema:
    """A whole answer. Raises SearchError with what makes no sense in it; server: who answered."""
    try:
        return schema.model_validate(answer)
    except ValidationError as error:
        raise SearchError(
            f"{server} does not answer as an image search does ({reason_of(error)}): check the address."
        ) from None


def sift(schema: type[Schema], items: Iterable[object], odd: Counter[str]) -> list[Schema]:
    """The items that make sense; the others are counted in `odd` by their reasons."""
    good = []
    for item in items:
        try:
            good.append(schema.model_validate(item))
        except ValidationError as error:
            odd[reason_of(error)] += 1
    return good


def reason_of(error: ValidationError) -> str:
    """The first thing that is wrong, in words that can be counted ("url is no text")."""
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        return f"without {name}"
    said = str(first["ctx"]["error"]) if first["type"] == "value_error" else KINDS.get(first["type"], "no number")
    return f"{name} is {said}".strip()
