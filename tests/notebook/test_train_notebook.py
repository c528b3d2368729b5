"""notebooks/train.ipynb: from a fork's words to a published model, and a review in it that remembers."""

import json
import re
from html import unescape

import nbformat
import pytest
from conftest import ROOT
from notebook_house import build_house, execute, outputs, voila
from playwright.sync_api import expect
from search_server import SearchServer
from training_pictures import CLASSES_TOML, found_scenes, write_data

from beercan_or_bacon.notebook.project import Project
from beercan_or_bacon.training.classes import load_classes
from beercan_or_bacon.training.table import read_reviews, read_table, write_table

NOTEBOOK = ROOT / "notebooks" / "train.ipynb"
WAIT = 120_000  # ms, for a kernel on a busy machine
expect.set_options(timeout=60_000)

FORK = '''
from beercan_or_bacon.notebook.project import Project

project = Project(r"FOLDER")
project.write("""
title = "Tin or stripe?"
[[class]]
label = "tin"
search = ["tin"]
[[class]]
label = "stripe"
search = ["stripe"]
[neither]
search = ["photo"]
""")
'''


def cell(name: str) -> str:
    (source,) = (cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.id == name)
    return source


def test_its_own_words_are_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope = {}
    exec(cell("words").replace("../mine", "mine"), scope)
    classes = load_classes(tmp_path / "mine" / "classes.toml")
    assert classes.labels == ("beer can", "bacon")
    assert {group.like for group in classes.groups} == {"", "beer can", "bacon"}
    # Openverse answers 20 works a page, 240 a query, and 200 searches a day: what the notebook says it takes
    assert 12 * sum(map(len, classes.searches.values())) <= 200


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_another_words_cell_makes_another_model(tmp_path, hub, monkeypatch, capsys):
    with SearchServer() as server:
        server.pictures.update(found_scenes("tin", "stripe", "photo"))
        monkeypatch.setenv("OPENVERSE", server.url)
        monkeypatch.setenv("HF_TOKEN", "hf_write")
        mistakes = ("project.write('title = 3')", "project.run('fit', '--epochs', '0')")
        words = FORK.replace("FOLDER", str(tmp_path / "fork"))
        notebook = execute(NOTEBOOK, ROOT / "notebooks", {"words": words}, more=mistakes)
    about = json.loads((tmp_path / "fork" / "model" / "classifier.json").read_text())
    assert (about["title"], about["labels"]) == ("Tin or stripe?", ["tin", "stripe"])
    printed = "".join(outputs(notebook, "stream"))
    assert re.search(r"pictures: *100%\|.*36/36", printed)
    assert "\x1b[A" not in printed
    assert "Nothing is published." in printed
    sheet, report = (unescape(html) for html in outputs(notebook, "text/html") if "srcdoc" in html)
    assert "What cleaning made of it" in sheet
    assert "How good is “Tin or stripe?”?" in report
    assert len(outputs(notebook, "image/png")) == 1  # the confusion matrix
    assert outputs(notebook, "application/vnd.jupyter.widget-view+json")
    wrong_words, wrong_fit = (cell.outputs[-1] for cell in notebook.cells[-2:])
    assert wrong_words.traceback[0].startswith(f"{tmp_path / 'fork' / 'classes.toml'} has ")  # and nothing of Python's
    assert wrong_fit.traceback == ["This cell has stopped; the lines above say why. Run it again to go on from here."]
    assert "--epochs 0 trains nothing" in "".join(outputs(notebook, "stream"))

    Project(tmp_path / "fork").publish(model="user/tins")
    assert "model.onnx" in hub.repos["models/user/tins"].head.files
    assert "MODEL=user/tins" in capsys.readouterr().out


@pytest.fixture
def sitting(tmp_path):
    """The notebook's review alone, over five pictures: (its path, their data folder)."""
    house = build_house(tmp_path / "house")
    mine = tmp_path / "mine"
    data = write_data(mine / "data", per_label=2)
    write_table(data, read_table(data)[:5])
    start = ("import sys; sys.path.insert(0, '..')\nfrom beercan_or_bacon.notebook.project import Project\n"
             f"project = Project({str(mine)!r})\nproject.write({CLASSES_TOML!r})")  # fmt: skip
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(part) for part in (start, cell("review"))])
    path = house / "notebooks" / "sitting.ipynb"
    nbformat.write(notebook, path)
    return path, data


def test_a_review_of_five_pictures_is_there_when_the_browser_comes_back(browser, sitting):
    path, data = sitting
    titles = [record.title for record in read_table(data)]

    def visit():
        context = browser.new_context()
        context.route("https://**/*", lambda route: route.abort())
        page = context.new_page()
        page.goto(url, timeout=WAIT)
        return page

    def press(name: str, then: str) -> None:
        page.get_by_role("button", name=name, exact=True).click()
        shows(then)

    def shows(title: str) -> None:
        """Its words come before its buttons; until then there are those of the picture before."""
        expect(page.get_by_text(title)).to_be_visible(timeout=WAIT)
        expect(page.get_by_role("button", name="Later", exact=True)).to_have_attribute("title", title, timeout=WAIT)

    with voila(path) as url:
        page = visit()
        shows(titles[0])
        expect(page.get_by_role("button", name="Undo")).to_be_disabled()
        page.get_by_role("button", name="Keep", exact=True).dblclick()  # which says nothing of the second picture
        shows(titles[1])
        press("Drop", titles[2])
        press("It is neither", titles[3])
        press("Undo", titles[2])
        press("It is bacon", titles[3])
        press("Later", titles[4])
        assert len(read_reviews(data)) == 3
        page.context.close()

        page = visit()
        shows(titles[3])
        press("Keep", titles[4])
        page.get_by_role("button", name="Drop", exact=True).click()
        expect(page.get_by_text("Nothing is left to look at.")).to_be_visible()
        page.context.close()
        page = visit()
        expect(page.get_by_text("Nothing is left to look at.")).to_be_visible(timeout=WAIT)
        page.context.close()
    found = {record.title: (record.label, record.decision) for record in read_table(data)}
    labels = {record.title: record.label for record in read_table(data)}
    assert found == {
        titles[0]: (labels[titles[0]], "keep"), titles[1]: (labels[titles[1]], "drop"),
        titles[2]: ("bacon", "keep"), titles[3]: (labels[titles[3]], "keep"), titles[4]: (labels[titles[4]], "drop"),
    }  # fmt: skip
    assert len(read_reviews(data)) == 5
