"""data/pictures.csv: what goes in comes out, and a reader never sees half of it."""

import csv

import pytest

from beercan_or_bacon.errors import DataError
from beercan_or_bacon.training.table import COLUMNS, Record, author_of, read_table, write_table

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
