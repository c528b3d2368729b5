"""The page in Chromium, as people use it: drop, paste, camera, examples, keyboard, phone, dark, in other pages."""

from __future__ import annotations

import pillow_heif
import pytest
import static_site
from conftest import COLOURS
from gradio_page import give, word
from PIL import Image
from playwright.sync_api import expect

from beercan_or_bacon.serving.about import SNIPPETS


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_a_picture_is_answered_without_a_submit_button(visit, draw, how):
    page = visit()
    for verdict, on in [("bacon", "#bcob-upload button"), ("beer can", "#bcob-upload img"), ("both", "body")]:
        give(page, draw(verdict), how, on)
        expect(word(page)).to_have_text(verdict)
    give(page, draw("both", "again.jpg"), how, "body")  # the same answer once more is an answer
    expect(word(page)).to_have_text("both")
    expect(page.locator(".bcob-words")).to_have_text("Very sure.")
    page.get_by_role("button", name="Remove Image").click()
    expect(word(page)).to_have_text("Well?")


def test_the_bars_say_how_sure_per_class(visit, draw):
    page = visit()
    give(page, draw("bacon"))
    expect(word(page)).to_have_text("bacon")
    rows = page.locator(".bcob-row")
    expect(rows).to_have_count(2)
    shares = [int(text.split()[0]) for text in rows.locator(".bcob-share").all_inner_texts()]
    assert shares[0] < 50 < shares[1]


def test_a_close_call_is_said_to_be_close(visit, tmp_path):
    page = visit()
    Image.new("RGB", (300, 300), (70, 7, 7)).save(path := tmp_path / "faint.png")  # sigmoid(63 * 12 / 255 - 3) = 0.49
    give(page, path, kind="image/png")
    expect(word(page)).to_have_text("neither")
    expect(page.locator(".bcob-words")).to_have_text("A close call: bacon could go either way.")


def test_where_it_looked(visit, draw):
    page = visit()
    button = page.get_by_role("button", name="Where it looked")
    expect(button).to_be_disabled()
    give(page, draw("bacon"))
    expect(word(page)).to_have_text("bacon")
    heat = page.get_by_alt_text("bright where the classifier looked")
    expect(heat).not_to_be_visible()
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(heat).to_be_visible()
    over, under = heat.bounding_box(), page.get_by_alt_text("Your picture", exact=True).bounding_box()
    assert all(abs(over[key] - under[key]) <= 2 for key in over), (over, under)
    button.click()
    expect(heat).not_to_be_visible()


def test_a_picture_that_the_browser_cannot_show_is_shown_as_answered(visit, tmp_path):
    pillow_heif.register_heif_opener()
    Image.new("RGB", (320, 240), COLOURS["bacon"]).save(path := tmp_path / "phone.heic")
    page = visit()
    give(page, path, kind="")  # as browsers have it that do not know HEIC
    expect(word(page)).to_have_text("bacon")
    expect(page.get_by_alt_text("bright where the classifier looked")).to_be_visible()


def test_webcam(visit):
    page = visit(permissions=["camera"])
    page.get_by_role("button", name="Capture from camera").click()
    page.get_by_text("Click to Access Webcam").click()
    # a shot of a camera that has not sent a frame yet is no picture
    page.wait_for_function("[...document.querySelectorAll('video')].some((video) => video.readyState > 2)")
    page.get_by_role("button", name="capture photo").click()
    expect(page.get_by_alt_text("Your picture", exact=True)).to_be_visible(timeout=15_000)
    expect(page.get_by_role("button", name="Where it looked")).to_be_enabled()


def test_every_example_is_answered(visit):
    page = visit()
    for index, verdict in enumerate(["bacon", "beer can", "both", "neither"]):
        page.get_by_role("button", name=f"Example {index + 1}").click()
        expect(word(page)).to_have_text(verdict)


def test_an_error_is_one_sentence_and_the_next_picture_is_answered(visit, draw, tmp_path):
    page = visit()
    give(page, draw("bacon"))
    expect(word(page)).to_have_text("bacon")
    (broken := tmp_path / "broken.jpg").write_bytes(b"not a picture")
    give(page, broken)
    expect(page.get_by_role("status").filter(has_text="Hm.")).to_have_text(
        "Hm.That file is not a picture we can read. Try a JPEG, PNG or WebP."
    )
    expect(page.get_by_role("button", name="Where it looked")).to_be_disabled()
    give(page, draw("beer can"))
    expect(word(page)).to_have_text("beer can")


