"""The decisions one by one: each rule where it begins and ends, and who wins when several speak of one picture."""

from dataclasses import replace

import numpy as np
import pytest

from beercan_or_bacon.training.classes import NEITHER, Classes, Group
from beercan_or_bacon.training.clean import decide
from beercan_or_bacon.training.clean.decide import (
    Evidence,
    Verdict,
    fault_of,
    grouped,
    judge,
    one_copy,
    refused,
    resembles,
    summary,
    sureness,
    verdict_of,
    weigh,
)
from beercan_or_bacon.training.clean.embeddings import Look
from beercan_or_bacon.training.clean.settings import SETTINGS
from beercan_or_bacon.training.table import VISITOR, Record

RECORD = Record(
    "cake", "cake", "test", "http://e.org/1", file="pictures/1.jpg", sha256="1", bytes=9, width=60, height=50
)
SIDE, ASPECT = SETTINGS.min_side, SETTINGS.max_aspect


def look(contrast: float = 50.0) -> Look:
    """A look at a picture of that contrast; nothing else of it is asked here."""
    return Look(*[np.zeros(1)] * 5, contrast=contrast, thumbnail=np.zeros(1))


@pytest.mark.parametrize(
    ("size", "contrast", "fault"),
    [
        ((SIDE, SIDE), 50, ""), ((SIDE - 1, 200), 50, "too small"), ((200, SIDE - 1), 50, "too small"),
        ((100, 100 * ASPECT), 50, ""), ((100, 100 * ASPECT + 1), 50, "odd shape"),
        ((100 * ASPECT + 1, 100), 50, "odd shape"),
        ((60, 50), SETTINGS.min_contrast, ""), ((60, 50), SETTINGS.min_contrast - 0.01, "blank"),
        ((SIDE - 1, 2000), 0, "too small"), ((100, 2000), 0, "odd shape"),  # the first that applies is told
    ],
)  # fmt: skip
def test_where_a_fault_begins(size, contrast, fault):
    assert fault_of(replace(RECORD, width=size[0], height=size[1]), look(contrast)) == fault


def test_what_cannot_be_read_is_so_whatever_its_size():
    assert fault_of(replace(RECORD, width=1), None) == "unreadable"


def evidence(searched: dict[str, bool], belongs=(0.9, 0.9), shows=(0.1, 0.1), drawn=(0.0, 0.0)) -> Evidence:
    """Of one picture, for the labels cake and spoon in turn."""

    def each(numbers):
        return {label: np.array([number]) for label, number in zip(("cake", "spoon"), numbers, strict=True)}

    found = {name: np.array([name in searched]) for name in ("cake", "spoon", NEITHER)}
    return Evidence(found, each(belongs), each(shows), each(drawn))


