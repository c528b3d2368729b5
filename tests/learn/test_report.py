"""The figures against cases worked by hand or by scikit-learn; the report as a person meets it."""

import csv

import numpy as np
import pytest
from PIL import Image
from scipy.special import expit

from beercan_or_bacon.serving.classifier import InputRule
from beercan_or_bacon.training.learn.calibration import temperature, threshold
from beercan_or_bacon.training.learn.cross_validate import HeldOut
from beercan_or_bacon.training.learn.examples import joined_sources, kept_examples
from beercan_or_bacon.training.learn.metrics import calibration_error, interval
from beercan_or_bacon.training.learn.report import evaluate
from tests.training_pictures import CLASSES, write_data

RULE = InputRule(size=64, resize="pad", interpolation="bicubic", fill=(255, 255, 255))


def test_temperature_undoes_overconfidence():
    chance = np.random.default_rng(0)
    honest = chance.normal(0, 2, 20_000)
    targets = (chance.random(20_000) < expit(honest)).astype(float)
    assert temperature(honest * 3, targets) == pytest.approx(3, rel=0.05)
    assert calibration_error(expit(honest), targets) < 0.02
    assert calibration_error(expit(honest * 3), targets) > 0.08


def test_calibration_error_by_hand():
    # said 0.9 four times and right three times; said 0.1 once and rightly not there
    assert calibration_error(np.array([0.9, 0.9, 0.9, 0.9, 0.1]), np.array([1, 1, 1, 0, 0])) == pytest.approx(
        (4 * abs(0.9 - 0.75) + 0.1) / 5
    )


def test_threshold_lets_the_stated_share_of_the_others_through():
    chance = np.random.default_rng(0)
    probabilities, targets = chance.random(5000), np.zeros(5000)
    assert np.mean(probabilities >= threshold(probabilities, targets, 0.2)) == pytest.approx(0.2, abs=0.01)


def test_interval_resamples_whole_sources():
    values = np.repeat([0.0, 1.0] * 10, 50)  # 20 sources of 50 like pictures each
    everything = np.arange(len(values))
    by_source = interval(lambda i: values[i].mean(), everything, np.repeat(np.arange(20), 50))
    by_picture = interval(lambda i: values[i].mean(), everything, everything)
    assert by_source["value"] == by_picture["value"] == 0.5
    assert by_source["high"] - by_source["low"] > 3 * (by_picture["high"] - by_picture["low"])
    assert by_source["low"] < 0.5 < by_source["high"]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report on fifteen pictures of each kind, all predicted rightly but the first beer can."""
    folder = tmp_path_factory.mktemp("report")
    examples = kept_examples(CLASSES, write_data(folder / "data"))
    logits = np.array([example.target for example in examples]) * 8.0 - 4
    logits += np.random.default_rng(0).normal(0, 0.5, logits.shape)
    logits[0] = (-5, 4)
    local = np.tile(logits[:, :, None, None], (1, 1, 2, 2))
    found = evaluate(CLASSES, examples, joined_sources(examples), HeldOut(logits, local), RULE, folder / "fit")
    return folder / "fit", examples, found


def test_metrics(report):
    _, _, found = report
    assert found.metrics["accuracy between the classes"]["value"] == pytest.approx(29 / 30, abs=1e-3)
    assert found.metrics["beer can: found"]["value"] == pytest.approx(14 / 15, abs=1e-3)
    for figure in found.metrics.values():
        assert figure["low"] <= figure["value"] <= figure["high"]
    for (low, high), at in zip(found.close, found.thresholds, strict=True):
        assert low <= at <= high


def test_a_search_whose_pictures_are_often_taken_for_something_is_a_known_failure(tmp_path, report):
    _, _, good = report
    assert good.failures == {}
    examples = kept_examples(CLASSES, write_data(tmp_path / "data"))
    logits = np.full((len(examples), 2), 4.0)  # everything is called both
    local = logits[:, :, None, None]
    found = evaluate(CLASSES, examples, joined_sources(examples), HeldOut(logits, local), RULE, tmp_path / "fit")
    (query,) = {example.record.query for example in examples if not any(example.target)}
    assert found.failures == {query: (15, 1.0)}


def test_losses_put_the_worst_first(report):
    folder, examples, _ = report
    with (folder / "losses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) == {"sha256", "label", "loss", "beer can", "bacon"}
    assert rows[0]["sha256"] == examples[0].record.sha256
    assert len(rows) == len(examples)
    losses = [float(row["loss"]) for row in rows]
    assert losses == sorted(losses, reverse=True)


def test_report_stands_alone_and_names_whom_pictures_are_by(report):
    folder, examples, _ = report
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert 'src="data:image/jpeg;base64,' in html
    assert "http" not in html.replace("https://example.org", "")  # nothing is fetched
    assert f"by {examples[0].record.creator}" in html
    for name in ("confusion-matrix", "precision-and-recall", "calibration"):
        with Image.open(folder / f"{name}.png") as plot:
            assert min(plot.size) > 300


def test_what_a_title_says_is_text_and_not_markup(tmp_path):
    examples = kept_examples(CLASSES, write_data(tmp_path / "data"))
    record = examples[0].record
    object.__setattr__(record, "title", "<script>alert(1)</script>")
    logits = np.zeros((len(examples), 2))
    local = logits[:, :, None, None]
    evaluate(CLASSES, examples, joined_sources(examples), HeldOut(logits, local), RULE, tmp_path / "fit")
    assert "<script>" not in (tmp_path / "fit" / "report.html").read_text(encoding="utf-8")
