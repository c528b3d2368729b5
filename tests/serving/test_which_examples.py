"""The pictures to click on follow the labels, and whoever made them is named."""

import json
from html.parser import HTMLParser

import pytest
from PIL import Image

from beercan_or_bacon.serving.examples import credits_html, examples_for, examples_of, read_credits, slug
from beercan_or_bacon.serving.page import examples_html
from tests.conftest import write_tiny_model


def fill(folder, *names):
    folder.mkdir(parents=True)
    for name in names:
        Image.new("RGB", (40, 30)).save(folder / name)
    return folder


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (("beer can", "bacon"), 4),
        (("Bacon", "Beer can"), 4),
        (("wine glass", "teapot"), 0),
        (("beer can", "teapot"), 0),  # a strip that shows bacon would be a lie
        (("beer can", "bacon", "teapot"), 0),  # of three, none is “both”
    ],
)
def test_a_folder_serves_the_labels_it_shows(labels, found, tmp_path):
    folder = fill(tmp_path / "examples", "beer_can_1.jpg", "bacon_1.jpg", "both_1.jpg", "neither_1.jpg")
    assert len(examples_for(labels, folder)) == found


def test_the_models_own_come_first_and_missing_folders_are_none(tmp_path):
    model = write_tiny_model(tmp_path / "model", ["pizza", "ice cream"])
    own = fill(model / "examples", "pizza_1.jpg", "ice_cream_1.jpg", "neither_1.jpg")
    project = fill(tmp_path / "examples", "beer_can_1.jpg", "bacon_1.jpg")
    assert [path.name for path in examples_of(model, project)] == ["ice_cream_1.jpg", "neither_1.jpg", "pizza_1.jpg"]
    for path in own.iterdir():
        path.unlink()
    assert examples_of(model, project, tmp_path / "nowhere") == []
    assert examples_of(tmp_path / "nowhere", project) == []
    assert examples_for(["pizza", "ice cream"], fill(tmp_path / "nothing", "neither_1.jpg")) == []


def test_a_slug_is_of_any_language():
    assert [slug(label) for label in ("Beer can", "Crème brûlée", "ice-cream!", "пиво")] == [
        "beer_can", "crème_brûlée", "ice_cream", "пиво",
    ]  # fmt: skip


class Links(HTMLParser):
    """The tags and links of some HTML."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.links = [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name == "href"]


def test_who_made_the_examples_is_named_beside_them(tmp_path):
    folder = fill(tmp_path / "examples", "pizza_1.jpg", "pizza_2.jpg", "sushi_1.jpg")
    credit = {"file": "pizza_1.jpg", "title": "<b>Lunch</b>", "creator": "Ann & Lee", "licence": "CC BY 4.0",
              "page": 'https://example.org/?a=1&b="2'}  # fmt: skip
    bad = {**credit, "file": "pizza_2.jpg", "title": "", "creator": "", "page": "javascript:alert(1)"}
    gone = {**credit, "file": "gone.jpg", "creator": "Nobody"}
    (folder / "credits.json").write_text(json.dumps({"pictures": [credit, bad, gone]}))
    pictures = examples_for(["pizza", "sushi"], folder)
    html = examples_html(pictures)
    seen = Links(html)
    assert "Ann &amp; Lee, CC BY 4.0" in html
    assert seen.links == ['https://example.org/?a=1&b="2']
    assert "b" not in seen.tags
    assert "untitled, CC BY 4.0" in html
    assert "javascript" not in html
    assert "Nobody" not in html


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"pictures": 3}', '{"pictures": [{"file": "pizza_1.jpg"}]}'])
def test_credits_that_are_none_name_nobody(content, tmp_path):
    folder = fill(tmp_path / "examples", "pizza_1.jpg")
    (folder / "credits.json").write_text(content)
    assert read_credits([folder / "pizza_1.jpg"]) == []
    assert credits_html([folder / "pizza_1.jpg"]) == credits_html([]) == ""
