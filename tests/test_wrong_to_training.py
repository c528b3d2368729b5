"""From “Was this wrong?” on the static page to a training picture: what a visitor says, a person decides."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT, free_port
from playwright.sync_api import expect
from static_site import choose
from training_pictures import CLASSES, write_data

from beercan_or_bacon.training.learn.examples import kept_examples
from beercan_or_bacon.training.table import read_table

WAIT = 60_000  # ms, on a busy machine


def download_wrong(page, path, tmp_path):
    """Say that a picture of bacon shows both, and take the ZIP along."""
    assert choose(page, path)["verdict"] == "bacon"
    page.click("#ask")
    page.locator("#wrong").get_by_role("button", name="both").click()
    expect(page.locator("#asked")).to_contain_text("Kept as both.", timeout=WAIT)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download ZIP").click()
    download.value.save_as(tmp_path / "wrong.zip")
    return tmp_path / "wrong.zip"


@pytest.fixture
def review(words):
    """review(data, source) -> the address of `train.py review --from source`."""
    started = []

    def review(data, source) -> str:
        command = ["train.py", "review", "--data", data, "--classes", words, "--from", source]
        environment = {**os.environ, "GRADIO_SERVER_PORT": str(free_port()), "GRADIO_ANALYTICS_ENABLED": "False"}
        process = subprocess.Popen(
            [sys.executable, "-u", *map(str, command)], cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE
        )
        started.append(process)
        for line in process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                return found[0]
        raise AssertionError("the review page did not start")

    yield review
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_wrong_picture_becomes_a_training_picture(browser, page, draw, tmp_path, review):
    data = write_data(tmp_path / "data")
    before = kept_examples(CLASSES, data)
    url = review(data, download_wrong(page, draw("bacon"), tmp_path))
    assert kept_examples(CLASSES, data) == before  # nothing is learnt from what nobody has looked at
    (waiting,) = [record for record in read_table(data) if record.provider == "visitor"]
    desk = browser.new_page()
    desk.goto(url)
    expect(desk.get_by_text("1 doubtful pictures left")).to_be_visible(timeout=WAIT)
    expect(desk.get_by_text("a visitor says: both")).to_be_visible()
    expect(desk.get_by_text("Found as beer can and bacon")).to_be_visible()
    desk.keyboard.press("k")  # as the visitor says
    expect(desk.get_by_text("a visitor says: both")).to_be_hidden(timeout=WAIT)
    desk.close()
    (added,) = [e for e in kept_examples(CLASSES, data) if e.record.sha256 == waiting.sha256]
    assert added.target == (1, 1)
    assert added.groups == {"a visitor of the page"}
    assert not [example for example in before if example.groups & added.groups]
    assert added.path.exists()
