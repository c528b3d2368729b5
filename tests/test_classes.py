"""classes.toml: the shipped one is usable, and a mistake in one's own is answered with a sentence."""

from dataclasses import replace
from pathlib import Path

import pytest

from beercan_or_bacon.errors import ClassesError
from beercan_or_bacon.training.classes import MISTAKEN, NEITHER, Group, Words, either, load_classes

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


@pytest.mark.ours
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


FIELDS = [
    # a text where a list is meant would search for each of its letters
    ('["cake slice"]', '"bottle"', '[[class]] “cake”: search = "bottle" is not a list. Write search = ["bottle"].'),
    ('["cake slice"]', "5", "[[class]] “cake”: search = 5 is not a list"),
    ('["cake slice"]', "[42]", "[[class]] “cake”: search 1 is 42, not a text. Write it in quotes."),
    ('["cake slice"]', '["cake", ""]', "[[class]] “cake”: search 2 is empty"),
    ('["cake slice"]', '["  "]', "[[class]] “cake”: search 1 is empty"),
    ('["cake slice"]', '["-bread -salt"]', "[[class]] “cake”: search 1, “-bread -salt”, only leaves words out"),
    ('["cake slice"]', """['"cake slice']""", "a quotation mark is not closed"),
    ('["cake slice"]', f'["{"cake " * 50}"]', "is longer than 200 characters"),
    ('["cake slice"]', '["tea spoon"]', "“tea spoon” is searched for [[class]] “cake” and for [[class]] “spoon”"),
    ('["cake slice"]', '["coffee"]', "“coffee” is searched for [[class]] “cake” and for [neither]"),
    ('"cake"', '"TeaPot "', "[[class]] “TeaPot” needs a label of its own: “teapot” is another class"),
    ('"cake"', '"Both"', "[[class]] “Both”: label “Both” is what the page answers by itself"),
    ('"cake"', '"NEITHER"', "[[class]] “NEITHER”: label “NEITHER” is what the page answers"),
    ('"cake"', "7", "[[class]] 2: label is 7, not a text. Write it in quotes."),
    ('"cake"', '" "', "[[class]] 2: label is empty"),
    ('label = "cake"', "", "[[class]] 2 needs a label"),
    ('search = ["cake slice"]', "", "[[class]] “cake” needs searches"),
    (
        'search = ["cake slice"]',
        'serach = ["cake slice"]',
        "[[class]] “cake”: “serach” is not known. Is “search” meant?",
    ),
    ("title =", "titel =", "“titel” is not known. Is “title” meant?"),
    (
        'label = "cake"',
        'label = "cake"\nzzz = 1',
        "“zzz” is not known. What may stand here: label, many, mistaken, one, others, search.",
    ),
    (
        'label = "cake"',
        'label = "cake"\nmistaken = 12',
        "[[class]] “cake”: mistaken is 12. It is a share, from 0.01 to 0.5.",
    ),
    ('label = "cake"', 'label = "cake"\nmistaken = "0.2"', 'mistaken is "0.2", not a number. Write it without quotes'),
    ("title =", "colour =", "“colour” is not known. What may stand here: class, emoji, neither, tagline, title."),
    ('"Tea, cake or both?"', "3", "title is 3, not a text"),
    ("[neither]", "[niether]", "“niether” is not known. Is “neither” meant?"),
    ('[[class]]\nlabel = "cake"', '[[classs]]\nlabel = "cake"', "“classs” is not known. Is “class” meant?"),
    ("[neither]\nsearch", "[neither]\nserach", "[neither]: “serach” is not known. Is “search” meant?"),
    ("[neither]\n", "[neither]\nlike = 'cake'\n", "[neither.like] needs searches of its own"),
    ('["coffee"]', '["coffee"]\n[neither.pots]\nlike = "teapots"\nsearch = ["urn"]', "Is “teapot” meant?"),
    ('["coffee"]', '["coffee"]\n[neither.pots]\nlikes = "teapot"\nsearch = ["urn"]', "[neither.pots]: “likes” is not"),
    ('["coffee"]', '["coffee"]\n[neither.neither]\nsearch = ["urn"]', "[neither.neither] needs another name"),
    ('[neither]\nsearch = ["coffee"]', "", "[neither] needs searches; without them all pictures would be one of"),
    ('search = ["coffee"]', "", "[neither] needs searches; without them all pictures would be one of the classes"),
    (
        '[neither]\nsearch = ["coffee"]',
        '[[neither]]\nsearch = ["coffee"]',
        "is written with single brackets: [neither]",
    ),
]


