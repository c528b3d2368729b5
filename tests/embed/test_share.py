"""Sending a result on from the static page, and what a link to it unfolds to."""

from __future__ import annotations

import json
import re

import pytest
from conftest import write_tiny_model
from PIL import Image
from playwright.sync_api import expect
from static_site import Site, choose, visit

from beercan_or_bacon.training.publish.static import Place, build_embed

TEXT = "Blue or red? bacon (beer can 5 % and bacon 99 %). "


def test_a_result_is_copied_as_text(page, site, draw):
    assert page.is_disabled("#text")
    choose(page, draw("bacon"))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#text")
    expect(page.locator("#text")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == TEXT + site.url
    expect(page.locator("#text")).to_have_text("Copy result")


def test_a_card_is_saved(page, draw):
    choose(page, draw("bacon"))
    with page.expect_download() as download:
        page.click("#card")
    with Image.open(download.value.path()) as card:
        assert card.format == "PNG"
        assert card.width == 1080
        red, green, blue = card.convert("RGB").getpixel((540, 380))
        assert red > 200 > 60 > max(green, blue)  # the photograph
        bars = card.convert("RGB").crop((60, 1000, 1020, card.height - 80))
        assert len(set(bars.get_flattened_data() if hasattr(bars, "get_flattened_data") else bars.getdata())) > 2


def test_a_card_is_handed_to_the_device_where_it_can_share(page, draw):
    choose(page, draw("both"))
    page.evaluate("""() => {
        navigator.canShare = ({ files }) => files.length === 1;
        navigator.share = async (what) => (window.shared = [what.files[0].type, what.text]);
    }""")
    page.click("#card")
    expect(page.locator("#card")).to_have_text("Shared")
    kind, text = page.evaluate("shared")
    assert kind == "image/png"
    assert text.startswith("Blue or red? both (")


@pytest.mark.parametrize("address", ["", "https://user-which.static.hf.space/"])
def test_a_link_unfolds(browser, tmp_path, draw, address):
    place = Place(address, "https://huggingface.co/spaces/user/which/tree/main", "https://huggingface.co/user/model")
    site = Site(build_embed(write_tiny_model(tmp_path / "model"), tmp_path / "page", [draw("bacon")], place))
    with visit(browser, site.url) as page:
        told = dict(re.findall(r'<meta property="(og:[^"]+)" content="([^"]*)"', page.content()))
        assert told["og:title"] == "Blue or red?"
        assert told["og:description"] == "A tiny model for tests."
        assert told["og:image"] == f"{address}preview.jpg"
        assert page.get_by_role("link", name="the model").get_attribute("href") == place.model
        assert page.get_by_role("link", name="the page's source").get_attribute("href") == place.source
    with Image.open(tmp_path / "page/preview.jpg") as preview:
        assert preview.size == (1200, 630)
        assert preview.getpixel((900, 150))[0] > 200  # the example
    site.close()


def test_what_the_model_knows_is_said_in_plain_sentences(browser, tmp_path):
    model = write_tiny_model(tmp_path / "model")
    description = json.loads((model / "classifier.json").read_text())
    said = [
        "Of 100 beer cans it has never seen, it finds about 88.",
        "Of 100 other drinks, it calls about 5 a beer can.",
    ]
    (model / "classifier.json").write_text(json.dumps(description | {"sentences": said}))
    site = Site(build_embed(model, tmp_path / "page", []))
    with visit(browser, site.url) as page:
        assert page.inner_text(".bcob-known") == " ".join(said)
    site.close()
