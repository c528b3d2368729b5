"""docs/thebe.html: a page that answers at once, and runs its code when asked to, on a Jupyter server or a Binder."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT
from notebook_house import build_house, jupyter
from playwright.sync_api import expect
from static_site import Site, answer

PAGE = (ROOT / "docs" / "thebe.html").read_text(encoding="utf-8")
THEBE, REQUIRE = "thebe@0.9.3", "requirejs@2.3.6"  # what thebe loads widgets with
TOKEN = "a token"
WAIT = 120_000  # ms, for a kernel on a busy machine


def test_its_cells_are_the_notebooks():
    notebook = nbformat.read(ROOT / "notebooks" / "play.ipynb", as_version=4)
    cells = re.findall(r"<pre data-executable[^>]*>(.*?)</pre>", PAGE, re.DOTALL)
    assert [html.unescape(cell) for cell in cells] == [c.source for c in notebook.cells if c.cell_type == "code"]


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> Path:
    """What the page fetches from elsewhere, as npm has it."""
    if shutil.which("npm") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no npm here: apt-get install npm")
    folder = tmp_path_factory.mktemp("npm")
    subprocess.run(["npm", "pack", "--prefer-offline", "--silent", THEBE, REQUIRE], cwd=folder, check=True)
    for package in (THEBE, REQUIRE):
        with tarfile.open(folder / f"{package.replace('@', '-')}.tgz") as archive:
            archive.extractall(folder / package, filter="data")
    return folder


@dataclass(frozen=True)
class Blog:
    """The page, beside the static page as `page/`, and the Jupyter server that its cells may run on."""

    url: str
    server: str


@pytest.fixture(scope="module")
def blog(folder, tmp_path_factory):
    here = tmp_path_factory.mktemp("blog")
    (here / "thebe.html").write_text(PAGE, encoding="utf-8")
    (here / "page").symlink_to(folder)
    site = Site(here)
    house = build_house(tmp_path_factory.mktemp("home") / "house")
    options = [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.allow_origin={site.url.rstrip('/')}"]
    with jupyter(["jupyter_server", "--ip=127.0.0.1", "--allow-root", *options], house, "/api") as server:
        yield Blog(f"{site.url}thebe.html", server)
    site.close()


@pytest.fixture
def asked(browser, packages, blog):
    """A visitor's page, and what it has asked for elsewhere; a Binder that builds twice and is then the server."""
    context, asked = browser.new_context(viewport={"width": 1200, "height": 900}), []
    open_to_all = {"Access-Control-Allow-Origin": "*"}

    def elsewhere(route):
        address = route.request.url
        asked.append(address)
        if address.startswith("https://mybinder.org/build/gh/USER/REPO/main"):
            phases = [
                {"phase": "building", "message": "Step 3 of 9"},
                {"phase": "ready", "message": "there", "url": f"{blog.server}/", "token": TOKEN},
            ]
            events = "".join(f"data: {json.dumps(phase)}\n\n" for phase in phases)
            return route.fulfill(body=events, content_type="text/event-stream", headers=open_to_all)
        if found := re.fullmatch(rf"https://cdn\.jsdelivr\.net/npm/{THEBE}/([^?]+)", address):
            return route.fulfill(path=packages / THEBE / "package" / found[1], headers=open_to_all)
        if address.endswith("/require.js/2.3.6/require.min.js"):
            return route.fulfill(path=packages / REQUIRE / "package" / "require.js", headers=open_to_all)
        return route.abort()

    context.route("https://**/*", elsewhere)
    yield context.new_page(), asked
    context.close()


def run(page) -> None:
    page.get_by_role("button", name="Run the code").click()


@pytest.mark.parametrize("place", ["a server", "a Binder"])
def test_the_cells_run_where_the_address_says(asked, blog, draw, place):
    page, requests = asked
    page.goto(blog.url + (f"#server={blog.server}&token={TOKEN}" if place == "a server" else ""))
    expect(page.locator("#host")).to_have_text(blog.server[7:] if place == "a server" else "mybinder.org")
    inside = page.wait_for_selector("iframe").content_frame()
    inside.wait_for_selector("#loading", state="hidden")
    assert answer(inside, lambda: inside.set_input_files("#file", draw("both")))["verdict"] == "both"
    assert not requests  # before the button is pressed
    page.evaluate("""() => {
        window.told = [];
        new MutationObserver(() => told.push(document.getElementById("what").textContent))
            .observe(document.getElementById("what"), { childList: true });
    }""")
    run(page)
    expect(page.locator("#spinner")).to_be_visible()
    expect(page.locator("#what")).to_contain_text("It runs.", timeout=WAIT)
    expect(page.locator("#spinner")).to_be_hidden()
    told = page.evaluate("told")
    assert told[0].startswith("Fetching thebe")
    assert "Running cell 4 of 4" in told
    assert any("Step 3 of 9" in sentence for sentence in told) == (place == "a Binder")
    expect(page.locator(".bcob-word")).to_have_text("Well?")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a picture").last.click()
    chooser.value.set_files(draw("bacon"))
    expect(page.locator(".bcob-word")).to_have_text("bacon", timeout=WAIT)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 1200


def test_a_cell_that_fails_says_why(asked, blog):
    page, _ = asked
    page.goto(f"{blog.url}#server={blog.server}&token={TOKEN}")
    page.evaluate("document.querySelectorAll('pre')[1].textContent = 'raise ValueError(\"no such picture\")'")
    run(page)
    expect(page.locator("#what")).to_have_text(
        "That did not work. Cell 2 failed: no such picture The page above works without it.", timeout=WAIT
    )
    assert not page.locator(".bcob-word").count()  # the cells behind it were not run


@pytest.mark.parametrize("missing", ["thebe", "the server"])
def test_what_does_not_come_is_said(asked, blog, missing):
    page, _ = asked
    page.goto(f"{blog.url}#server=http://127.0.0.1:9&token=none")
    if missing == "thebe":
        page.route("https://cdn.jsdelivr.net/**/*", lambda route: route.abort())
    run(page)
    sentence = "thebe could not be fetched." if missing == "thebe" else "Server not reachable (http://127.0.0.1:9/)"
    expect(page.locator("#what")).to_contain_text(f"That did not work. {sentence}", timeout=WAIT)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("button", name="Run the code")).to_be_enabled()


def test_an_address_that_is_no_server_is_not_asked(asked, blog):
    page, requests = asked
    page.goto(f"{blog.url}#server=javascript:alert(1)")
    expect(page.locator("#host")).to_have_text("no server: A server's address begins with http:// or https://.")
    expect(page.get_by_role("button", name="Run the code")).to_be_disabled()
    assert not requests