@pytest.mark.parametrize(("there", "instead", "said"), FIELDS)
def test_what_would_mean_something_else_is_refused(there, instead, said, tmp_path):
    assert there in THREE
    path = tmp_path / "classes.toml"
    path.write_text(THREE.replace(there, instead))
    with pytest.raises(ClassesError) as caught:
        load_classes(path)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")  # one mistake, one sentence


TWO = '[[class]]\nlabel = "a"\nsearch = ["b"]\n[[class]]\nlabel = "c"\nsearch = ["d"]\n[neither]\nsearch = ["e"]\n'
SENTENCES = [
    ('["b"]', "{ b = 1 }", '[[class]] “a”: search = {"b": 1} is not a list. Write search = ["...", "..."].'),
    ('"a"', '"both"', 
     "[[class]] “both”: label “both” is what the page answers by itself; a class needs a label of its own."),
    ('["b"]', f'["{"x" * 201}"]', f"[[class]] “a”: search 1, “{'x' * 20}…”, is longer than 200 characters."),
    ('["b"]', f"{[1.5] * 30}", "[[class]] “a”: search 1 is 1.5, not a text. Write it in quotes."),
    ('"a"', f'["{"ä" * 80}"]', f'[[class]] 1: label is ["{"ä" * 57}…, not a text. Write it in quotes.'),
    ('"a"', f'["{"ä" * 56}"]', f'[[class]] 1: label is ["{"ä" * 56}"], not a text. Write it in quotes.'),
    ('"a"', "2026-11-01", '[[class]] 1: label is "2026-11-01", not a text. Write it in quotes.'),
    (TWO[:37], "", "There is 1 class; it takes at least two [[class]] entries."),
    (TWO[:74], "", "There are 0 classes; it takes at least two [[class]] entries."),
    (TWO[:74], "class = 3\n", "class is 3, not a table."),
    ("[neither]", "[[neither]]", "[neither] is written with single brackets: [neither]."),
    ("[neither]\nsearch", "[neither.neither]\nsearch",
     "[neither.neither] needs another name: that is what searches without a group are called."),
    ('"c"', '"A"', "[[class]] “A” needs a label of its own: “a” is another class."),
]  # fmt: skip


@pytest.mark.parametrize(("there", "instead", "said"), SENTENCES)
def test_a_mistake_is_told_to_the_letter(there, instead, said, tmp_path):
    assert there in TWO
    path = tmp_path / "classes.toml"
    path.write_text(TWO.replace(there, instead, 1))
    with pytest.raises(ClassesError) as caught:
        load_classes(path)
    assert said in [line.strip() for line in str(caught.value).removeprefix(f"{path}: ").splitlines()]


@pytest.mark.parametrize(
    "search", ["x" * 200, '"a phrase" and words', '"one phrase" "another"', "-dome teapot", "a -b"]
)
def test_what_can_be_searched(search, tmp_path):
    path = tmp_path / "classes.toml"
    path.write_text(TWO.replace('["b"]', f"['{search}']"))
    assert load_classes(path).searches["a"] == (search,)


def test_every_mistake_is_named_in_one_go(tmp_path):
    path = tmp_path / "classes.toml"
    path.write_text('titel = "A"\n[class]\nlabel = "both"\nsearch = ["", 3]\n[neither]\nsearch = "b"\n')
    with pytest.raises(ClassesError) as caught:
        load_classes(path)
    first, *others = str(caught.value).splitlines()
    assert first == f"{path} has 7 mistakes:"
    for part in (
        "“titel”",
        "[[class]]",
        "“both”",
        "search 1 is empty",
        "search 2 is 3",
        "at least two",
        'search = "b"',
    ):
        assert sum(part in line for line in others) >= 1, part


def test_one_class_in_single_brackets(tmp_path):
    path = tmp_path / "classes.toml"
    path.write_text('[class]\nlabel = "a"\nsearch = ["b"]\n[neither]\nsearch = ["c"]')
    with pytest.raises(
        ClassesError, match=r"\[class\] is written with double brackets, once for each class: \[\[class"
    ):
        load_classes(path)


def test_blanks_and_repetitions_do_not_count(tmp_path):
    path = tmp_path / "classes.toml"
    path.write_text(THREE.replace('"cake"', '" cake\t"').replace('["cake slice"]', '[" cake  slice", "cake slice"]'))
    classes = load_classes(path)
    assert classes.labels == ("teapot", "cake", "spoon")
    assert classes.searches["cake"] == ("cake slice",)


