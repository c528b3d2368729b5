"""KEEP_WRONG: what the Gradio page keeps of a visitor's picture, where, and what it refuses."""

from __future__ import annotations

import csv
import io

import httpx
import pytest
from conftest import COLOURS
from gradio_page import give, keeping_page, word
from PIL import Image
from playwright.sync_api import expect

from beercan_or_bacon.errors import PictureError, ServerError
from beercan_or_bacon.serving import keep
from beercan_or_bacon.serving.keep import Keeper, open_keeper


@pytest.fixture(scope="module")
def keeping(tiny_model, tmp_path_factory):
    """A page whose owner keeps such pictures, and the folder."""
    folder = tmp_path_factory.mktemp("kept")
    with keeping_page(tiny_model, folder, tmp_path_factory.mktemp("temporary")) as url:
        yield url, folder


def rows(folder) -> list[dict[str, str]]:
    return [row for path in sorted(folder.glob("wrong-*.csv")) for row in csv.DictReader(path.open(newline=""))]


def test_a_visitor_says_what_it_is(browser, keeping, tmp_path):
    url, folder = keeping
    exif = Image.Exif()
    exif[0x010E] = "my kitchen"
    Image.new("RGB", (3000, 2000), COLOURS["bacon"]).save(path := tmp_path / "holiday.jpg", exif=exif)
    page = browser.new_page()
    page.goto(url)
    expect(word(page)).to_have_text("Well?", timeout=60_000)
    expect(page.locator("#bcob-upload button").first).to_be_visible()
    expect(page.locator(".bcob-wrong")).to_be_disabled()
    give(page, path)
    expect(word(page)).to_have_text("bacon")
    page.click(".bcob-wrong")
    expect(page.locator(".bcob-ask-words")).to_contain_text("kept in a folder of this page's owner")
    page.locator(".bcob-ask").get_by_role("button", name="Beer can").click()
    expect(page.locator(".bcob-ask-words")).to_have_text("Kept as beer can. Thank you!")
    page.close()
    (row,) = rows(folder)
    assert row["right"] == "beer can"
    with Image.open(folder / row["file"]) as picture:
        assert picture.size == (1024, 683)
        assert not picture.getexif()
    assert "holiday" not in str(list(folder.rglob("*")))


def test_the_keyboard_goes_on_where_the_question_was(browser, keeping, draw):
    url, _ = keeping
    page = browser.new_page()
    page.goto(url)
    expect(page.locator("#bcob-upload button").first).to_be_visible(timeout=60_000)
    give(page, draw("bacon", size=(555, 444)))
    expect(word(page)).to_have_text("bacon")
    wrong, focused = page.locator(".bcob-wrong"), page.locator(":focus")
    wrong.press("Enter")
    expect(focused).to_have_text("Beer can")
    page.locator(".bcob-ask").get_by_role("button", name="Never mind").press("Space")
    expect(page.locator(".bcob-ask")).to_be_hidden()
    expect(focused).to_have_text("Was this wrong?")
    page.keyboard.press("Enter")
    expect(focused).to_have_text("Beer can")
    page.keyboard.press("Enter")
    expect(page.locator(".bcob-ask-words")).to_have_text("Kept as beer can. Thank you!")
    expect(focused).to_have_text("Was this wrong?")
    page.close()


def test_it_takes_a_word_of_ours_and_nothing_else(keeping, draw):
    url, folder = keeping
    picture, before = draw("both", size=(333, 222)).read_bytes(), len(rows(folder))
    for query in ("", "right=dog", "right=bacon&name=me", "right=bacon&right=bacon", "name=me"):
        answer = httpx.post(f"{url}/wrong?{query}", content=picture)
        assert (answer.status_code, "nothing else" in answer.json()["error"]) == (400, True)
    foreign = httpx.post(f"{url}/wrong?right=bacon", content=picture, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert httpx.post(f"{url}/wrong?right=bacon", content=b"no picture").status_code == 400
    assert httpx.post(f"{url}/wrong?right=bacon", content=bytes(21 << 20)).status_code == 413
    assert len(rows(folder)) == before
    for _ in range(2):  # the same picture once
        assert httpx.post(f"{url}/wrong?right=both", content=picture).json() == {"kept": True}
    assert len(rows(folder)) == before + 1


def test_without_the_owners_word_there_is_neither_button_nor_route(server, visit):
    assert httpx.post(f"{server.url}/wrong?right=bacon", content=b"x").status_code in (404, 405)
    assert not visit().locator(".bcob-wrong").count()


def test_the_number_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(keep, "MOST", 2)
    keeper = Keeper(tmp_path, "here")
    for shade in (10, 20, 30):
        Image.new("RGB", (64, 64), (shade, 0, 0)).save(file := io.BytesIO(), "PNG")
        if shade == 30:
            with pytest.raises(PictureError, match="Enough"):
                keeper.keep(file, "bacon")
        else:
            keeper.keep(file, "bacon")
    assert len(list((tmp_path / "pictures").iterdir())) == 2


def test_a_data_set_on_the_hub(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_write")
    monkeypatch.chdir(tmp_path)
    keeper = open_keeper({"KEEP_WRONG": "user/wrong"})
    assert "user/wrong" in keeper.where
    Image.new("RGB", (64, 64), (200, 0, 0)).save(file := io.BytesIO(), "PNG")
    keeper.keep(file, "bacon")
    keeper.scheduler.trigger().result()
    keeper.scheduler.stop()
    pushed = hub.repos["datasets/user/wrong"].head.files
    assert {name.split("/")[0].split("-")[0] for name in pushed} >= {"pictures", "wrong"}


@pytest.mark.usefixtures("hub")
def test_where_nothing_can_be_kept_the_owner_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(ServerError, match="nothing can be kept"):
        open_keeper({"KEEP_WRONG": str(tmp_path / "file")})
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(ServerError, match="cannot be written"):
        open_keeper({"KEEP_WRONG": "user/wrong"})
    assert open_keeper({}) is None
