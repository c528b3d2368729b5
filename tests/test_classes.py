"""classes.toml: the shipped one is usable, and a mistake in one's own is answered with a sentence."""

from pathlib import Path

import pytest

from beercan_or_bacon.errors import ClassesError
from beercan_or_bacon.training.classes import NEITHER, Group, load_classes

THREE = """
title = "Tea, cake or both?"
[[class]]
label = "teapot"
search = ["teapot -dome"]
[[class]]
label = "cake"
search = ["cake slice"]
[[class]]
label = "spoon"
search = ["tea spoon"]
[neither]
search = ["coffee"]
"""


def test_the_shipped_words():
    classes = load_classes(Path(__file__).parent.parent / "classes.toml")
    assert classes.labels == ("beer can", "bacon")
    assert "beer can -recipe -chicken" in classes.searches["beer can"]
    assert "bacon -kevin -francis -jam" in classes.searches["bacon"]
    assert len(classes.searches[NEITHER]) >= 20
    resembled = {group.like for group in classes.groups}
    assert resembled == {"beer can", "bacon", ""}  # each label has a side of its own, and there is a rest of the world


def test_other_words_and_more_of_them(tmp_path):
    path = tmp_path / "classes.toml"
    path.write_text(THREE)
    classes = load_classes(path)
    assert classes.labels == ("teapot", "cake", "spoon")
    assert classes.title == "Tea, cake or both?"
    assert classes.searches == {"teapot": ("teapot -dome",), "cake": ("cake slice",), "spoon": ("tea spoon",),
                                NEITHER: ("coffee",)}  # fmt: skip
    assert classes.groups == (Group(NEITHER, ("coffee",)),)


def test_searches_for_neither_may_stand_in_groups(tmp_path):
    path = tmp_path / "classes.toml"
    path.write_text(
        THREE
        + '[neither.pots]\nlike = "teapot"\nsearch = ["kettle", "coffee pot"]\n[neither.places]\nsearch = ["cafe"]\n'
    )
    classes = load_classes(path)
    assert classes.groups == (
        Group(NEITHER, ("coffee",)), Group("pots", ("kettle", "coffee pot"), like="teapot"), Group("places", ("cafe",)),
    )  # fmt: skip
    assert classes.searches[NEITHER] == ("coffee", "kettle", "cafe", "coffee pot")  # some of every kind come first
    assert classes.group_of("coffee pot").name == "pots"
    assert classes.group_of("teapot -dome") is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace('"cake"', '"teapot"'), "label of its own"),
        (lambda text: text.replace('"cake"', '"neither"'), "label of its own"),
        (lambda text: text.replace('["cake slice"]', "[]"), "searches"),
        (lambda text: text.split("[[class]]")[0] + "[[class]]" + text.split("[[class]]")[1], "at least two"),
        (lambda text: text.split("[neither]")[0], "[neither]"),
        (lambda text: text + "\nsearch = [", "not valid TOML"),
        (lambda text: text + "\nlike = 3", "[neither.like] needs searches"),
        (lambda text: text + "[neither.pots]\nlike = 'teapot'", "[neither.pots] needs searches"),
        (lambda text: text + "[neither.pots]\nlike = 'pot'\nsearch = ['kettle']", "none of the classes"),
        (lambda text: text + "[neither.pots]\nsearch = ['coffee']", "“coffee” is searched for"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(change, said, tmp_path):
    path = tmp_path / "classes.toml"
    path.write_text(change(THREE))
    with pytest.raises(ClassesError) as caught:
        load_classes(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(ClassesError, match="is not there"):
        load_classes(tmp_path / "classes.toml")
