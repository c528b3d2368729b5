"""The report as a person meets it, and where a person's review begins."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from beercan_or_bacon.serving.classifier import InputRule
from beercan_or_bacon.training.learn.cross_validate import HeldOut
from beercan_or_bacon.training.learn.evaluate import cases_of, evaluate
from beercan_or_bacon.training.learn.examples import folds_of, joined_sources, kept_examples
from beercan_or_bacon.training.learn.report import write_report
from tests.training_pictures import CLASSES, write_data

RULE = InputRule(size=64, resize="pad", interpolation="bicubic", fill=(255, 255, 255))


def write(folder, examples, logits):
    """Evaluate these held-out logits and write the report; the Evaluation."""
    cases = cases_of(CLASSES, examples, joined_sources(examples), folds_of(examples, 5, seed=0))
    found = evaluate(CLASSES, examples, cases, logits, {})
    held_out = HeldOut(logits, np.tile(logits[:, :, None, None], (1, 1, 2, 2)))
    write_report(folder, CLASSES, examples, cases, held_out, found, RULE)
    return found


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report on fifteen pictures of each kind, all predicted rightly but the first beer can."""
    folder = tmp_path_factory.mktemp("report")
    examples = kept_examples(CLASSES, write_data(folder / "data"))
    logits = np.array([example.target for example in examples]) * 8.0 - 4
    logits += np.random.default_rng(0).normal(0, 0.5, logits.shape)
    first = next(i for i, example in enumerate(examples) if example.target == (1, 0))
    logits[first] = (-5, 4)
    return folder / "fit", examples, first, write(folder / "fit", examples, logits)


def test_losses_put_the_worst_first(report):
    folder, examples, first, _ = report
    with (folder / "losses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) == {"sha256", "label", "loss", "beer can", "bacon"}
    assert rows[0]["sha256"] == examples[first].record.sha256
    assert len(rows) == len(examples)
    losses = [float(row["loss"]) for row in rows]
    assert losses == sorted(losses, reverse=True)


def test_report_stands_alone_and_names_whom_pictures_are_by(report):
    folder, examples, first, found = report
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert 'src="data:image/jpeg;base64,' in html
    assert "http" not in html.replace("https://example.org", "")  # nothing is fetched
    assert f"by {examples[first].record.creator}" in html
    for said in (*found.sentences, *(figure.text for figure in found.figures)):
        assert said in html
    for name in ("confusion-matrix", "precision-and-recall", "calibration"):
        with Image.open(folder / f"{name}.png") as plot:
            assert min(plot.size) > 300


def test_what_a_title_says_is_text_and_not_markup(tmp_path):
    first, *others = kept_examples(CLASSES, write_data(tmp_path / "data"))
    examples = [replace(first, record=replace(first.record, title="<script>alert(1)</script>")), *others]
    write(tmp_path / "fit", examples, np.zeros((len(examples), 2)))
    assert "<script>" not in (tmp_path / "fit" / "report.html").read_text(encoding="utf-8")
