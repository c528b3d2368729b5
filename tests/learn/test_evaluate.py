"""The evaluation, of held-out answers whose faults were put there."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from beercan_or_bacon.errors import DataError
from beercan_or_bacon.training.classes import Group, Words
from beercan_or_bacon.training.evaluation import (
    ALL,
    NOTHING,
    REST,
    WHICH,
    evaluation_of,
    read_evaluation,
    table,
    write_evaluation,
)
from beercan_or_bacon.training.learn.evaluate import cases_of, evaluate, kind_of
from beercan_or_bacon.training.learn.unlike import left_out
from beercan_or_bacon.training.table import Record
from tests.training_pictures import CLASSES

GROUPS = (
    Group("cans", ("soda can",), like="beer can"), Group("glasses", ("beer glass",), like="beer can"),
    Group("meat", ("ham",), like="bacon"), Group("people", ("portrait",)),
)  # fmt: skip
WORDS = {"beer can": Words("a beer can", "beer cans", "other drinks")}
NAMED = replace(CLASSES, groups=GROUPS, words=WORDS)
LIKE = "cans or glasses"


def examples_of(counts: dict[tuple[str, str], int], per_source: int = 2) -> list[SimpleNamespace]:
    """Examples without pictures: (label, search) -> how many. Every source has so many of one search."""
    examples = []
    for (label, query), count in counts.items():
        for number in range(count):
            record = Record(label, query, "engine", f"https://example.org/{query}/{number}")
            source = f"{query} {number // per_source}"
            target = tuple(int(label == one) for one in NAMED.labels)
            examples.append(SimpleNamespace(record=record, target=target, groups=frozenset([source])))
    return examples


def cases_by_source(examples: list[SimpleNamespace], sources: np.ndarray, parts: int = 5):
    """Their Cases, source by source into parts."""
    folds = [(np.array([]), np.flatnonzero(sources % parts == part)) for part in range(parts)]
    return cases_of(NAMED, examples, sources, folds)


@pytest.fixture(scope="module")
def evaluated():
    """60 cans of which 15 are missed, 60 soda cans of which 3 are called cans, 12 glasses, 12 of bacon, ham, people."""
    counts = {("beer can", "beer can"): 60, ("neither", "soda can"): 60, ("neither", "beer glass"): 12,
              ("bacon", "bacon"): 12, ("neither", "ham"): 20, ("neither", "portrait"): 100}  # fmt: skip
    examples = examples_of(counts, per_source=1)
    cases = cases_by_source(examples, np.arange(len(examples)))
    logits = cases.known.targets * 8.0 - 4 + np.random.default_rng(0).normal(0, 0.2, cases.known.targets.shape)
    logits[:15, 0], logits[60:63, 0] = -4, 6
    return evaluate(NAMED, examples, cases, logits, {})


def test_the_searches_say_what_resembles_a_label():
    record = Record("neither", "soda can", "engine", "url")
    assert kind_of(NAMED, record) == ("cans", "beer can")
    assert kind_of(NAMED, replace(record, query="portrait")) == ("people", "")
    assert kind_of(NAMED, replace(record, query="bacon")) == (
        "found as bacon",
        "bacon",
    )  # a person said that it is none
    assert kind_of(NAMED, replace(record, query="no longer asked")) == ("neither", "")


def test_what_went_wrong_is_counted_where_it_did(evaluated):
    def value(measure: str, label: str, of: str) -> float:
        return evaluated.figure(measure, label, of).by_picture.value

    assert value("found", "beer can", "beer can") == 0.75
    assert value("called", "beer can", "cans") == 0.05
    assert value("called", "beer can", LIKE) == pytest.approx(3 / 72, abs=1e-4)
    assert value("called", "beer can", "glasses") == value("called", "beer can", REST) == 0
    assert value("called", "", "cans") == 0.05
    assert value("called", "", "people") == value("called", "bacon", "meat") == 0
    assert value("called", "", NOTHING) == pytest.approx(3 / 192, abs=1e-4)
    assert value("right", "", ALL) == pytest.approx(1 - 18 / 264, abs=1e-4)
    assert value("right", "", WHICH) > 0.8
    assert 0.8 < value("area", "beer can", "cans") < value("area", "beer can", "glasses") < 1
    assert value("area", "bacon", "meat") == 1
    assert evaluated.figure("found", "bacon", "bacon").text == "12 of 12 (0.74 to 1)"
    assert evaluated.figure("found", "beer can", "beer can").text.startswith("75 % (")
    for figure in evaluated.figures:
        for one in (figure.by_picture, figure.by_source):
            assert one.low <= one.value <= one.high
            assert one.high - one.low > 0.001  # nothing is certain


def test_what_it_means_is_said_in_words(evaluated):
    assert evaluated.sentences == (
        "Of 100 beer cans it has never seen, it finds about 75. Of 100 other drinks, it calls about 4 a beer can.",
        "Of 12 pictures of bacon it had never seen, it found 12; of 100, that can mean 74 to 100. "
        "Of 20 pictures of meat alone, it called 0 bacon; of 100, that can mean 0 to 17.",
    )


def test_a_source_of_many_counts_once():
    counts = {("beer can", "beer can"): 20, ("bacon", "bacon"): 20, ("neither", "soda can"): 40}
    examples = examples_of(counts, per_source=1)
    sources = np.arange(80)
    sources[60:] = 60  # half of the soda cans are one source's, and all of these are called cans
    cases = cases_by_source(examples, sources)
    logits = cases.known.targets * 8.0 - 4 + np.random.default_rng(0).normal(0, 0.2, cases.known.targets.shape)
    logits[60:, 0] = 4
    figure = evaluate(NAMED, examples, cases, logits, {}).figure("called", "", "cans")
    assert (figure.pictures, figure.sources) == (40, 21)
    assert figure.by_picture.value == 0.5
    assert figure.by_source.value == pytest.approx(1 / 21, abs=1e-4)
    assert figure.by_picture.high - figure.by_picture.low > 0.5  # by picture it hangs on one source


def test_a_search_whose_pictures_are_often_taken_for_something_is_a_known_failure(evaluated):
    assert evaluated.failures == ()
    examples = examples_of({("beer can", "beer can"): 20, ("bacon", "bacon"): 20, ("neither", "ham"): 20})
    cases = cases_by_source(examples, np.arange(60) // 2)
    found = evaluate(NAMED, examples, cases, np.full((60, 2), 4.0) + np.arange(120).reshape(60, 2) / 1e6, {})
    (failure,) = found.searches
    assert (failure.query, failure.kind, failure.pictures) == ("ham", "meat", 20)
    assert found.failures == ((failure,) if failure.called > 4 else ())


def test_it_is_the_same_when_read_again(evaluated, tmp_path):
    write_evaluation(tmp_path, evaluated)
    assert read_evaluation(tmp_path) == evaluated
    assert (tmp_path / "evaluation.json").stat().st_size < 100_000
    assert [path.name for path in tmp_path.iterdir()] == ["evaluation.json"]


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"labels": []}', '{"close": 3, "figures": null}'])
def test_another_version_is_refused_in_a_sentence(content, tmp_path):
    if content is not None:
        (tmp_path / "evaluation.json").write_text(content)
    with pytest.raises(DataError, match=r"train\.py fit"):
        read_evaluation(tmp_path)
    with pytest.raises(DataError, match=r"train\.py fit"):
        evaluation_of({})


def test_the_tables_show_every_label_and_kind(evaluated):
    text = table(evaluated)
    assert "| found | 75 % (" in text
    assert "| 12 of 12 (0.74 to 1) |" in text
    for group in GROUPS:
        assert f"| {group.name} |" in text
    assert all(figure.text in text for figure in evaluated.shown() if figure.of != ALL or figure.label)
    assert evaluated.metrics()["beer can: found"]["value"] == 0.75


def test_whole_engines_and_the_largest_sources_are_left_out_in_turn():
    counts = {("beer can", "beer can"): 40, ("bacon", "bacon"): 40, ("neither", "ham"): 40}
    examples = examples_of(counts)
    for number, example in enumerate(examples):
        engine = "openverse" if number % 40 < 8 else "commons"
        example.record = replace(example.record, provider=engine)
        if number >= 108:
            example.groups = frozenset(["large"])
    ways = left_out(examples)
    assert list(ways) == ["what openverse found", "the 7 largest sources"]  # without commons, too little would be left
    for name, (train, valid) in ways.items():
        groups = [{group for i in part for group in examples[i].groups} for part in (train, valid)]
        assert not groups[0] & groups[1]
        assert ("large" in groups[1]) == ("largest" in name)
    assert {examples[i].record.provider for i in ways["what openverse found"][1]} == {"openverse"}


def test_what_was_left_out_is_measured_by_thresholds_that_had_nothing_of_it():
    counts = {("beer can", "beer can"): 60, ("bacon", "bacon"): 60, ("neither", "soda can"): 60}
    examples = examples_of(counts, per_source=1)
    cases = cases_by_source(examples, np.arange(180))
    logits = cases.known.targets * 8.0 - 4 + np.random.default_rng(0).normal(0, 0.5, cases.known.targets.shape)
    out = np.r_[0:20, 60:80, 120:140]
    said = logits[out].copy()
    said[:5, 0] = -4

    def unlike(logits: np.ndarray):
        return evaluate(NAMED, examples, cases, logits, {"a source": (out, said)}).unlike["a source"]

    found = {figure.name: figure for figure in unlike(logits)}
    assert found["beer can: found"].by_picture.value == 0.75
    assert found["beer can: found"].pictures == 20
    moved = logits.copy()
    moved[out] = 0  # what its own held-out answers were is nothing to the thresholds
    assert unlike(moved) == unlike(logits)
