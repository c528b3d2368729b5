"""The ways into the Gradio page on a bad day: two at once, too early, too large, from another site, not a picture."""

from __future__ import annotations

import base64
import http.server
import threading

import pytest
from gradio_page import give, word
from playwright.sync_api import expect

UNREADABLE = "That file is not a picture we can read. Try a JPEG, PNG or WebP."
DROP = """([files, texts]) => {
  const transfer = new DataTransfer();
  for (const [name, type, data] of files)
    transfer.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name, { type }));
  for (const [type, text] of Object.entries(texts)) transfer.setData(type, text);
  document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""


def drop(page, *paths, kind: str = "image/jpeg", **texts: str) -> None:
    files = [[path.name, kind, base64.b64encode(path.read_bytes()).decode()] for path in paths]
    page.evaluate(DROP, [files, {name.replace("_", "/"): text for name, text in texts.items()}])


def words(page):
    return page.locator(".bcob-words")


def test_of_two_pictures_the_first_is_taken_and_the_page_says_so(visit, draw):
    page = visit()
    drop(page, draw("bacon", "a.jpg"), draw("beer can", "b.jpg"))
    expect(word(page)).to_have_text("bacon")
    expect(words(page)).to_have_text("Very sure. This page takes one picture at a time: this is the first.")
    drop(page, draw("both"))
    expect(word(page)).to_have_text("both")
    expect(words(page)).to_have_text("Very sure.")


def slow_uploads(page, rate: int):
    """Uploads have so many bytes a second from now on; what is returned sets another rate, -1 for none."""
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")

    def at(rate: int) -> None:
        settings = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": rate}
        network.send("Network.emulateNetworkConditions", settings)

    at(rate)
    return at


def test_a_second_picture_while_the_first_is_on_its_way(visit, draw, tmp_path):
    page = visit()
    (heavy := tmp_path / "heavy.jpg").write_bytes(draw("bacon").read_bytes() + bytes(400_000))
    uploads_at = slow_uploads(page, 100_000)
    drop(page, heavy)
    page.wait_for_function("() => !document.querySelector('#bcob-upload input[type=file]')")
    drop(page, draw("both", "b.jpg"))
    drop(page, draw("beer can", "c.jpg"))
    uploads_at(-1)
    expect(word(page)).to_have_text("beer can")


def test_what_is_refused_stands_when_the_picture_before_it_arrives_late(visit, draw, tmp_path):
    page = visit()
    (heavy := tmp_path / "heavy.jpg").write_bytes(draw("bacon").read_bytes() + bytes(100_000))
    slow_uploads(page, 50_000)
    page.evaluate("window.answers = 0; document.addEventListener('bcob-answered', () => ++window.answers)")
    drop(page, heavy)
    drop(page, text_plain="bacon")
    expect(words(page)).to_contain_text("That is not a picture but text.")
    page.wait_for_function("window.answers >= 1")
    expect(page.get_by_alt_text("Your picture", exact=True)).to_have_count(0)
    expect(words(page)).to_contain_text("That is not a picture but text.")
    page.get_by_role("button", name="Example 1").click()
    expect(word(page)).to_have_text("bacon")


@pytest.mark.parametrize("how", ["drop", "choose"])
@pytest.mark.parametrize("kind", ["text/plain", ""])
def test_no_verdict_stands_beside_a_file_that_is_no_picture(visit, draw, tmp_path, how, kind):
    page = visit()
    give(page, draw("bacon"))
    expect(word(page)).to_have_text("bacon")
    (text := tmp_path / "notes.txt").write_text("bacon, eggs")
    if how == "drop":
        drop(page, text, kind=kind)
    else:
        page.set_input_files("#bcob-upload input[type=file]", text)
    expect(words(page)).to_have_text(UNREADABLE)
    expect(page.get_by_role("button", name="Where it looked")).to_be_disabled()
    expect(page.get_by_alt_text("Your picture", exact=True)).not_to_be_visible()
    assert page.locator(".bcob-share").all_inner_texts() == ["", ""]
    assert not page.locator(".toast-body").count()
    give(page, draw("bacon"), on="body")  # the same picture as before
    expect(word(page)).to_have_text("bacon")


def test_a_file_that_is_too_large_is_not_sent(visit, draw):
    page = visit()
    give(page, draw("bacon"))
    expect(word(page)).to_have_text("bacon")
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    page.evaluate("""() => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([new Uint8Array(21 << 20)], "large.jpg", { type: "image/jpeg" }));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }""")
    expect(words(page)).to_have_text("That file is larger than 20 MB. Try a smaller copy of the picture.")
    expect(page.get_by_alt_text("Your picture", exact=True)).to_have_count(0)
    assert not [url for url in sent if "upload" in url]


@pytest.fixture
def other_site(draw):
    """A site with a picture that any page may fetch, one that none may, and a page."""
    picture = draw("bacon").read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html" if self.path == "/page" else "image/jpeg")
            if self.path != "/closed.jpg":
                self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(b"<title>A page</title>" if self.path == "/page" else picture)

        def log_message(self, *_):
            pass

    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    yield f"http://localhost:{web.server_port}"
    web.shutdown()
    web.server_close()


def test_a_picture_is_dragged_from_another_site(visit, other_site):
    page = visit(others=(other_site,))
    drop(page, text_html=f'<a href="/x"><img src="{other_site}/open.jpg"></a>', **{"text_uri-list": other_site})
    expect(word(page)).to_have_text("bacon")
    page.get_by_role("button", name="Remove Image").click()
    expect(word(page)).to_have_text("Well?")
    drop(page, **{"text_uri-list": f"# a comment\r\n{other_site}/open.jpg"})
    expect(word(page)).to_have_text("bacon")


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ({"text_uri-list": "{site}/closed.jpg"}, "The other site does not give that picture to this page."),
        ({"text_uri-list": "{site}/page"}, "That link leads to a page and not to a picture."),
        ({"text_plain": "bacon"}, "That is not a picture but text."),
    ],
)
def test_what_cannot_be_fetched_is_said_and_the_last_verdict_goes(visit, draw, other_site, texts, sentence):
    page = visit(others=(other_site,))
    give(page, draw("both"))
    expect(word(page)).to_have_text("both")
    drop(page, **{name: text.format(site=other_site) for name, text in texts.items()})
    expect(words(page)).to_contain_text(sentence)
    expect(page.get_by_role("button", name="Where it looked")).to_be_disabled()
    expect(page.get_by_alt_text("Your picture", exact=True)).to_have_count(0)


def test_on_a_phone_the_verdict_of_an_example_comes_into_sight(visit):
    page = visit(viewport={"width": 360, "height": 640})
    page.get_by_role("button", name="Example 1").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('#bcob-examples').scrollIntoView()")
    page.get_by_role("button", name="Example 1").click()
    expect(word(page)).to_have_text("bacon")
    expect(word(page)).to_be_in_viewport(ratio=1)
