"""Sending a result on from the Gradio page, and what a link to it unfolds to."""

from __future__ import annotations

import io
import re

import httpx
from gradio_page import give, word
from PIL import Image
from playwright.sync_api import expect

from beercan_or_bacon.serving.about import known_html, links_html
from beercan_or_bacon.serving.classifier import Classifier


def test_a_result_is_copied_and_its_card_saved(visit, server, draw):
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    assert page.locator(".bcob-text").is_disabled()
    give(page, draw("bacon"))
    expect(word(page)).to_have_text("bacon")
    page.click(".bcob-text")
    expect(page.locator(".bcob-text")).to_have_text("Copied")
    text = page.evaluate("navigator.clipboard.readText()")
    assert text == f"Blue or red? bacon (beer can 5 % and bacon 99 %). {server.url}"
    with page.expect_download() as download:
        page.click(".bcob-card")
    with Image.open(download.value.path()) as card:
        red, green, blue = card.convert("RGB").getpixel((540, 380))
        assert red > 200 > 60 > max(green, blue)  # the photograph


def test_a_link_unfolds(server):
    page = httpx.get(server.url, headers={"X-Forwarded-Host": "user-which.hf.space", "X-Forwarded-Proto": "https"})
    told = re.findall(r'<meta property="(og:[^"]+)" content="([^"]*)"', page.text)
    assert len(dict(told)) == len(told)
    assert dict(told)["og:title"] == "Blue or red?"
    assert dict(told)["og:description"] == "A tiny model for tests."
    assert dict(told)["og:image"] == "https://user-which.hf.space/preview.jpg"
    assert "gradio.app" not in "".join(content for _, content in told)
    assert len(page.content) == int(page.headers["content-length"])
    with Image.open(io.BytesIO(httpx.get(f"{server.url}/preview.jpg").content)) as preview:
        assert preview.size == (1200, 630)


def test_what_the_model_knows(tiny_model):
    about = Classifier(tiny_model).description
    assert known_html(about) == ""
    figures = {"bacon: found": {"value": 0.9014}, "neither called something": {"value": 0.1187}, "odd": [1]}
    said = known_html(about.model_copy(update={"metrics": figures}))
    assert "Of 100 bacon pictures it has never seen, it finds about 90." in said
    assert "Of 100 pictures of neither, it calls about 12 something." in said


def test_links_lead_to_source_and_model():
    assert links_html("model", "") == ""
    links = links_html("user/model 0123abc", "user/space")
    assert 'href="https://huggingface.co/user/model/tree/0123abc"' in links
    assert 'href="https://huggingface.co/spaces/user/space/tree/main"' in links
    assert "space/tree/main/model" in links_html("model", "user/space")
