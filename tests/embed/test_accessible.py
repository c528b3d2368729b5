"""The static page in each of its states, for everybody: dark, small, twice as large, in forced colours, still."""

from __future__ import annotations

import pytest
from accessible import LOOKS, assert_accessible
from playwright.sync_api import expect
from static_site import VERDICTS, answer, choose, visit


@pytest.mark.parametrize("look", LOOKS)
def test_every_state(browser, site, draw, tmp_path, look):
    with visit(browser, site.url, reduced_motion="reduce", **LOOKS[look]) as page:
        page.wait_for_selector("#loading", state="hidden")
        assert_accessible(page, "empty")
        for verdict in VERDICTS:
            choose(page, draw(verdict))
            assert_accessible(page, verdict)
        page.click("#looked")
        assert_accessible(page, "where it looked")
        page.click("#ask")
        expect(page.locator("#wrong button").first).to_be_visible()
        assert_accessible(page, "question open")
        page.locator("#wrong button").first.click()
        expect(page.locator("#asked")).to_contain_text("Kept as")
        assert_accessible(page, "question answered")
        for summary in page.locator("summary").all():
            summary.click()
        assert_accessible(page, "about open")
        (broken := tmp_path / "broken.jpg").write_bytes(b"not a picture")
        page.set_input_files("#file", broken)
        expect(page.locator("#word")).to_have_text("Hm.")
        assert_accessible(page, "error")


@pytest.mark.parametrize("look", LOOKS)
def test_camera_and_grid(browser, site, draw, tmp_path, look):
    (broken := tmp_path / "a picture of last summer's barbecue.jpg").write_bytes(b"not a picture")
    files = [draw(verdict, f"{verdict} in the garden behind the house.jpg") for verdict in VERDICTS]
    with visit(browser, site.url, reduced_motion="reduce", **LOOKS[look]) as page:
        page.wait_for_selector("#loading", state="hidden")
        page.click("#camera")
        expect(page.locator("#rate")).to_contain_text("looks a second", timeout=30_000)
        page.evaluate("document.getElementById('video').pause()")  # no label comes and goes while axe looks
        assert_accessible(page, "camera")
        page.click("#cancel")
        page.set_input_files("#file", [*files, broken])
        expect(page.locator("#sum")).to_contain_text("5 pictures:", timeout=60_000)
        assert_accessible(page, "grid")
        assert answer(page, page.locator("#tiles button").first.click)
        assert_accessible(page, "a tile's picture")


@pytest.mark.parametrize("look", LOOKS)
def test_while_it_loads_and_when_it_does_not(browser, site, look):
    site.gate.clear()
    with visit(browser, site.url, ("404",), reduced_motion="reduce", **LOOKS[look]) as page:
        assert_accessible(page, "loading")
        site.missing.add("/model.onnx")
        site.gate.set()
    with visit(browser, site.url, ("404",), reduced_motion="reduce", **LOOKS[look]) as page:
        page.wait_for_selector("#retry")
        assert_accessible(page, "not loaded")


def test_nothing_moves_for_those_who_ask_for_that(page, draw):
    choose(page, draw("bacon"))
    assert page.evaluate("document.getAnimations().length + Number(getComputedStyle(document.querySelector('.fill'))"
                         ".transitionDuration !== '0s')")  # else nothing is shown below  # fmt: skip
    page.emulate_media(reduced_motion="reduce")
    page.evaluate("document.body.classList.add('pending')")
    choose(page, draw("both"))
    assert not page.evaluate("document.getAnimations().length")
    moving = "[...document.querySelectorAll('*')].filter((e) => getComputedStyle(e).transitionDuration !== '0s').length"
    assert page.evaluate(moving) == 0
