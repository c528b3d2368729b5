"""The live camera of the static page, in a Chromium whose camera plays a film of ours."""

from __future__ import annotations

from itertools import pairwise

import pytest
from conftest import COLOURS, ROOT
from fake_camera import camera_browser, write_film
from PIL import Image
from playwright.sync_api import expect, sync_playwright
from static_site import Site, answer, visit

from beercan_or_bacon.serving.about import PERMISSIONS
from beercan_or_bacon.training.publish.static import build_embed

LOOKS = """(count) => new Promise((done) => {
  const seen = [];
  const look = ({detail}) => {
    seen.push(detail.steady.verdict);
    if (seen.length === count) document.removeEventListener("frame", look), done(seen);
  };
  document.addEventListener("frame", look);
})"""


@pytest.fixture(scope="module")
def playwright():
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def camera(playwright, tmp_path_factory):
    """A browser whose camera sees bacon."""
    film = write_film(tmp_path_factory.mktemp("film") / "bacon.mjpeg", [Image.new("RGB", (640, 480), COLOURS["bacon"])])
    with camera_browser(playwright, film) as browser:
        yield browser


def test_the_camera_is_looked_at_until_a_frame_is_taken(camera, site):
    with visit(camera, site.url) as page:
        page.click("#camera")
        assert page.evaluate(LOOKS, 5)[-1] == "bacon"
        assert page.inner_text("#word").lower() == "bacon"
        expect(page.locator("#rate")).to_contain_text("looks a second")
        page.click("#looked")
        assert page.is_visible("#heat")
        assert page.evaluate("document.activeElement.id") == "looked"
        assert answer(page, lambda: page.click("#shoot"))["verdict"] == "bacon"
        assert page.is_visible("#shown")
        assert page.is_hidden("#video")
        assert page.evaluate("document.getElementById('video').srcObject") is None
        looked = page.evaluate("() => new Promise((done) => { let n = 0; document.addEventListener('frame', () => n++);"
                               " setTimeout(() => done(n), 1000); })")  # fmt: skip
        assert looked == 0


@pytest.mark.parametrize("how", ["hidden", "scrolled away", "stopped", "another picture"])
def test_the_camera_is_freed(camera, site, draw, how):
    with visit(camera, site.url, viewport={"width": 400, "height": 300}) as page:
        page.click("#camera")
        page.evaluate(LOOKS, 2)
        page.evaluate("window.track = document.getElementById('video').srcObject.getVideoTracks()[0]")
        assert page.evaluate("track.readyState") == "live"
        if how == "hidden":
            page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true}),"
                          "document.dispatchEvent(new Event('visibilitychange'))")  # fmt: skip
        elif how == "scrolled away":
            page.evaluate("document.querySelectorAll('details').forEach((part) => part.open = true)")
            page.evaluate("scrollTo(0, document.body.scrollHeight)")
        elif how == "stopped":
            page.click("#cancel")
        else:
            assert answer(page, lambda: page.set_input_files("#file", draw("both")))["verdict"] == "both"
        page.wait_for_function("() => track.readyState == 'ended'")
        assert page.is_hidden("#video")
        if how in ("hidden", "scrolled away"):
            expect(page.locator("#words")).to_have_text("The camera was turned off when it went out of sight.")


def test_the_verdict_does_not_flicker(camera, site):
    with visit(camera, site.url) as page:
        verdicts = page.evaluate("""async () => {
            const { RunningMean } = await import("./camera.js");
            const about = await (await fetch("classifier.json")).json();
            const mean = new RunningMean(about), seen = [];
            // a beer can that is there for certain, bacon that comes and goes about its threshold of 0.5
            for (let i = 0; i < 100; i++) seen.push(mean.add([0.9, i % 2 ? 0.56 : 0.46], i * 100).verdict);
            for (let i = 100; i < 120; i++) seen.push(mean.add([0.9, 0.1], i * 100).verdict);
            return seen;
        }""")
    changes = [(one, other) for one, other in pairwise(verdicts) if one != other]
    assert changes == [("beer can", "both"), ("both", "beer can")]
    assert verdicts.index("beer can", 50) > 99  # the second change is the last one's


@pytest.mark.parametrize(
    ("film", "ask", "sentence"),
    [(True, True, "Allow it beside the address"), (False, False, "There is no camera here.")],
)
def test_without_a_camera_the_page_says_what_to_do(playwright, site, tmp_path, draw, film, ask, sentence):
    seen = write_film(tmp_path / "film.mjpeg", [Image.new("RGB", (640, 480))]) if film else None
    with camera_browser(playwright, seen, ask) as browser, visit(browser, site.url) as page:
        page.click("#camera")
        expect(page.locator("#words")).to_contain_text(sentence)
        assert answer(page, lambda: page.set_input_files("#file", draw("bacon")))["verdict"] == "bacon"


def test_in_an_iframe(camera, site, tmp_path):
    """With the snippet's permissions it runs; without them the page says where it would."""
    frames = f'<iframe src="{site.url}" allow="{PERMISSIONS}"></iframe><iframe src="{site.url}?alone"></iframe>'
    (tmp_path / "index.html").write_text(f"<!doctype html><title>A blog</title>{frames}")
    blog = Site(tmp_path)
    outside = camera.new_page()
    outside.goto(f"http://localhost:{blog.port}/")
    allowed = next(frame for frame in outside.frames if frame.url == site.url)
    forbidden = next(frame for frame in outside.frames if frame.url.endswith("?alone"))
    forbidden.wait_for_selector("#bars li", state="attached")
    assert forbidden.is_hidden("#camera")
    assert forbidden.is_visible("#alone")
    allowed.wait_for_selector("#bars li", state="attached")
    assert allowed.is_hidden("#alone")
    allowed.click("#camera")
    assert allowed.evaluate(LOOKS, 2)[-1] == "bacon"
    outside.close()
    blog.close()


@pytest.mark.ours
def test_our_examples_held_before_the_camera(playwright, tmp_path):
    """The published model, and a picture of each verdict that it is sure of."""
    site = Site(build_embed(ROOT / "model", tmp_path / "page", []))
    for name, verdict in [("bacon_1", "bacon"), ("beer_can_1", "beer can"), ("neither_1", "neither")]:
        with Image.open(ROOT / "examples" / f"{name}.jpg") as picture:
            film = write_film(tmp_path / f"{name}.mjpeg", [picture])
        with camera_browser(playwright, film) as browser, visit(browser, site.url) as page:
            page.click("#camera")
            assert set(page.evaluate(LOOKS, 8)) == {verdict}
    site.close()
