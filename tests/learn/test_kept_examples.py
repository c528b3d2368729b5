"""What there is to learn from: what was kept, with its sources, and parts that hold whole sources out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from beercan_or_bacon.errors import DataError
from beercan_or_bacon.training.learn.examples import (
    Example,
    deal,
    folds_of,
    joined_sources,
    kept_examples,
    shown,
    source_of,
)
from beercan_or_bacon.training.table import Record, read_table, write_table
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
        folds = folds_of(examples, 5, seed)
        assert sorted(np.concatenate([valid for _, valid in folds])) == list(range(len(examples)))
        for train, valid in folds:
            assert targets[valid].any(0).all()
            assert sorted([*train, *valid]) == list(range(len(examples)))


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


def example(target: tuple[int, ...], *groups: str) -> Example:
    return Example(Path("a.jpg"), Record("bacon", "bacon", "test", "http://e.org/a"), target, frozenset(groups))


@pytest.mark.parametrize(
    ("known", "source"),
    [
        ({"creator": "Ann Lee "}, "ann lee"),
        ({"creator": "Ann", "landing_page": "https://flickr.com/a"}, "ann"),
        ({"landing_page": "https://flickr.com/a"}, "flickr.com"),
        ({}, "e.org:81"),
        ({"url": "no address"}, "no address"),
    ],
)
def test_whose_a_picture_is(known, source):
    assert source_of(replace(Record("bacon", "bacon", "test", "http://e.org:81/a.jpg"), **known)) == source


def test_an_example_a_picture_with_all_that_it_was_found_as(tmp_path):
    data = write_data(tmp_path / "data")
    first, *others = read_table(data)
    twin = replace(first, label="bacon", creator="somebody else", url="http://e.org/twin")
    strange = [
        replace(others[0], label="a word of before", url="http://e.org/strange"),
        replace(twin, file="", url="http://e.org/gone"),
    ]
    write_table(data, [first, *others, twin, *strange])
    examples = kept_examples(CLASSES, data)
    hashes = [one.record.sha256 for one in examples]
    assert hashes == sorted(hashes)
    assert len(hashes) == 45
    (found,) = [one for one in examples if one.record.sha256 == first.sha256]
    assert (found.record, found.path) == (first, data / first.file)
    assert found.groups == {"beer can 0", "somebody else"}
    targets = {one.record.label: one.target for one in examples if one is not found}
    assert targets == {"beer can": (1, 0), "bacon": (0, 1), "neither": (0, 0)}


def test_what_is_shown_and_what_shows_none():
    several = [example((1, 0)), example((0, 1)), example((1, 1)), example((0, 0))]
    assert shown(several, 2).tolist() == [
        [True, False, False], [False, True, False], [True, True, False], [False, False, True],
    ]  # fmt: skip
    assert shown([], 2).shape == (0, 3)


def test_sources_are_joined_through_others():
    several = [example((1, 0), "a", "b"), example((1, 0), "c"), example((0, 1), "c", "b"), example((0, 0), "d")]
    one, two, three, alone = joined_sources(several)
    assert one == two == three != alone
    apart = joined_sources([example((1, 0), name) for name in "abca"])
    assert apart.tolist() == [0, 1, 2, 0]


def test_sources_are_dealt_where_their_labels_are_fewest():
    """Those that show most come first, then the largest; a source is whole."""
    sources = {7: [(1, 1, 0)], 1: [(1, 0, 0)], 2: [(1, 0, 0)], 4: [(0, 1, 0)], 3: [(0, 1, 0)] * 2, 5: [(0, 0, 1)]}
    groups = np.array([group for group, pictures in sources.items() for _ in pictures])
    there = np.array([picture for pictures in sources.values() for picture in pictures], bool)
    parts = dict(zip(groups.tolist(), deal(groups, there, 2).tolist(), strict=True))
    assert parts == {7: 0, 3: 1, 1: 1, 2: 0, 4: 0, 5: 0}
    assert len(deal(groups, there, 2)) == 7
    assert deal(groups, there, 1).tolist() == [0] * 7
    assert sorted(deal(np.arange(3), np.ones((3, 3), bool), 3)) == [0, 1, 2]


def test_the_seed_deals_the_parts(tmp_path):
    examples = kept_examples(CLASSES, write_data(tmp_path / "data"))

    def parts(seed: int) -> list[list[int]]:
        return [valid.tolist() for _, valid in folds_of(examples, 5, seed)]

    assert parts(0) == parts(0)
    assert parts(0) != parts(1)
    assert [len(folds_of(examples, count, 0)) for count in (2, 5)] == [2, 5]
    for valid in parts(0):  # 5 sources a label with 3 pictures each
        assert shown([examples[index] for index in valid], 2).sum(0).tolist() == [3, 3, 3]
