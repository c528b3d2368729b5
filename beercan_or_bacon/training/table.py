"""data/pictures.csv: one row a candidate, the data set's memory. Every stage reads and rewrites it.

While pictures arrive, rows are appended: the last row of a label and address counts, and a row cut short (the process
was killed while it wrote) does not. The next stage that writes the table writes it afresh.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TextIO

from ..errors import DataError


@dataclass(frozen=True)
class Record:
    """One candidate picture: where it came from, what arrived, and what was decided about it.

    file: the picture's path below the data folder (`pictures/SHA256.jpg`), or "" when it could not be fetched.
    decision: "keep", "drop", or "" while nobody has decided. A candidate refused for good (404, not an image) has
        file "" and decision "drop"; one to be tried again (a server that stalled) has file "" and decision "".
    reason: why, in a word or two that can be counted ("near duplicate", "off-topic", "http 404", "review").
    score: how sure the decision is, 0 (surely drop) to 1 (surely keep); None when nothing was measured.
    """

    label: str
    query: str
    provider: str
    url: str
    landing_page: str = ""
    creator: str = ""
    licence: str = ""
    title: str = ""
    file: str = ""
    sha256: str = ""
    bytes: int = 0
    width: int = 0  # pixels, as displayed (EXIF rotation applied)
    height: int = 0
    decision: str = ""
    reason: str = ""
    score: float | None = None


COLUMNS = tuple(field.name for field in fields(Record))


def read_table(data: Path) -> list[Record]:
    """The rows of data/pictures.csv, or [] when there is none yet.

    Raises DataError when the file is not such a table.
    """
    path = Path(data) / "pictures.csv"
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return []
    try:
        rows = csv.DictReader(io.StringIO(text[: text.rfind(b"\n") + 1].decode("utf-8"), newline=""))
        records = [
            Record(**{
                **{name: row[name] for name in COLUMNS},
                "bytes": int(row["bytes"]), "width": int(row["width"]), "height": int(row["height"]),
                "score": float(row["score"]) if row["score"] else None,
            })
            for row in rows
        ]  # fmt: skip
        return list({(record.label, record.url): record for record in records}.values())
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(f"{path} is not a table this version wrote ({error}). Move it away and scrape again.") from None


def write_table(data: Path, records: Iterable[Record]) -> None:
    """Replace data/pictures.csv in one step: a reader sees the old table or the new one, never half of one."""
    path = Path(data) / "pictures.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".csv.tmp")
    with temporary.open("w", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, COLUMNS).writeheader()
        _write_rows(file, records)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def append_rows(data: Path, records: Iterable[Record]) -> None:
    """Add rows to data/pictures.csv, which must exist, or replace those of the same label and address.

    Only a table that this process has written may be appended to: the last row of another's may be half a row.
    """
    with (Path(data) / "pictures.csv").open("a", newline="", encoding="utf-8") as file:
        _write_rows(file, records)


def _write_rows(file: TextIO, records: Iterable[Record]) -> None:
    table = csv.DictWriter(file, COLUMNS)
    for record in records:
        row = asdict(record)
        table.writerow({**row, "score": "" if record.score is None else f"{record.score:.4f}"})