def test_how_a_label_is_spoken_of(tmp_path):
    path = tmp_path / "classes.toml"
    path.write_text(
        THREE.replace('"cake"', '"cake"\none = "a cake"\nmany = "cakes"\nothers = "other  sweets"')
        + '[neither.pots]\nlike = "teapot"\nsearch = ["kettle"]\n[neither.cups]\nlike = "teapot"\nsearch = ["mug"]\n'
    )
    classes = load_classes(path)
    assert classes.words_of("cake") == Words("a cake", "cakes", "other sweets")
    assert classes.words_of("teapot") == Words("teapot", "pictures of teapot", "pictures of pots or cups alone")
    assert classes.words_of("spoon") == Words("spoon", "pictures of spoon", "other pictures")


def test_without_a_title_the_labels_are_one(tmp_path):
    path = tmp_path / "classes.toml"
    path.write_text(THREE.replace("title", "tagline"))
    classes = load_classes(path)
    assert (classes.title, classes.tagline) == ("teapot or cake or spoon", "Tea, cake or both?")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_as_editors_save_it(encoding, line, tmp_path):
    path = tmp_path / "classes.toml"
    path.write_bytes(THREE.replace("cake", "gâteau").replace("\n", line).encode(encoding))
    assert load_classes(path).labels == ("teapot", "gâteau", "spoon")


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("latin-1", "line 2"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("utf-32", "UTF-16"),
    ],
)
def test_other_encodings_are_named_with_the_way_out(encoding, said, tmp_path):
    path = tmp_path / "classes.toml"
    path.write_bytes(THREE.replace("Tea,", "Thé,").encode(encoding))
    with pytest.raises(ClassesError, match=f"{said}.*UTF-8"):
        load_classes(path)


def test_a_folder(tmp_path):
    with pytest.raises(ClassesError, match=r"is a folder\. Name the file in it"):
        load_classes(tmp_path)


@pytest.mark.parametrize(
    "text", ["title = ", "a = " + "[" * 5000, "a = " + "9" * 5000, "\0", "[neither]\n[neither]", "label"]
)
def test_what_is_not_toml(text, tmp_path):
    path = tmp_path / "classes.toml"
    path.write_text(text)
    with pytest.raises(ClassesError, match="is not valid TOML"):
        load_classes(path)


def test_the_line_of_what_is_not_toml(tmp_path):
    path = tmp_path / "classes.toml"
    path.write_text(THREE + "search = \n")
    with pytest.raises(ClassesError, match=f"at line {THREE.count(chr(10)) + 1}"):
        load_classes(path)


def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "classes.toml"
    path.symlink_to(path)  # a loop, which nobody may follow
    with pytest.raises(ClassesError, match="cannot be read"):
        load_classes(path)


def test_a_mistake_outside_of_tables_names_no_table(tmp_path):
    path = tmp_path / "classes.toml"
    path.write_text(THREE.replace("title =", "titel ="))
    with pytest.raises(ClassesError) as caught:
        load_classes(path)
    assert str(caught.value) == f"{path}: “titel” is not known. Is “title” meant?"


def test_how_much_may_be_mistaken_for_a_label(tmp_path):
    path = tmp_path / "classes.toml"
    path.write_text(THREE.replace('"cake"', '"cake"\nmistaken = 0.2'))
    assert load_classes(path).shares == (MISTAKEN, 0.2, MISTAKEN)


def test_what_may_stand_in_a_group(tmp_path):
    path = tmp_path / "classes.toml"
    path.write_text(THREE + "[neither.pots]\nsearch = ['urn']\nzzz = 1")
    with pytest.raises(ClassesError) as caught:
        load_classes(path)
    assert str(caught.value) == f"{path}: [neither.pots]: “zzz” is not known. What may stand here: like, search."


def test_names_in_a_row():
    assert either(["cans"]) == "cans"
    assert either(["cans", "beer"]) == "cans or beer"
    assert either(["cans", "beer", "bottles"]) == "cans, beer or bottles"


def test_how_a_label_is_spoken_of_without_a_word_in_the_file(tmp_path):
    path = tmp_path / "classes.toml"
    path.write_text(THREE + "[neither.pots]\nlike = 'teapot'\nsearch = ['urn']")
    classes = load_classes(path)
    assert classes.words_of("teapot") == Words("teapot", "pictures of teapot", "pictures of pots alone")
    assert replace(classes, words={}).words_of("cake") == Words("cake", "pictures of cake", "other pictures")
