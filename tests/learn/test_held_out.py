"""The rows from what a person saw: the fit's own held-out answers, and those about what the cleaning dropped."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from beercan_or_bacon.training.evaluation import WHICH, evaluation_of
from beercan_or_bacon.training.learn import fit as fitting
from beercan_or_bacon.training.learn.examples import folds_of, kept_examples
from beercan_or_bacon.training.learn.fitted import finished_fit
from beercan_or_bacon.training.table import read_table, write_table
from benchmarks import held_out
from tests.training_pictures import CLASSES, write_data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder with a fit, some of it dropped; truth.csv says what was drawn, and that one of neither is bacon."""
    data = write_data(tmp_path_factory.mktemp("held") / "data", per_label=18)
    records = read_table(data)
    write_table(data, [replace(r, decision="drop") if n % 9 == 8 else r for n, r in enumerate(records)])
    with (data / "truth.csv").open("w", newline="") as file:
        truth = csv.DictWriter(file, ("file", "true_label", "kind", "note"))
        truth.writeheader()
        for number, record in enumerate(records):
            kind = "food" if record.label == "neither" else "pan" if number % 2 else "plate"
            truth.writerow({"file": record.file, "true_label": record.label.replace(" ", ""), "kind": kind})
        truth.writerow({"file": records[0].file, "true_label": "drawing", "kind": ""})
    return data


def test_what_the_cleaning_kept_has_the_fits_own_figures(data, monkeypatch):
    recipe = fitting.Recipe(size=96, views=1)
    for module in (fitting, held_out):
        monkeypatch.setattr(module, "Recipe", lambda: recipe)
        monkeypatch.setattr(module, "FOLDS", 2)
    fitting.fit(CLASSES, data, arch="tf_efficientnet_lite0", epochs=1, seed=0, device="cpu")
    fitted = evaluation_of(finished_fit(data / "fit")["evaluation"])
    tables = held_out.held_out(CLASSES, data, data)
    found, kept = ({figure.name: figure for figure in figures} for figures in tables.values())
    assert kept["bacon: found"].by_picture.value == fitted.figure("found", "bacon", "bacon").by_picture.value
    assert [table["bacon: found"].pictures for table in (found, kept)] == [18, 16]
    assert found["bacon: found, in meals"].pictures == 9
    assert found["called something, of food"].pictures == 18
    assert found[f"right, {WHICH}"].pictures == 35  # the first is a drawing
    before = set((data / "folds").iterdir())
    _, kept = held_out.held_out(CLASSES, data, data, parts=1).values()  # other trainings, as many pictures
    assert len(set((data / "folds").iterdir()) - before) == 2
    assert {figure.name: figure.pictures for figure in kept}["bacon: found"] == 16


def test_a_dropped_picture_is_answered_without_its_source(data):
    kept = kept_examples(CLASSES, data)
    valids = [valid for _, valid in folds_of(kept, 2, seed=0)]
    examples, parts = held_out.with_dropped(data, kept, valids, 2)
    assert len(examples) == 54
    assert sorted(np.concatenate(parts)) == list(range(54))
    sources = [{group for i in part for group in examples[i].groups} for part in parts]
    assert not sources[0] & sources[1]
    tied = [replace(kept[valids[0][0]], groups=kept[valids[0][0]].groups | kept[valids[1][0]].groups), *kept[1:]]
    assert valids[0][0] == 0 or valids[1][0] == 0
    if valids[0][0] == 0:  # a source that lies in both parts: its dropped pictures are nobody's to answer
        examples, parts = held_out.with_dropped(data, tied, valids, 2)
        assert len(examples) <= 54
