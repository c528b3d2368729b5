"""The static page in Firefox: each kind of picture gets its word, in a file's way and in an example's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import numpy as np
import pytest
from conftest import ROOT
from firefox import Firefox, firefox
from static_site import VERDICTS, Site

from beercan_or_bacon.serving.classifier import Classifier
from beercan_or_bacon.serving.pictures import open_picture
from beercan_or_bacon.training.publish.static import build_embed


@pytest.fixture
def tab(tmp_path):
    if not (shutil.which("firefox-esr") or shutil.which("firefox")):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Firefox here: apt-get install firefox-esr")
    (profile := tmp_path / "profile").mkdir()
    with firefox(profile) as tab:
        yield tab
        assert not tab.errors


def answer(tab: Firefox, give: Callable[[], object]) -> dict:
    """Do what gives the page a picture; the prediction that it shows then."""
    tab.evaluate("(window.answer = null, document.addEventListener('prediction', (e) => window.answer = e.detail), 0)")
    give()
    return tab.wait("window.answer")


def test_each_kind_of_picture_gets_its_word(tab, site, draw, tmp_path):
    tab.open(site.url)
    for verdict in VERDICTS:
        path = draw(verdict)
        assert answer(tab, lambda path=path: tab.set_files("#file", [path]))["verdict"] == verdict
        assert tab.evaluate("document.getElementById('word').innerText.toLowerCase()") == verdict
    tab.evaluate("document.getElementById('looked').click()")
    assert tab.evaluate("document.getElementById('heat').checkVisibility()")
    for index, verdict in enumerate(VERDICTS):
        click = f"document.querySelectorAll('#examples button')[{index}].click()"
        assert answer(tab, lambda click=click: tab.evaluate(click))["verdict"] == verdict
    (broken := tmp_path / "broken.jpg").write_bytes(b"not a picture")
    tab.set_files("#file", [broken])
    tab.wait("document.getElementById('word').textContent === 'Hm.'")
    assert tab.evaluate("document.getElementById('words').textContent").startswith("That file is not a picture")


@pytest.mark.ours
def test_our_examples_are_answered_as_python_answers_them(tab, tmp_path):
    classifier = Classifier(ROOT / "model")
    site = Site(build_embed(ROOT / "model", tmp_path / "page", []))
    tab.open(site.url)
    for name in ("beer_can_1", "bacon_1", "both_1", "neither_1"):
        path = ROOT / "examples" / f"{name}.jpg"
        expected = classifier.predict(open_picture(path))
        seen = answer(tab, lambda path=path: tab.set_files("#file", [path]))
        assert seen["verdict"] == expected.verdict
        assert np.abs(np.subtract(seen["probabilities"], [*expected.probabilities.values()])).max() < 1e-4
    site.close()
