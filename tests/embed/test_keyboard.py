"""The static page by keyboard alone: what is pressed may go, and the keyboard goes on beside it."""

from __future__ import annotations

from playwright.sync_api import expect
from static_site import VERDICTS, answer, choose, visit


def press(page, name: str, key: str = "Enter") -> None:
    """Go to a button with Tab, and press it."""
    for _ in range(60):
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return page.keyboard.press(key)
        page.keyboard.press("Tab")
    raise AssertionError(f"no way to {name}")


def focused(page):
    """What the keyboard is at."""
    return page.locator(":focus")


def test_the_question_is_answered_and_closed(page, draw):
    choose(page, draw("bacon"))
    press(page, "Was this wrong?")
    expect(focused(page)).to_have_text("beer can")
    page.keyboard.press("Enter")
    expect(page.locator("#asked")).to_contain_text("Kept as beer can.")
    expect(focused(page)).to_have_text("Download ZIP")
    press(page, "Forget them", "Space")
    expect(page.locator("#asked")).to_have_text("Forgotten.")
    expect(focused(page)).to_have_text("Close")
    page.keyboard.press("Enter")
    expect(page.locator("#wrong")).to_be_hidden()
    expect(focused(page)).to_have_text("Was this wrong?")


def test_a_frame_of_the_camera_is_taken(page):
    press(page, "Camera")
    expect(focused(page)).to_have_text("Take this one")
    page.wait_for_function("() => document.getElementById('video').videoWidth")  # Chromium's fake device
    assert answer(page, lambda: page.keyboard.press("Enter"))["verdict"] in VERDICTS
    expect(focused(page)).to_have_text("Camera")
    page.keyboard.press("Enter")
    expect(focused(page)).to_have_text("Take this one")
    press(page, "Stop")
    expect(focused(page)).to_have_text("Camera")


def test_the_place_to_drop_a_picture_makes_room_for_it(page, draw):
    page.keyboard.press("Tab")
    expect(focused(page)).to_have_id("drop")
    assert choose(page, draw("bacon"))["verdict"] == "bacon"  # that Enter opens the dialog: tests/publish/test_embed.py
    expect(focused(page)).to_have_text("Choose")


def test_a_download_is_tried_again(browser, site):
    site.missing.add("/model.onnx")
    with visit(browser, site.url, ("404",)) as page:
        page.wait_for_selector("#retry")
        site.missing.clear()
        press(page, "Try again")
        page.wait_for_selector("#loading", state="hidden")
        expect(focused(page)).to_have_text("Choose")