@pytest.mark.parametrize(
    ("label", "searched", "known", "verdict"),
    [
        ("cake", {"cake"}, {"belongs": (0.5, 0)}, Verdict("keep", "", 0.5)),
        ("cake", {"cake"}, {"belongs": (0.49, 0.9)}, Verdict("drop", "off-topic", 0.49)),
        ("cake", {"cake"}, {"belongs": (0.3, 0), "drawn": (0.51, 0)}, Verdict("drop", "drawing", 0.3)),
        ("cake", {"cake"}, {"belongs": (0.3, 0), "drawn": (0.5, 0.9)}, Verdict("drop", "off-topic", 0.3)),
        # found as two things, it is both only if it belongs to both
        ("cake", {"cake", "spoon"}, {"belongs": (0.8, 0.7)}, Verdict("drop", "two classes", 0.8)),
        ("spoon", {"cake", "spoon"}, {"belongs": (0.8, 0.7)}, Verdict("drop", "two classes", 0.7)),
        ("cake", {"cake", "spoon"}, {"belongs": (0.8, 0.4)}, Verdict("keep", "", 0.8)),
        ("spoon", {"cake", "spoon"}, {"belongs": (0.8, 0.4)}, Verdict("drop", "off-topic", 0.4)),
        (NEITHER, {NEITHER}, {"shows": (0.2, 0.3)}, Verdict("keep", "", 0.7)),
        (NEITHER, {NEITHER}, {"shows": (0.5, 0.3)}, Verdict("keep", "", 0.5)),
        (NEITHER, {NEITHER}, {"shows": (0.51, 0.6)}, Verdict("drop", "looks like spoon", 0.4)),
        (NEITHER, {NEITHER}, {"shows": (0.75, 0.6)}, Verdict("drop", "looks like cake", 0.25)),
        (NEITHER, {NEITHER, "cake"}, {"belongs": (0.75, 0)}, Verdict("drop", "two classes", 0.25)),
        (NEITHER, {NEITHER, "cake"}, {"belongs": (0.6, 0), "shows": (0.75, 0)}, Verdict("drop", "two classes", 0.25)),
        (NEITHER, {NEITHER, "cake"}, {"belongs": (0.3, 0)}, Verdict("keep", "", 0.9)),
        ("fork", {"cake"}, {}, Verdict("drop", "off-topic", 0.0)),  # a label of another file of classes
    ],
)
def test_what_is_kept_as_what(label, searched, known, verdict):
    got = verdict_of(label, 0, evidence(searched, **known))
    assert (got.decision, got.reason) == (verdict.decision, verdict.reason)
    assert got.score == pytest.approx(verdict.score)


KEPT, SMALLER = replace(RECORD, decision="keep"), replace(RECORD, sha256="2", width=59, url="http://e.org/2")
CHOSEN = replace(SMALLER, label="spoon", reviewed=True, decision="keep", reason="review")
REFUSED = replace(SMALLER, reviewed=True, decision="drop", reason="review")


@pytest.mark.parametrize(
    ("records", "dropped"),
    [
        ([RECORD], {}),
        ([RECORD, SMALLER], {1: "near duplicate"}),
        ([SMALLER, RECORD], {0: "near duplicate"}),
        ([replace(RECORD, height=49), replace(RECORD, width=59, sha256="2")], {0: "near duplicate"}),  # 2940 and 2950
        ([RECORD, replace(RECORD, sha256="2", bytes=10)], {0: "near duplicate"}),
        ([RECORD, replace(RECORD, url="http://e.org/2")], {1: "exact duplicate"}),  # alike in all: the first
        ([replace(RECORD, label=NEITHER), SMALLER], {0: "near duplicate"}),  # a class before neither
        ([replace(RECORD, label=NEITHER), replace(SMALLER, label=NEITHER)], {1: "near duplicate"}),
        ([RECORD, CHOSEN], {0: "near duplicate"}),  # a person's choice before all
        ([RECORD, replace(CHOSEN, sha256="1")], {0: "exact duplicate"}),
        ([RECORD, REFUSED], {0: "near duplicate"}),  # what a person refused takes its copies along
        ([RECORD, replace(REFUSED, sha256="1")], {}),  # refused as one thing, it may be another
        ([RECORD, replace(REFUSED, sha256="3"), CHOSEN], {0: "near duplicate"}),
        ([REFUSED], {}),
    ],
)
def test_which_copy_stays(records, dropped):
    given = dict(enumerate(records, 5))
    verdicts = {index: Verdict("keep", "", 0.8) for index in given}
    changed = one_copy(given, verdicts)
    assert {index - 5: verdict.reason for index, verdict in changed.items()} == dropped
    assert all((verdict.decision, verdict.score) == ("drop", 0.8) for verdict in changed.values())


def test_of_copies_that_are_dropped_anyway_none_is_a_duplicate():
    verdicts = {5: Verdict("drop", "off-topic", 0.1), 6: Verdict("keep", "", 0.9)}
    assert one_copy({5: RECORD, 6: SMALLER}, verdicts) == {}
    assert one_copy({0: RECORD}, {0: Verdict("drop", "off-topic", 0.1)}) == {}


