"""The Gradio page in each of its states, for everybody: dark, small, twice as large, in forced colours, still."""

from __future__ import annotations

import pytest
from accessible import LOOKS, assert_accessible
from conftest import COLOURS
from gradio_page import give, keeping_page, word
from PIL import Image
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def keeping(tiny_model, tmp_path_factory):
    """A page with all its parts: examples, and the question whether the verdict was wrong."""
    kept, temporary = tmp_path_factory.mktemp("kept"), tmp_path_factory.mktemp("temporary")
    for verdict, colour in COLOURS.items():
        Image.new("RGB", (800, 600), colour).save(temporary / f"{verdict}.jpg")
    with keeping_page(tiny_model, kept, temporary) as url:
        yield url


@pytest.mark.parametrize("look", LOOKS)
def test_every_state(browser, keeping, draw, tmp_path, look):
    context = browser.new_context(reduced_motion="reduce", **LOOKS[look])
    page = context.new_page()
    page.goto(keeping)
    expect(page.locator("#bcob-upload button").first).to_be_visible(timeout=60_000)
    assert_accessible(page, "empty")
    for verdict in ("bacon", "neither"):
        give(page, draw(verdict))
        expect(word(page)).to_have_text(verdict)
        assert_accessible(page, verdict)
    page.click(".bcob-where")
    assert_accessible(page, "where it looked")
    page.click(".bcob-wrong")
    assert_accessible(page, "question open")
    page.locator(".bcob-ask").get_by_role("button", name="Beer can").click()
    expect(page.locator(".bcob-ask-words")).to_contain_text("Kept as beer can.")
    assert_accessible(page, "question answered")
    (broken := tmp_path / "broken.jpg").write_bytes(b"not a picture")
    give(page, broken)
    expect(word(page)).to_have_text("Hm.")
    assert_accessible(page, "error")
    for summary in page.locator("summary").all():
        summary.click()
    assert_accessible(page, "about open")
    context.close()
