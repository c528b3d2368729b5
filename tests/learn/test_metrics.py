"""The figures and their intervals against cases worked by hand, by scikit-learn, or by drawing the truth."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from beercan_or_bacon.training.learn.metrics import (
    calibration_error,
    estimate_error,
    estimate_share,
    independent,
    once_a_source,
    resamples,
    roc_area,
    share,
)


def test_calibration_error_by_hand():
    # said 0.9 four times and right three times; said 0.1 once and rightly not there
    said, there = np.array([[0.9, 0.9, 0.9, 0.9, 0.1]]), np.array([1, 1, 1, 0, 0])
    assert calibration_error(said, there, np.ones((1, 5)))[0] == pytest.approx((4 * abs(0.9 - 0.75) + 0.1) / 5)
    # without the picture that was wrong
    weights = np.array([[1, 1, 1, 0, 1]])
    assert calibration_error(said, there, weights)[0] == pytest.approx((3 * 0.1 + 0.1) / 4)


def test_the_area_is_scikit_learns():
    chance = np.random.default_rng(0)
    targets = chance.integers(0, 2, 300)
    scores = np.round(chance.normal(targets, 1), 1)  # with ties
    weights = chance.integers(0, 3, (4, 300))
    found = roc_area(scores, targets, weights)
    assert found == pytest.approx([roc_auc_score(targets, scores, sample_weight=each) for each in weights])
    assert np.isnan(roc_area(scores, targets, targets[None])[0])  # one side has no weight


def test_every_source_counts_once():
    hits, sources = np.array([[1, 1, 1, 0]]), np.array([7, 7, 7, 3])
    assert share(hits, np.ones((1, 4)))[0] == 0.75
    assert share(hits, once_a_source(np.ones((1, 4)), sources))[0] == 0.5
    assert independent(sources) == pytest.approx(16 / 10)


def test_resamples_draw_whole_sources():
    sources = np.repeat(np.arange(20), 3)
    weights = resamples(sources, 50)
    assert weights.shape == (51, 60)
    assert (weights[0] == 1).all()
    assert (weights[:, ::3] == weights[:, 1::3]).all()
    assert (weights.sum(1) == 60).all()
    assert (weights[1:] != 1).any(1).all()


@pytest.mark.parametrize(("sources", "low"), [(12, 0.735), (4, 0.398), (1, 0.025)])
def test_twelve_of_twelve_say_no_more_than_their_sources(sources, low):
    runs = np.ones(100)
    found = estimate_share(runs, 12, sources, independent(np.arange(12) % sources))
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(low, abs=0.001)
    none = estimate_share(0 * runs, 12, sources, independent(np.arange(12) % sources))
    assert none.high == pytest.approx(1 - low, abs=0.001)


def test_an_interval_is_of_sources_and_not_of_pictures():
    hits = np.repeat([0, 1] * 10, 50)[None]  # 20 sources of 50 like pictures each

    def found(sources: np.ndarray):
        return estimate_share(share(hits, resamples(sources, 300)), 1000, len(set(sources)), independent(sources))

    by_source, by_picture = found(np.repeat(np.arange(20), 50)), found(np.arange(1000))
    assert by_source.value == by_picture.value == 0.5
    assert by_source.high - by_source.low > 3 * (by_picture.high - by_picture.low)
    assert by_source.low < 0.5 < by_source.high


@pytest.mark.parametrize(("truth", "sources"), [(0.9, 30), (0.5, 60), (0.98, 150)])
def test_an_interval_holds_the_truth_nineteen_times_in_twenty(truth, sources):
    chance, held = np.random.default_rng(0), 0
    for number in range(200):
        of = np.repeat(np.arange(sources), chance.integers(1, 8, sources))
        each = chance.beta(3 * truth, 3 * (1 - truth), sources)  # pictures of one source are alike
        hits = (chance.random(len(of)) < each[of])[None]
        found = estimate_share(share(hits, resamples(of, 100, seed=number)), len(of), sources, independent(of))
        held += found.low <= truth <= found.high
    assert held >= 180


def test_the_interval_of_an_error_holds_it():
    chance = np.random.default_rng(0)
    said = chance.random((1, 400))
    there = (chance.random(400) < said[0]).astype(int)
    weights = resamples(np.arange(400), 200)
    found = estimate_error(calibration_error(np.repeat(said, 201, 0), there, weights), 400)
    assert 0 <= found.low < found.value < found.high < 0.2
    perfect = estimate_error(np.zeros(201), 12)
    assert (perfect.low, perfect.value) == (0, 0)
    assert perfect.high == pytest.approx(0.265, abs=0.001)  # what twelve without a mistake leave open