def test_dark(visit):
    def brightness(page, selector: str, of: str) -> int:
        colour = page.locator(selector).first.evaluate(f"element => getComputedStyle(element).{of}")
        return sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(",")))

    for scheme, path in [("dark", "/"), ("light", "/?__theme=dark")]:
        page = visit(path, color_scheme=scheme)
        assert brightness(page, ".gradio-container", "backgroundColor") < 150
        assert brightness(page, "h1", "color") > 600
    light = visit(color_scheme="light")
    assert brightness(light, ".gradio-container", "backgroundColor") > 600


@pytest.mark.parametrize("width", [320, 360, 540, 600, 1600])
def test_nothing_overflows_and_nothing_jumps(visit, draw, width):
    page = visit(viewport={"width": width, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= width

    def places():
        selectors = (".bcob-panel", ".bcob-bars", ".bcob-where", "#bcob-examples", "#bcob-more")
        return [page.locator(selector).bounding_box() for selector in selectors]

    before = places()
    give(page, draw("both"))
    expect(word(page)).to_have_text("both")
    assert places() == before
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_keyboard_only(visit):
    page = visit()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.ariaLabel") == "Example 1":
            break
    page.keyboard.press("Enter")
    expect(word(page)).to_have_text("bacon")
    for _ in range(30):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.textContent") == "Where it looked":
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Space")
    expect(page.get_by_alt_text("bright where the classifier looked")).to_be_visible()


def test_the_upload_opens_from_the_keyboard(visit, draw):
    page = visit()
    page.on("filechooser", lambda _: None)  # or Chromium hears too late that it is to hand over the file dialog
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Drop an image file here to upload").press("Enter")
    chooser.value.set_files(draw("both"))
    expect(word(page)).to_have_text("both")


def test_snippets_hold_the_address_and_copy(visit, server):
    page = visit("/?__theme=light", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_text("Embed this").click()
    code = page.locator(".bcob-code code").first
    expect(code).to_contain_text(f'<iframe src="{server.url}/" title="Blue or red?"')
    page.get_by_role("button", name="Copy", exact=True).first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == code.inner_text()


@pytest.fixture
def blog(server, tmp_path):
    """Somebody's page on another origin with the iframe in it, as the snippet has it."""
    with static_site.blog(
        tmp_path,
        f'<iframe src="{server.url}/" title="Blue or red?" style="width: 600px; height: 640px; border: 0" '
        'allow="camera; clipboard-read; clipboard-write"></iframe>',
    ) as address:
        yield address


def test_embedded_in_another_origin(browser, blog, server, draw):
    context = browser.new_context(viewport={"width": 640, "height": 640})
    page = context.new_page()
    page.goto(blog)
    frame = page.wait_for_selector("iframe").content_frame()
    assert frame.url.startswith(server.url)
    expect(word(frame)).to_have_text("Well?")
    give(frame, draw("bacon"))
    expect(word(frame)).to_have_text("bacon")
    button = frame.locator(".bcob-where").bounding_box()
    assert button["y"] + button["height"] < 560  # the verdict and its bars are in sight without scrolling
    context.close()


def test_a_script_of_another_origin_asks_for_a_verdict(browser, blog, server, draw):
    code = SNIPPETS["From a page's script, or any program: the picture is the body, the answer JSON"]
    page = browser.new_page()
    page.goto(blog)
    ask = f"async (bytes) => {{ const file = new Blob([new Uint8Array(bytes)], {{type: 'image/jpeg'}}); {code};"
    ask += " return {verdict, labels, probabilities, error}; }"
    answer = page.evaluate(ask.replace("{here}", server.url), list(draw("bacon").read_bytes()))
    assert (answer["verdict"], answer["labels"]) == ("bacon", ["bacon"])
    assert page.evaluate(ask.replace("{here}", server.url), [])["error"].startswith("That file is empty.")
    page.close()
