"""notebooks/play.ipynb: run from a clean kernel, and in Voilà in a real browser, alone and in somebody's page."""

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import static_site
from conftest import ROOT
from notebook_house import NOTEBOOKS, build_house, execute, outputs, voila
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from playwright.sync_api import expect

from beercan_or_bacon.serving.pictures import MAX_BYTES

WAIT = 120_000  # ms, for a kernel on a busy machine
expect.set_options(timeout=60_000)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_no_outputs_and_few_short_cells(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert not [cell.id for cell in code if cell.outputs or cell.execution_count]
    strip = [Path(sys.executable).parent / "nbstripout", "--verify", "--keep-id", path]  # as before every commit
    assert subprocess.run(strip).returncode == 0
    assert not [cell.id for cell in code if cell.source.count("\n") > 30]
    assert len(code) <= 12


def needed_by(requirements: list[str]) -> set[str]:
    """The distributions that these requirements bring, by their canonical names."""
    todo, found = list(requirements), set()
    while todo:
        requirement = Requirement(todo.pop())
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        todo += importlib.metadata.distribution(name).requires or ()
    return found


def pins(name: str) -> dict[str, str]:
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return dict(line.split("==") for line in lines if "==" in line)


def test_a_clean_kernel_runs_it_with_what_a_binder_installs(tmp_path):
    house = build_house(tmp_path / "house")
    path = house / "notebooks" / "play.ipynb"
    (first,) = (cell.source for cell in nbformat.read(path, as_version=4).cells if cell.id == "classifier")
    first = f"import sys\nbefore = set(sys.modules)\n{first}"
    told = "import json; print(json.dumps(sorted({name.split('.')[0] for name in set(sys.modules) - before})))"
    notebook = execute(path, house / "notebooks", {"classifier": first}, more=(told,))
    assert len(outputs(notebook, "application/vnd.jupyter.widget-view+json")) == 2
    (modules,) = outputs(notebook, "stream")
    of = importlib.metadata.packages_distributions()
    used = {canonicalize_name(name) for module in json.loads(modules) for name in of.get(module, ())}
    assert {"onnxruntime", "pillow", "ipywidgets", "pydantic"} <= used
    assert used - needed_by([f"{name}=={pin}" for name, pin in pins("binder/requirements.txt").items()]) == set()


def test_a_binder_installs_what_is_pinned_elsewhere_exactly_so():
    asked = [line for line in (ROOT / "binder" / "requirements.txt").read_text().splitlines() if line[:1] not in "#"]
    binder = pins("binder/requirements.txt")
    assert len(asked) == len(binder)
    known = pins("requirements.txt") | pins("requirements-train.txt") | pins("requirements-dev.txt")
    assert {name: known.get(name) for name in binder} == binder
    assert not {"torch", "gradio", "fastai"} & needed_by([f"{name}=={pin}" for name, pin in binder.items()])
    assert (ROOT / "binder" / "runtime.txt").read_text().strip() == "python-3.12"
    assert "[build-system]" not in (ROOT / "pyproject.toml").read_text()  # a Binder would install the project, then


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return build_house(tmp_path_factory.mktemp("home") / "house")


@pytest.fixture(scope="module")
def url(house):
    with voila(house / "notebooks" / "play.ipynb") as url:
        yield url


@pytest.fixture(scope="module")
def page(browser, url):
    """The notebook in Voilà, open."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.route("https://**/*", lambda route: route.abort())  # Voilà's icons come from elsewhere; ours do not
    page = context.new_page()
    page.goto(url, timeout=WAIT)
    expect(word(page)).to_have_text("Well?", timeout=WAIT)
    yield page
    context.close()


def word(page):
    return page.locator(".bcob-word")


def give(page, file) -> None:
    """Choose a file, in a page or in a frame of one."""
    with (page if hasattr(page, "expect_file_chooser") else page.page).expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a picture").click()
    chooser.value.set_files(file)


@pytest.mark.parametrize("width", [1200, 400])
def test_a_picture_gets_its_verdict_and_the_code_is_hidden(page, draw, width):
    page.set_viewport_size({"width": width, "height": 900})
    for verdict in ("beer can", "bacon", "both", "neither"):
        give(page, draw(verdict))
        expect(word(page)).to_have_text(verdict)
        expect(page.locator(".bcob-words")).to_have_text("Very sure.")
        assert page.locator(".bcob-frame img").evaluate("(image) => image.naturalWidth") == 320
    give(page, {"name": "broken.jpg", "mimeType": "image/jpeg", "buffer": b"not a picture"})
    expect(word(page)).to_have_text("Hm.")
    expect(page.locator(".bcob-words")).to_have_text("That file is not a picture we can read. Try a JPEG, PNG or WebP.")
    expect(page.locator(".bcob-frame img")).to_be_hidden()
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    box = page.locator(".bcob-panel").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert "import" not in page.locator("body").inner_text()


def test_an_example_and_where_the_classifier_looked(page):
    picture = page.locator(".bcob-frame img")
    page.get_by_role("button", name="Example 2").click()  # beer_can_1.jpg, behind bacon_1.jpg
    expect(word(page)).to_have_text("beer can")
    plain = picture.get_attribute("src")
    where = page.get_by_role("button", name="Where it looked")
    where.click()
    expect(picture).not_to_have_attribute("src", plain)
    give(page, {"name": "empty.jpg", "mimeType": "image/jpeg", "buffer": b""})
    expect(page.locator(".bcob-words")).to_contain_text("That file is empty.")
    expect(where).to_be_disabled()


def test_a_file_that_is_too_large_is_told_so_and_the_next_one_is_looked_at(page, draw, tmp_path):
    (tmp_path / "large.jpg").write_bytes(bytes(MAX_BYTES + 1))
    give(page, tmp_path / "large.jpg")
    expect(page.locator(".bcob-words")).to_contain_text("larger than 20 MB")
    give(page, draw("bacon"))
    expect(word(page)).to_have_text("bacon")


@pytest.fixture
def blog(tmp_path, url):
    """Somebody's page on another origin, with the notebook in an iframe."""
    with static_site.blog(tmp_path, f'<iframe src="{url}" width="600" height="700"></iframe>') as address:
        yield address


def test_in_an_iframe_of_another_origin_a_picture_gets_its_verdict(browser, blog, url, draw):
    context = browser.new_context(viewport={"width": 640, "height": 720})
    context.route("https://**/*", lambda route: route.abort())
    page = context.new_page()
    page.goto(blog, timeout=WAIT)
    frame = page.wait_for_selector("iframe").content_frame()
    assert frame.url.startswith(url)
    expect(word(frame)).to_have_text("Well?", timeout=WAIT)
    give(frame, draw("bacon"))
    expect(word(frame)).to_have_text("bacon")
    context.close()
