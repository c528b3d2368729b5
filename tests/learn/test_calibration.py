"""Probabilities and thresholds against data whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, logit

from beercan_or_bacon.training.learn.calibration import (
    CLOSE,
    THE_REST,
    Known,
    answer,
    calibrate,
    highest_share,
    nested,
    platt,
)

SHARE = 0.12  # of what resembles the label, what may be called it


def one(count: int) -> np.ndarray:
    """Weights of one run in which every picture counts once."""
    return np.ones((1, count))


def test_scale_and_shift_undo_an_unsure_and_biased_model():
    chance = np.random.default_rng(0)
    honest = chance.normal(0, 2, 20_000)
    targets = (chance.random(20_000) < expit(honest)).astype(int)
    scale, shift = platt(honest / 3 + 1, targets, one(20_000))
    assert scale[0] == pytest.approx(3, rel=0.05)
    assert shift[0] == pytest.approx(-3, rel=0.05)


def test_a_weight_of_two_is_a_picture_twice():
    chance = np.random.default_rng(0)
    logits, targets = chance.normal(0, 2, 40), np.arange(40) % 2
    twice = np.r_[np.arange(40), np.arange(10)]
    weights = one(40)
    weights[:, :10] = 2
    for weighted, repeated in zip(
        platt(logits, targets, weights), platt(logits[twice], targets[twice], one(50)), strict=True
    ):
        assert weighted == pytest.approx(repeated, abs=1e-6)


def test_few_pictures_that_separate_do_not_make_it_certain():
    scale, shift = platt(np.array([-5.0, -4, 4, 5]), np.array([0, 0, 1, 1]), one(4))
    assert 0.6 < expit(5 * scale[0] + shift[0]) < 0.95


def test_the_lowest_cut_that_a_share_reaches():
    logits = np.array([0.0, 1.0, 2.0, 3.0])
    cuts = highest_share(logits, one(4), np.array([[0.0], [0.25], [0.5], [0.6]]))
    assert cuts[0] > 3 > cuts[1]
    assert cuts[1:, 0] == pytest.approx([2.5, 1.5, 1.5])
    assert highest_share(logits, 0 * one(4), np.array([[0.5]])) == -np.inf
    assert highest_share(logits[:0], one(0), np.array([[0.5]])) == -np.inf


def known_of(labels: list[str], sources: np.ndarray | None = None) -> Known:
    """Pictures of one label of two: "yes"; "like", which resembles it; "rest"."""
    kinds = np.array(labels)
    targets, sides = (np.stack([kinds == kind, np.zeros(len(kinds), bool)], 1) for kind in ("yes", "like"))
    return Known(targets.astype(int), sides, np.arange(len(kinds)) if sources is None else sources, (SHARE,) * 2)


@pytest.fixture
def hard():
    """Logits of pictures that overlap: 400 of the label, 400 like it, 4,000 of the rest."""
    chance = np.random.default_rng(1)
    kinds = ["yes"] * 400 + ["like"] * 400 + ["rest"] * 4000
    logits = chance.normal(np.select([np.array(kinds) == kind for kind in ("yes", "like", "rest")], [2, 0, -4]), 1.5)
    return np.stack([logits, logits], 1), known_of(kinds)


def test_the_threshold_lets_the_stated_shares_through(hard):
    logits, known = hard
    calibration = calibrate(logits, known, one(len(logits)))
    called = answer(logits, calibration).called[0, :, 0]
    assert called[400:800].mean() == pytest.approx(SHARE, abs=0.004)
    assert called[800:].mean() <= THE_REST
    assert np.all(calibration.close[0, 0] != calibration.thresholds[0, 0])


def test_each_label_has_a_share_of_its_own(hard):
    logits, known = hard
    twice = Known(
        np.repeat(known.targets[:, :1], 2, 1), np.repeat(known.sides[:, :1], 2, 1), known.sources, (0.2, 0.06)
    )
    called = answer(logits, calibrate(logits, twice, one(len(logits)))).called[0, 400:800].mean(0)
    assert called == pytest.approx([0.2, 0.06], abs=0.005)


def test_easy_pictures_do_not_dilute_those_that_resemble_the_label(hard):
    logits, known = hard
    fewer = np.arange(len(logits)) < 1800
    cuts = [
        (cal.thresholds[0, 0] - cal.shift[0, 0]) / cal.scale[0, 0]
        for cal in (calibrate(logits, known, one(len(logits))), calibrate(logits[fewer], known[fewer], one(1800)))
    ]
    assert cuts[0] == pytest.approx(cuts[1])


def test_one_large_source_does_not_decide_alone(hard):
    logits, known = hard
    sources = known.sources.copy()
    sources[400:700] = 400  # three quarters of what resembles the label are one source's, and easy
    logits = logits.copy()
    logits[400:700] -= 10
    called = answer(logits, calibrate(logits, replace(known, sources=sources), one(len(logits)))).called[0, :, 0]
    assert called[700:800].mean() <= SHARE + 0.01
    assert called[400:800].mean() < SHARE / 2  # by picture there would be room


@pytest.mark.parametrize("count", [12, 300])
def test_where_data_separate_the_threshold_stands_in_the_gap(count):
    chance = np.random.default_rng(0)
    known = known_of(["yes"] * count + ["like"] * count + ["rest"] * 3 * count)
    logits = known.targets[:, :1] * 8.0 - 4 + chance.normal(0, 0.3, (5 * count, 1))
    calibration = calibrate(np.hstack([logits, logits]), known, one(5 * count))
    low, high = calibration.close[0, 0]
    assert calibration.thresholds[0, 0] == pytest.approx(0, abs=0.01)  # a probability of one half
    assert CLOSE[0] <= -low <= CLOSE[1]
    assert CLOSE[0] <= high <= CLOSE[1]


def test_no_threshold_is_absurd():
    chance = np.random.default_rng(0)
    known = known_of(["yes"] * 50 + ["like"] * 500)
    logits = np.tile(chance.normal(0, 1, (550, 1)), 2)  # nothing is learned
    cuts = calibrate(logits, known, one(550)).thresholds
    assert np.all((cuts >= logit(0.1) - 1e-9) & (cuts <= logit(0.9) + 1e-9))


def test_a_picture_is_answered_by_what_was_chosen_without_its_part(hard):
    logits, known = hard
    folds = np.arange(len(logits)) % 5
    before = nested(logits, known, folds, one(len(logits)))
    here = folds == 0
    moved = logits.copy()
    moved[here] = 9.0
    moved[0] = logits[0]
    other = replace(known, targets=np.where(here[:, None], 1 - known.targets, known.targets))
    after = nested(moved, other, folds, one(len(logits)))
    assert after.probabilities[0, 0, 0] == before.probabilities[0, 0, 0]  # its own part said all else than before
    assert after.probabilities[0, 1, 0] != before.probabilities[0, 1, 0]  # the others were chosen from that, too
    trusted = nested(moved, other, folds, one(len(logits)), trusted=~here)
    assert trusted.probabilities[0, 0, 0] == before.probabilities[0, 0, 0]
    assert (
        trusted.probabilities[0, 1, 0] == nested(logits, known, folds, one(len(logits)), ~here).probabilities[0, 1, 0]
    )