def test_only_a_person_refuses():
    assert refused(REFUSED)
    assert not refused(CHOSEN)
    assert not refused(replace(RECORD, decision="drop"))


def test_what_may_be_mistaken_for_a_label():
    groups = (Group(NEITHER, ("food",)), Group("pots", ("kettle",), "cake"), Group("rooms", ("attic",)))
    classes = Classes(("cake", "spoon"), {}, "", "", groups)

    def of(label: str, query: str) -> tuple[bool, bool]:
        record = replace(RECORD, label=label, query=query)
        return resembles(classes, record, "cake"), resembles(classes, record, "spoon")

    assert of("cake", "cake") == (False, True)
    assert of("spoon", "spoon") == (True, False)
    assert of(NEITHER, "kettle") == (True, False)
    assert of(NEITHER, "attic") == (False, False)  # a group that is like none of them
    assert of(NEITHER, "food") == (True, True)  # without a group it may be like any
    assert of(NEITHER, "a search of before") == (True, True)


def test_who_may_not_vouch_for_whom():
    by = [[replace(RECORD, creator=name) for name in names] for names in (["Ann"], [""], ["bob"], ["BOB", "ann"], [""])]
    groups = grouped(np.array([0, 1, 2, 3, 1]), by)
    assert groups[0] == groups[2] == groups[3]  # a picture of two joins both
    assert groups[1] == groups[4]  # copies, though nobody says whose
    assert len(set(groups)) == 2
    assert len(set(grouped(np.arange(3), [[RECORD]] * 3))) == 3  # nobody is no creator


def test_a_drawing_is_told_among_pictures_of_its_own_class(monkeypatch):
    """Product shots of one class are as smooth as drawings of another."""
    drawing = np.array([0.0, 1, 2, 3, 30, 30, 31, 32, 33, 60])
    for name, fake in {
        "similarity": len, "described": lambda count: np.zeros((count, 1)), "drawn": lambda *_: drawing,
        "on_topic": lambda *_: (np.ones(10), np.full(10, 0.5)),
    }.items():  # fmt: skip
        monkeypatch.setattr(decide, name, fake)
    found_as = [[replace(RECORD, label=label)] for label in ["cake"] * 5 + ["spoon"] * 5]
    told = weigh(Classes(("cake", "spoon"), {}, "", ""), found_as, [look()] * 10, np.arange(10)).drawn
    assert list(np.flatnonzero(told["cake"][:5] > 0.5)) == [4]
    assert list(np.flatnonzero(told["spoon"][5:] > 0.5)) == [4]


def test_how_sure_a_score_is():
    sure = sureness(np.array([0.0, 0.5, 1.0]), 0.5)
    assert sure == pytest.approx([1 / (1 + np.exp(4)), 0.5, 1 / (1 + np.exp(-4))])
    assert np.isfinite(sureness(np.array([0.0, 1.0]), np.array([0.0, -1.0]))).all()  # a class whose scores are nothing


def test_what_visitors_sent_and_what_did_not_arrive_is_left_alone():
    records = [replace(RECORD, provider=VISITOR), replace(RECORD, file="", decision="drop", reason="http 404")]
    assert judge(Classes(("cake", "spoon"), {}, "", ""), records, {"1": look()}) == records


def test_what_a_person_kept_is_kept_though_it_is_too_small():
    kept = replace(RECORD, width=1, reviewed=True, decision="keep", reason="review")
    assert judge(Classes(("cake", "spoon"), {}, "", ""), [kept], {}) == [kept]


def test_the_summary_is_in_order():
    others = [RECORD, replace(RECORD, file=""), replace(RECORD, decision="drop", reason="blank")]
    text = summary([replace(RECORD, decision="keep"), *others, KEPT])
    assert text.splitlines() == ["cake:  1 ", "cake: drop 1 blank", "cake: keep 2 "]
