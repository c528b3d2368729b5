"""Examples of a model of other words: what anybody may show, what the model was right about, and nothing of others."""

import csv
import json
from dataclasses import replace

import pytest
from PIL import Image

from beercan_or_bacon.serving.examples import examples_for
from beercan_or_bacon.training.learn.gallery import write_examples
from beercan_or_bacon.training.table import read_table, write_table
from tests.training_pictures import CLASSES, write_data

OTHER = replace(CLASSES, labels=("wine glass", "teapot"))


@pytest.fixture
def data(tmp_path):
    """Cleaned pictures of other words with a fit behind them; the later a picture, the surer the model was of it."""
    names = {"beer can": "wine glass", "bacon": "teapot", "neither": "neither"}
    data = write_data(tmp_path / "data", per_label=12)
    records = [replace(r, label=names[r.label], licence="CC BY 4.0", landing_page=r.url) for r in read_table(data)]
    write_table(data, records)
    (data / "fit").mkdir()
    with (data / "fit" / "losses.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["sha256", "label", "loss"])
        table.writerows([r.sha256, r.label, f"{len(records) - n}.5"] for n, r in enumerate(records))
    return data


def written(out):
    return sorted(path.name for path in (out / "examples").glob("*")) if (out / "examples").exists() else []


def licensed(data, licence, **changes):
    write_table(data, [replace(record, licence=licence, **changes) for record in read_table(data)])


def test_the_surest_of_each_label_with_their_makers_names(data, tmp_path):
    write_examples(OTHER, data, tmp_path / "model", own=tmp_path / "none")
    pictures = examples_for(OTHER.labels, tmp_path / "model" / "examples")
    assert [path.name for path in pictures] == [
        f"{label}_{number}.jpg" for label in ("neither", "teapot", "wine_glass") for number in (1, 2, 3)
    ]
    credits = json.loads((tmp_path / "model" / "examples" / "credits.json").read_text())["pictures"]
    teapots = [entry for entry in credits if entry["file"].startswith("teapot")]
    assert [entry["creator"] for entry in teapots] == ["bacon 3", "bacon 2", "bacon 1"]  # the surest, a creator once
    assert [entry["title"] for entry in teapots] == ["bacon-11", "bacon-8", "bacon-5"]
    assert {entry["licence"] for entry in credits} == {"CC BY 4.0"}
    assert all(entry["page"].startswith("https://example.org/") for entry in credits)
    with Image.open(pictures[0]) as picture:
        assert (picture.format, picture.mode) == ("JPEG", "RGB")
        assert max(picture.size) <= 800


@pytest.mark.parametrize(
    ("licence", "shown"),
    [
        ("CC0 1.0", True), ("CC0", True), ("Public Domain Mark 1.0", True), ("Public domain", True),
        ("CC BY-SA 3.0", True), ("CC BY 2.0", True), ("cc-by-sa-4.0", True),
        ("CC BY-NC 4.0", False), ("CC BY-ND 2.0", False), ("CC BY-NC-SA 2.0", False), ("", False), ("unknown", False),
        ("Copyrighted", False), ("CC BY-SA-NC 1.0", False), ("not CC0", False),
    ],
)  # fmt: skip
def test_only_what_anybody_may_show(licence, shown, data, tmp_path):
    licensed(data, licence)
    write_examples(OTHER, data, tmp_path / "model", own=tmp_path / "none")
    assert bool(written(tmp_path / "model")) == shown


@pytest.mark.parametrize(("licence", "shown"), [("CC0 1.0", True), ("CC BY 4.0", False)])
def test_who_has_no_name_cannot_be_named(licence, shown, data, tmp_path):
    licensed(data, licence, creator="")
    write_examples(OTHER, data, tmp_path / "model", own=tmp_path / "none")
    assert bool(written(tmp_path / "model")) == shown


def test_dropped_pictures_are_no_examples(data, tmp_path):
    licensed(data, "CC0", decision="drop")
    write_examples(OTHER, data, tmp_path / "model", own=tmp_path / "none")
    assert written(tmp_path / "model") == []


def test_none_where_the_projects_own_are_of_these_labels(data, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    for name in ("wine_glass_1.jpg", "teapot_1.jpg"):
        Image.new("RGB", (9, 9)).save(own / name)
    write_examples(OTHER, data, tmp_path / "model", own=own)
    assert written(tmp_path / "model") == []


def test_those_of_an_earlier_export_go_and_nothing_else_does(data, tmp_path):
    out = tmp_path / "model"
    write_examples(OTHER, data, out, own=tmp_path / "none")
    first = {path.name: path.read_bytes() for path in (out / "examples").iterdir()}
    write_examples(OTHER, data, out, own=tmp_path / "none")
    assert {path.name: path.read_bytes() for path in (out / "examples").iterdir()} == first
    (out / "examples" / "mine.jpg").write_bytes(b"by hand")
    licensed(data, "unknown")
    write_examples(OTHER, data, out, own=tmp_path / "none")
    assert written(out) == ["mine.jpg"]
    (out / "examples" / "credits.json").write_text(json.dumps({"pictures": [{"file": "../../data/pictures.csv"}]}))
    write_examples(OTHER, data, out, own=tmp_path / "none")
    assert (data / "pictures.csv").exists()  # a name is a name in this folder
