"""data/pictures.csv: one row a candidate, the data set's memory. Every stage reads and rewrites it.

While pictures arrive, rows are appended: the last row of a label and address counts, and a row cut short (the process
was killed while it wrote) does not. The next stage that writes the table writes it afresh.

data/reviews.csv: what a person decided, one line a decision, only ever added to. It is laid over the table at every
reading, so that no stage has to know of it and no rewriting of the table can lose it.
"""

from __future__ import annotations

import csv
import io
import os
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from ..errors import DataError
from ..files import replacing

VISITOR = "visitor"  # the provider of pictures that visitors sent: nothing decides about them but a person
SEVERAL = "\t"  # between the labels of a picture that shows several; no label holds one, as they are a single line


@dataclass(frozen=True)
class Record:
    """One candidate picture: where it came from, what arrived, and what was decided about it.

    file: the picture's path below the data folder (`pictures/SHA256.jpg`), or "" when it could not be fetched.
    decision: "keep", "drop", or "" while nobody has decided. A candidate refused for good (404, not an image) has
        file "" and decision "drop"; one to be tried again (a server that stalled) has file "" and decision "".
    reason: why, in a word or two that can be counted ("near duplicate", "off-topic", "http 404", "review").
    score: how sure the decision is, 0 (surely drop) to 1 (surely keep); None when nothing was measured.
    reviewed: a person decided; not a column, but read from data/reviews.csv. The reason is then "review".
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
    reviewed: bool = False


@dataclass(frozen=True)
class Review:
    """A person's decision about a picture; the last one about a picture counts.

    label: one, or several with SEVERAL between them.
    decision: "keep" (under `label`, whatever it was found as), "drop", or "" (taken back: let the machine decide
        again, under `label`).
    time: ISO 8601, UTC.
    """

    sha256: str
    label: str
    decision: str
    time: str = ""


def author_of(record: Record) -> str:
    """The creator of a picture in one spelling, whichever engine told it: "Ann Lee" and "ann lee " are one; or ""."""
    return " ".join(unicodedata.normalize("NFKC", record.creator).casefold().split())


COLUMNS = tuple(field.name for field in fields(Record) if field.name != "reviewed")
NUMBERS = ("bytes", "width", "height")
WORDS = tuple(name for name in COLUMNS if name not in (*NUMBERS, "score"))
REVIEWS = "reviews.csv"  # in the data folder; export puts a copy beside the model
REVIEW_COLUMNS = tuple(field.name for field in fields(Review))


def read_table(data: Path) -> list[Record]:
    """The rows of data/pictures.csv under the decisions of data/reviews.csv, or [] when there is no table yet.

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
            replace(
                Record(**dict[str, Any]({name: row[name] for name in WORDS})),
                **dict[str, Any]({name: int(row[name]) for name in NUMBERS}),
                score=float(row["score"]) if row["score"] else None,
            )
            for row in rows
        ]
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise DataError(f"{path} is not a table this version wrote ({error}). Move it away and scrape again.") from None
    last = {(record.label, record.url): record for record in records}
    return overlay(list(last.values()), read_reviews(data))


def write_table(data: Path, records: Iterable[Record]) -> None:
    """Replace data/pictures.csv in one step: a reader sees the old table or the new one, never half of one."""
    with replacing(Path(data) / "pictures.csv") as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        csv.DictWriter(text, COLUMNS).writeheader()
        _write_rows(text, records)
        text.detach()


def append_rows(data: Path, records: Iterable[Record]) -> None:
    """Add rows to data/pictures.csv, which must exist, or replace those of the same label and address.

    Only a table that this process has written may be appended to: the last row of another's may be half a row.
    """
    with (Path(data) / "pictures.csv").open("a", newline="", encoding="utf-8") as file:
        _write_rows(file, records)


def _write_rows(file: TextIO, records: Iterable[Record]) -> None:
    table = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
    for record in records:
        row = asdict(record)
        table.writerow({**row, "score": "" if record.score is None else f"{record.score:.4f}"})


def read_reviews(data: Path) -> dict[str, Review]:
    """The standing decision about each picture a person has looked at: sha256 -> Review.

    Raises DataError when the file cannot be read as a table.
    """
    try:
        # a crash may have cut a line within a letter
        with (Path(data) / REVIEWS).open(newline="", encoding="utf-8", errors="replace") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        return {}
    except csv.Error as error:
        raise DataError(f"{file.name} is damaged ({error}). Mend the line, or move the file away.") from None
    # a line that a crash cut short has fields missing; its decision was never shown as made
    return {row["sha256"]: Review(**row) for row in rows if set(row) == set(REVIEW_COLUMNS) and row["time"]}


def append_review(data: Path, sha256: str, label: str, decision: str) -> Review:
    """Write one decision to the disk before returning it."""
    review = Review(sha256, label, decision, datetime.now(UTC).isoformat(timespec="microseconds"))
    path = Path(data) / REVIEWS
    with path.open("a+", newline="", encoding="utf-8") as file:
        if file.tell() == 0:
            csv.DictWriter(file, REVIEW_COLUMNS).writeheader()
        else:
            with path.open("rb") as written:  # never write on at the end of a line that a crash cut short
                written.seek(-1, os.SEEK_END)
                if written.read(1) != b"\n":
                    file.write("\r\n")
        csv.DictWriter(file, REVIEW_COLUMNS).writerow(asdict(review))
        file.flush()
        os.fsync(file.fileno())
    return review


def overlay(records: list[Record], reviews: dict[str, Review]) -> list[Record]:
    """The records as a person decided about them; of several records of one picture one is kept for each label."""
    kept: dict[tuple[str, str], int] = {}  # (sha256, a label that was decided) -> the record that stands for it
    for index, record in enumerate(records):
        review = reviews.get(record.sha256)
        for label in review.label.split(SEVERAL) if review else ():
            before = kept.setdefault((record.sha256, label), index)
            if record.label == label != records[before].label:
                kept[record.sha256, label] = index

    def decided(index: int, record: Record) -> list[Record]:
        review = reviews.get(record.sha256)
        if not record.sha256 or not review:
            return [record]
        labels = [label for label in review.label.split(SEVERAL) if kept[record.sha256, label] == index]
        if review.decision == "keep" and labels:
            done = replace(record, decision="keep", reason="review", score=1.0, reviewed=True)
            return [replace(done, label=label) for label in labels]
        if review.decision:
            return [replace(record, decision="drop", reason="review", score=0.0, reviewed=True)]
        if record.reason != "review":
            return [record]
        label = review.label if record.decision == "keep" else record.label
        return [replace(record, label=label, decision="", reason="", score=None)]

    laid = [one for index, record in enumerate(records) for one in decided(index, record)]
    return list(dict.fromkeys(laid))  # what was kept under two labels, taken back, is one again
