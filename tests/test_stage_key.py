"""A stage's key: the same for the same inputs, another for any other, and for no setting is it forgotten."""

import ast
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import ModuleType

import pytest

from beercan_or_bacon.serving.classifier import InputRule
from beercan_or_bacon.training.classes import Classes
from beercan_or_bacon.training.clean import settings
from beercan_or_bacon.training.stage_key import constants_of, sha256_of, stage_key
from beercan_or_bacon.training.table import Record

TRAINING = Path(__file__).parents[1] / "beercan_or_bacon" / "training"
RULE = InputRule(size=96, resize="pad", interpolation="bicubic", fill=(255, 255, 255))
RECORD = Record("bacon", "bacon", "openverse", "http://example.org/a.jpg")


@dataclass(frozen=True)
class Other:
    """A stranger with the same fields as nothing."""

    side: int


@dataclass(frozen=True)
class Another(Other):
    """The same field in another class."""


def test_the_key_is_that_of_the_content():
    one = stage_key(classes=Classes(("a", "b"), {"a": ("x",)}, "T", ""), records=[RECORD], seed=1)
    again = stage_key(seed=1, records=(replace(RECORD),), classes=Classes(("a", "b"), {"a": ("x",)}, "T", ""))
    assert one == again
    assert len(one) == 64
    # so that a key means the same in the next version and on another machine
    assert stage_key(a=1) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2), (1, "1"), (1, 1.5), (0, None), ("", None), (("a", "b"), ("ab",)), ((1, 2), (2, 1)), ((), None),
        (["a", ["b"]], [["a"], "b"]), (Other(1), Other(2)), (Other(1), Another(1)), (Other(1), 1), ({1, 2}, {1, 3}),
        ({1}, (1,)), ({"a": 1}, {"b": 1}), (0.1 + 0.2, 0.3), (b"a".hex(), b"b".hex()), ("\u00e9", "e\u0301"),
        (RULE, RULE.model_copy(update={"size": 64})),
    ],
)  # fmt: skip
def test_another_input_is_another_key(one, other):
    assert stage_key(it=one) != stage_key(it=other)
    assert stage_key(it=one, rest=0) != stage_key(it=one)
    assert stage_key(it=one) != stage_key(that=one)


def test_the_order_of_what_has_none_does_not_matter():
    assert stage_key(it={"b", "a", "c"}) == stage_key(it=frozenset("cab"))
    assert stage_key(it={"b": 1, "a": 2}) == stage_key(it={"a": 2, "b": 1})


@pytest.mark.parametrize("value", [Path("a"), b"a", object(), Other, {1: {2: {3: Path("a")}}}])
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(TypeError):
        stage_key(it=[value])


@pytest.mark.parametrize("field", [field.name for field in fields(Record)])
def test_every_column_of_a_record_counts(field):
    assert stage_key(records=[RECORD]) != stage_key(records=[replace(RECORD, **{field: "other"})])


@pytest.mark.parametrize("field", [field.name for field in fields(settings.Settings)])
def test_every_setting_of_the_cleaning_counts(field):
    assert stage_key(it=settings.SETTINGS) != stage_key(it=replace(settings.SETTINGS, **{field: 77}))


def test_cleaning_has_no_number_beside_its_settings():
    """A constant of one of its modules would be missing from the key."""
    harmless = {"BATCH"}  # how many pictures go through the network together, which changes no answer
    for name in ("decide", "duplicates", "embeddings", "off_topic"):
        module = ast.parse((TRAINING / "clean" / f"{name}.py").read_text(encoding="utf-8"))
        constants = {target.id for node in module.body if isinstance(node, ast.Assign) for target in node.targets}
        assert constants <= harmless, name


def test_the_constants_of_modules_are_their_names_in_capitals():
    one, other = ModuleType("one"), ModuleType("other")
    vars(one).update(FEW=3, SHARE=0.5, NAME="a", SIZES=(1, 2), few=4, Few=5, TABLE={}, SHAPES=[1], NONE=None)
    other.FEW = 4
    assert constants_of(one, other) == {
        "one.FEW": 3, "one.SHARE": 0.5, "one.NAME": "a", "one.SIZES": (1, 2), "other.FEW": 4,
    }  # fmt: skip


def test_the_sha256_of_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert stage_key(it=sha256_of(tmp_path / "a")) != stage_key(it=sha256_of(tmp_path / "b"))
    assert sha256_of(tmp_path / "b") is None
