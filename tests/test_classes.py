"""classes.toml: the shipped one is usable, and a mistake in one's own is answered with a sentence."""

from pathlib import Path

import pytest

from beercan_or_bacon.errors import ClassesError
from beercan_or_bacon.training.classes import NEITHER, load_classes

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


def test_other_words_and_more_of_them(tmp_path):
    path = tmp_path / "classes.toml"
    path.write_text(THREE)
    classes = load_classes(path)
    assert classes.labels == ("teapot", "cake", "spoon")
    assert classes.title == "Tea, cake or both?"
    assert classes.searches == {"teapot": ("teapot -dome",), "cake": ("cake slice",), "spoon": ("tea spoon",),
                                NEITHER: ("coffee",)}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace('"cake"', '"teapot"'), "label of its own"),
        (lambda text: text.replace('"cake"', '"neither"'), "label of its own"),
        (lambda text: text.replace('["cake slice"]', "[]"), "searches"),
        (lambda text: text.split("[[class]]")[0] + "[[class]]" + text.split("[[class]]")[1], "at least two"),
        (lambda text: text.split("[neither]")[0], "[neither]"),
        (lambda text: text + "\nsearch = [", "not valid TOML"),
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
