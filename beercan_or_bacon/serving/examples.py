"""The pictures to click on: they follow the labels, so that a model of other words does not show this one's."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from PIL import Image

SMALL = 160  # pixels, the longer side of a picture to click on
CREDITS = "credits.json"


@dataclass(frozen=True)
class Credit:
    """Who made an example: file is its name in its folder, page where it is from (http or https), or ""."""

    file: str
    title: str
    creator: str
    licence: str
    page: str


def slug(label: str) -> str:
    """A label as the beginning of an example's name."""
    return re.sub(r"[^\w]+", "_", label.casefold()).strip("_")


def examples_for(labels: Sequence[str], *folders: Path) -> list[Path]:
    """The pictures of the first folder whose pictures are of these labels and no others; [] when there is none.

    An example's name begins with what it shows: a label, "both" (of two), or "neither", then "_" and a number.
    """
    known = {*map(slug, labels)}
    answers = known | {"neither"} | ({"both"} if len(labels) == 2 else set())
    for folder in folders:
        pictures = sorted(folder.glob("*.jpg"))
        shown = {path.stem.rpartition("_")[0] for path in pictures}
        if shown & known and shown <= answers:
            return pictures
    return []


def examples_of(model: Path, *folders: Path) -> list[Path]:
    """`examples_for` the labels of a model folder, its own pictures first."""
    try:
        labels = json.loads((model / "classifier.json").read_text(encoding="utf-8"))["labels"]
    except (OSError, ValueError, KeyError, TypeError):
        return []  # whoever loads the model says what is wrong with it
    return examples_for(labels, model / "examples", *folders)


def read_credits(examples: Sequence[Path]) -> list[Credit]:
    """Who made these examples, as far as their licences ask for it."""
    try:
        told = json.loads((examples[0].parent / CREDITS).read_text(encoding="utf-8"))["pictures"]
        return [Credit(**entry) for entry in told if entry["file"] in {path.name for path in examples}]
    except (IndexError, OSError, ValueError, KeyError, TypeError):
        return []


def credits_html(examples: Sequence[Path]) -> str:
    """Who made the examples, under which licence and where they are from; "" when nobody needs to be named."""
    lines = []
    for credit in read_credits(examples):
        title = escape(credit.title or "untitled")
        if credit.page.startswith(("https://", "http://")):
            title = f'<a href="{escape(credit.page)}" target="_blank" rel="noopener">{title}</a>'
        by = f" by {escape(credit.creator)}" if credit.creator else ""
        lines.append(f"<li>{title}{by}, {escape(credit.licence)}</li>")
    if not lines:
        return ""
    return f"<details><summary>Who made these pictures</summary><ol>{''.join(lines)}</ol></details>"


def small_picture(path: Path) -> str:
    """An example as a small JPEG in a data: URL, so that it comes with the page itself."""
    with Image.open(path) as image:
        image.draft("RGB", (SMALL, SMALL))
        image.thumbnail((SMALL, SMALL))
        file = io.BytesIO()
        image.convert("RGB").save(file, "JPEG", quality=75)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
