"""What there is to learn from: what was kept, with its sources, and parts that hold whole sources out."""

from dataclasses import replace

import numpy as np
import pytest

from beercan_or_bacon.errors import DataError
from beercan_or_bacon.training.learn.examples import folds_of, joined_sources, kept_examples
from beercan_or_bacon.training.table import read_table, write_table
from tests.training_pictures import CLASSES, write_data


def test_pictures_of_one_source_stay_together(tmp_path):
    records = read_table(write_data(tmp_path / "data"))
    # one picture that two searches found, by two people: it ties their pictures together
    twice = replace(records[0], label="bacon", creator="bacon 0")
    write_table(tmp_path / "data", [*records, twice])
    examples = kept_examples(CLASSES, tmp_path / "data")
    assert {e.record.sha256: e.target for e in examples}[twice.sha256] == (1, 1)
    sources = joined_sources(examples)
    assert len(set(sources)) == 14
    for train, valid in folds_of(examples, 5, seed=0):
        assert not set(sources[train]) & set(sources[valid])
        assert sorted([*train, *valid]) == list(range(len(examples)))


def test_too_few_sources_are_told(tmp_path):
    data = write_data(tmp_path / "data")
    write_table(data, [replace(r, creator="one") if r.label == "bacon" else r for r in read_table(data)])
    with pytest.raises(DataError, match=r"“bacon” has pictures from 1 sources.*classes\.toml"):
        kept_examples(CLASSES, data)


def with_sources(data, source):
    """The same pictures, each by the one that source(label, number) names."""
    records = read_table(write_data(data))
    per_label = len(records) // 3
    write_table(data, [replace(r, creator=source(r.label, n % per_label)) for n, r in enumerate(records)])
    return data


def test_sources_that_hang_together_count_once(tmp_path):
    data = with_sources(tmp_path / "data", lambda label, number: f"{label} {number % 5}")
    assert len(kept_examples(CLASSES, data)) == 45
    records = read_table(data)
    # found by another search, by way of somebody else's page: two of the five people are one source
    again = [replace(r, creator="bacon 1", url=r.url + "?") for r in records if r.creator == "bacon 0"]
    write_table(data, [*records, *again])
    with pytest.raises(DataError, match=r"“bacon” has pictures from 4 sources; it takes 5"):
        kept_examples(CLASSES, data)


def test_every_part_has_some_of_every_class(tmp_path):
    # one has eleven of fifteen pictures of each class, four have one each
    data = with_sources(tmp_path / "data", lambda label, number: f"{label} {max(0, number - 10)}")
    examples = kept_examples(CLASSES, data)
    targets = np.array([(*example.target, not any(example.target)) for example in examples])
    for seed in range(10):
        for _, valid in folds_of(examples, 5, seed):
            assert targets[valid].any(0).all()


def test_a_class_that_cannot_be_in_every_part_is_told(tmp_path):
    examples = kept_examples(CLASSES, with_sources(tmp_path / "data", lambda label, number: f"{label} {number}"))
    tied = [replace(e, groups=frozenset({"one"})) if e.target == (0, 1) else e for e in examples]
    with pytest.raises(DataError, match="hang together in fewer than 5 sources"):
        folds_of(tied, 5, seed=0)


def test_a_picture_that_is_gone_is_told(tmp_path):
    data = write_data(tmp_path / "data")
    (data / "pictures" / "bacon-3.png").unlink()
    with pytest.raises(DataError, match=r"1 of 45 kept pictures are gone, .*bacon-3.png.*train.py scrape"):
        kept_examples(CLASSES, data)


def test_dropped_pictures_are_not_learned_from(tmp_path):
    data = write_data(tmp_path / "data")
    first, *others = read_table(data)
    write_table(data, [replace(first, decision="drop"), *others])
    assert first.sha256 not in {example.record.sha256 for example in kept_examples(CLASSES, data)}
