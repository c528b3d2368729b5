"""The static page on a bad day: files that are missing, cut or somebody else's, and what is kept of them."""

from __future__ import annotations

import pytest
from static_site import Site, answer, choose, visit

LOGIN = b"<!doctype html><title>Welcome to our wifi</title>Log in first."
WASM = "/runtime/ort-wasm-simd-threaded.wasm.gz"
COMPLAINTS = (
    "404", "MIME type", "SyntaxError", "Unexpected token", "ServiceWorker", "Failed to load", "an export named",
    "Cannot destructure",
)  # fmt: skip


def wrong(folder, name: str, kind: str) -> bytes:
    """What comes in the file's place, with status 200."""
    content = (folder / name.lstrip("/")).read_bytes()
    return {"login": LOGIN, "cut": content[: len(content) // 2], "other": bytes(len(content))}[kind]


@pytest.mark.parametrize("kind", ["login", "cut", "other"])
@pytest.mark.parametrize("name", ["/model.onnx", WASM])
def test_wrong_bytes_are_said_and_never_kept(browser, site, folder, draw, name, kind):
    site.instead[name] = wrong(folder, name, kind)
    with visit(browser, site.url, COMPLAINTS) as page:
        page.wait_for_selector("#retry")
        assert "could not be loaded" in page.inner_text("#status")
        page.click("#retry")  # the network is as bad as before
        page.wait_for_selector("#retry")
        site.instead.clear()
        assert answer(page, lambda: (page.click("#retry"), page.set_input_files("#file", draw("bacon"))))
        page.wait_for_selector("#loading", state="hidden")
        page.goto(site.url)  # the second visit is served from what was kept
        assert choose(page, draw("both"))["verdict"] == "both"


@pytest.mark.parametrize("content", [b"{}", b"null", b'{"labels": "ab"}', LOGIN])
def test_a_description_that_is_none(browser, site, draw, content):
    site.instead["/classifier.json"] = content
    with visit(browser, site.url, COMPLAINTS) as page:
        page.wait_for_selector("#retry")
        assert "log in first?" in page.inner_text("#status")
        site.instead.clear()
        page.click("#retry")
        assert choose(page, draw("bacon"))["verdict"] == "bacon"


@pytest.mark.parametrize("name", ["/files.js", "/page.js", "/verdict.js"])
@pytest.mark.parametrize("kind", ["missing", "login", "nonsense"])
def test_a_script_that_does_not_come(browser, site, draw, name, kind):
    if kind == "missing":
        site.missing.add(name)
    else:
        site.instead[name] = LOGIN if kind == "login" else b"self.FILES = undefined;"
    with visit(browser, site.url, COMPLAINTS) as page:
        page.wait_for_selector("#retry")
        assert "has not arrived whole" in page.inner_text("#status")
        site.missing.clear()
        site.instead.clear()
        page.click("#retry")
        page.wait_for_selector("#bars li")
        assert choose(page, draw("bacon"))["verdict"] == "bacon"


def test_a_sandbox_that_keeps_the_scripts_out_is_named(browser, site, tmp_path):
    (tmp_path / "index.html").write_text(
        f'<!doctype html><title>A blog</title><iframe src="{site.url}" sandbox="allow-scripts"></iframe>'
    )
    blog = Site(tmp_path)
    page = browser.new_page()
    page.goto(blog.url)
    inside = next(frame for frame in page.frames if frame.url == site.url)
    inside.wait_for_function("() => document.getElementById('status').textContent.includes('allow-same-origin')")
    assert site.url in inside.inner_text("#status")
    page.close()
    blog.close()


@pytest.mark.parametrize("name", ["/style.css", "/classifier.json", "/worker.js", "/"])
def test_somebody_elses_files_are_not_kept_for_the_second_visit(browser, folder, draw, name):
    site = Site(folder)
    with visit(browser, site.url, (*COMPLAINTS, "ERR_CONNECTION_REFUSED")) as page:
        page.evaluate("navigator.serviceWorker.getRegistration().then((all) => all?.unregister())")
        page.evaluate("caches.keys().then((names) => Promise.all(names.map((name) => caches.delete(name))))")
        site.instead[name] = LOGIN
        state = page.evaluate(
            """async () => {
                const {installing} = await navigator.serviceWorker.register("service-worker.js");
                return new Promise((done) => installing.addEventListener("statechange", () => done(installing.state)));
            }"""
        )
        assert state == "redundant"
        site.instead.clear()
        page.goto(site.url)
        page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        page.wait_for_selector("#loading", state="hidden")
        site.close()
        page.goto(site.url)
        assert choose(page, draw("bacon"))["verdict"] == "bacon"


def test_an_example_is_kept_only_when_it_is_the_example(browser, site):
    with visit(browser, site.url, COMPLAINTS) as page:
        page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        page.goto(site.url)  # from here on the service worker answers
        site.instead["/examples/bacon.jpg"] = LOGIN
        example = page.locator("#examples button").nth(1)
        example.click()
        page.wait_for_function("() => document.getElementById('word').textContent == 'Hm.'")
        site.instead.clear()
        assert answer(page, example.click)["verdict"] == "bacon"


@pytest.mark.parametrize("width", [360, 1200])
def test_while_it_loads_nothing_is_covered(browser, site, width):
    site.gate.clear()
    with visit(browser, site.url, viewport={"width": width, "height": 700}) as page:
        words = page.locator("#drop span").bounding_box()
        assert words["y"] + words["height"] <= page.locator("#loading").bounding_box()["y"]
        site.gate.set()
