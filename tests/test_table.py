"""data/pictures.csv: what goes in comes out, and a reader never sees half of it."""

import csv
from dataclasses import replace

import pytest

from beercan_or_bacon.errors import DataError
from beercan_or_bacon.training.table import (
    COLUMNS,
    Record,
    Review,
    append_review,
    append_rows,
    author_of,
    overlay,
    read_reviews,
    read_table,
    write_table,
)

RECORD = Record(
    "beer can", "beer can -chicken", "openverse", "http://example.org/a.jpg?x=1&y=2", "http://example.org/a",
    'A "quoted", name\nof two lines', "CC BY 4.0", "Übertitel", "pictures/ab.jpg", "ab", 12345, 640, 480, "keep",
    "", 0.9871,
)  # fmt: skip


def test_round_trip(tmp_path):
    records = [RECORD, Record("neither", "photo", "commons", "http://example.org/b.png")]
    write_table(tmp_path, records)
    assert read_table(tmp_path) == records


def test_the_columns_other_programs_read(tmp_path):
    write_table(tmp_path, [RECORD])
    with (tmp_path / "pictures.csv").open(newline="", encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    assert tuple(row) == COLUMNS
    assert {"label", "query", "provider", "url", "landing_page", "creator", "licence", "file", "sha256", "bytes",
            "width", "height", "decision", "reason", "score"} <= set(row)  # fmt: skip


def test_no_table_yet(tmp_path):
    assert read_table(tmp_path) == []


def test_a_write_that_fails_leaves_the_old_table(tmp_path):
    write_table(tmp_path, [RECORD])

    def records():
        yield RECORD
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_table(tmp_path, records())
    assert read_table(tmp_path) == [RECORD]


@pytest.mark.parametrize("text", ["label,query\na,b\n", ",".join(COLUMNS) + "\n" + ",".join("x" * len(COLUMNS)) + "\n"])
def test_a_table_of_something_else(text, tmp_path):
    (tmp_path / "pictures.csv").write_text(text)
    with pytest.raises(DataError, match="scrape again"):
        read_table(tmp_path)


@pytest.mark.parametrize("spelling", ["Ann Lee", "ann lee ", "ANN\u00a0LEE", "Ann\tLee", "Ａｎｎ Lee"])
def test_the_spellings_of_one_creator_are_one_author(spelling):
    assert author_of(Record("bacon", "bacon", "commons", "http://example.org/a.jpg", creator=spelling)) == "ann lee"


def test_nobody_is_no_author():
    assert author_of(Record("bacon", "bacon", "commons", "http://example.org/a.jpg", creator=" ")) == ""


def test_the_last_row_of_an_address_counts_and_half_a_row_does_not(tmp_path):
    write_table(tmp_path, [RECORD])
    append_rows(tmp_path, [replace(RECORD, reason="off-topic"), replace(RECORD, label="bacon")])
    with (tmp_path / "pictures.csv").open("a") as file:
        file.write("beer can,half a")
    assert read_table(tmp_path) == [replace(RECORD, reason="off-topic"), replace(RECORD, label="bacon")]


@pytest.mark.parametrize("half", [b"cd,bacon,ke", "cd,käse".encode()[:5]], ids=["a line", "a letter"])
def test_the_last_decision_about_a_picture_counts_and_half_a_line_does_not(half, tmp_path):
    assert read_reviews(tmp_path) == {}
    append_review(tmp_path, "ab", "bacon", "drop")
    last = append_review(tmp_path, "ab", "beer can", "keep")
    with (tmp_path / "reviews.csv").open("ab") as file:
        file.write(half)
    assert read_reviews(tmp_path) == {"ab": last}
    other = append_review(tmp_path, "cd", "bacon", "")  # it starts a line of its own
    assert read_reviews(tmp_path) == {"ab": last, "cd": other}
    assert (last.label, last.decision, last.time[-6:]) == ("beer can", "keep", "+00:00")
    with (tmp_path / "reviews.csv").open("a") as file:
        file.write("a" * 200_000)
    with pytest.raises(DataError, match=r"reviews.csv is damaged"):
        read_reviews(tmp_path)


def test_a_decision_is_laid_over_the_records_of_its_picture():
    bacon, other = replace(RECORD, label="bacon", decision=""), replace(RECORD, sha256="cd")
    records = [RECORD, bacon, replace(RECORD, sha256=""), other]
    kept = overlay(records, {"ab": Review("ab", "bacon", "keep")})
    assert kept[0] == replace(RECORD, decision="drop", reason="review", score=0.0, reviewed=True)
    assert kept[1] == replace(bacon, decision="keep", reason="review", score=1.0, reviewed=True)
    assert kept[2:] == records[2:]
    moved = overlay([RECORD, RECORD], {"ab": Review("ab", "neither", "keep")})  # found as it under none: the first
    assert [(record.label, record.decision) for record in moved] == [("neither", "keep"), ("beer can", "drop")]
    dropped = overlay(records, {"ab": Review("ab", "bacon", "drop")})
    assert [record.decision for record in dropped] == ["drop", "drop", "keep", "keep"]


def test_a_decision_taken_back_leaves_the_picture_undecided():
    before = replace(RECORD, label="neither", decision="keep", reason="review", score=1.0)
    (after,) = overlay([before], {"ab": Review("ab", "beer can", "")})
    assert after == replace(before, label="beer can", decision="", reason="", score=None)
    assert overlay([RECORD], {"ab": Review("ab", "bacon", "")}) == [RECORD]  # the machine's own stays
