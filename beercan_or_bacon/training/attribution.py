"""data/ATTRIBUTION.md: who made the pictures that are used, and under which licence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from ..files import write_whole
from .table import Record


def write_attribution(data: Path, records: Iterable[Record]) -> None:
    """List title, creator, licence and page of every picture on disk that has not been dropped, by class."""
    lines = ["# Attribution", "", "The pictures in this data set, who made them, and under which licence.", ""]
    used = sorted((r for r in records if r.file and r.decision != "drop"), key=lambda r: (r.label, r.title, r.url))
    label = None
    for record in used:
        if record.label != label:
            label = record.label
            lines += [f"## {escape(label)}", ""]
        title = f"[{escape(record.title or 'untitled')}]({address(record)})"
        lines.append(
            f"- {title} by {escape(record.creator or 'unknown')}, licence {escape(record.licence or 'unknown')},"
            f" by way of {escape(record.provider)}: `{record.file}`"
        )
    write_whole(Path(data) / "ATTRIBUTION.md", "\n".join([*lines, ""]))


def escape(text: str) -> str:
    """Somebody else's words as plain text in Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>#|!~])", r"\\\1", " ".join(text.split()))


def address(record: Record) -> str:
    """Where the picture is from, as a link target in Markdown: a web page, and nothing in it can end the link."""
    page = record.landing_page if record.landing_page.startswith(("http://", "https://")) else record.url
    return quote(page, safe=":/?#@!$&'*+,;=%~")
