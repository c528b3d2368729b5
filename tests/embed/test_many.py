"""Many pictures at once in the static page: the grid, its orders, its table, and what a tile opens."""

from __future__ import annotations

import base64
import csv

import pytest
from conftest import COLOURS
from PIL import Image
from playwright.sync_api import expect
from static_site import VERDICTS, answer


@pytest.fixture
def album(tmp_path):
    """Two of each verdict, one that is doubtful, and one that cannot be read; in the order of their names."""
    for index, verdict in enumerate(VERDICTS * 2):
        Image.new("RGB", (400, 300), COLOURS[verdict]).save(tmp_path / f"{index}.jpg", quality=95)
    Image.new("RGB", (400, 300), (110, 20, 20)).save(tmp_path / "8 doubtful.png")
    (tmp_path / '9 "broken", a.jpg').write_bytes(b"not a picture")
    (tmp_path / "=1+1.jpg").write_bytes(b"")
    return sorted(tmp_path.iterdir())


def names(page) -> list[str]:
    return page.locator("#tiles small").all_inner_texts()


def finished(page) -> None:
    expect(page.locator("#sum")).to_contain_text("pictures:", timeout=60_000)


def test_a_grid_fills_and_each_tile_opens_its_verdict(page, album):
    page.set_input_files("#file", album)
    expect(page.locator("#sum")).to_contain_text("11 pictures")
    finished(page)
    assert page.inner_text("#sum") == "11 pictures: 2 beer can, 3 bacon, 2 both, 2 neither, 2 not readable."
    assert page.is_hidden("#looked-at")
    order = names(page)
    assert order[0] == "8 doubtful.png"  # least sure first
    assert set(order[-2:]) == {"=1+1.jpg", '9 "broken", a.jpg'}
    expect(page.locator(".unread", has_text="broken")).to_contain_text("not a picture we can read")
    assert page.locator(".unread button").evaluate_all("all => all.every((button) => button.disabled)")

    tile = page.locator("#tiles button", has_text="5.jpg")
    prediction = answer(page, tile.click)
    assert prediction["verdict"] == "bacon" == page.inner_text("#word").lower()
    assert tile.get_attribute("aria-pressed") == "true"
    expect(page.locator("#word")).to_be_in_viewport()
    page.click("#looked")
    assert page.is_visible("#heat")


def test_the_orders_and_the_table(page, album):
    page.set_input_files("#file", album)
    finished(page)
    page.select_option("#order", "given")
    assert names(page) == [path.name for path in album]
    page.select_option("#order", "verdict")
    words = [text.lower() for text in page.locator("#tiles li:not(.unread) b").all_inner_texts()]
    assert words == ["beer can"] * 2 + ["bacon"] * 3 + ["both"] * 2 + ["neither"] * 2
    with page.expect_download() as download:
        page.click("#table")
    with open(download.value.path(), newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file", "verdict", "beer can", "bacon", "error"]
    assert [row["file"].lstrip("'") for row in rows] == [path.name for path in album]
    assert not [row["file"] for row in rows if row["file"].startswith("=")]
    by_name = {row["file"]: row for row in rows}
    assert by_name["1.jpg"]["verdict"] == "bacon"
    assert float(by_name["1.jpg"]["bacon"]) > 0.9
    assert "picture we can read" in by_name['9 "broken", a.jpg']["error"]


def test_more_are_added_and_the_grid_closes(page, album, draw):
    page.set_input_files("#file", album[:2])
    page.set_input_files("#file", album[2:4])
    finished(page)
    assert len(names(page)) == 4
    assert answer(page, lambda: page.set_input_files("#file", draw("both")))["verdict"] == "both"  # one is one
    assert len(names(page)) == 4
    page.click("#shut")
    assert page.is_hidden("#many")
    page.set_input_files("#file", album[:2])
    finished(page)
    assert len(names(page)) == 2
    assert page.inner_text("#sum").startswith("2 pictures:")


def test_no_more_than_a_few_are_open_at_a_time(page, album):
    worker = page.workers[0]
    worker.evaluate("""() => {
        self.open = self.most = 0;
        const make = self.createImageBitmap;
        self.createImageBitmap = async (...all) => {
            if (!(all[0] instanceof Blob)) return make(...all);  // warming up takes a pixel, no picture
            self.most = Math.max(self.most, ++self.open);
            const bitmap = await make(...all).catch((error) => { self.open--; throw error; });
            const close = bitmap.close;
            bitmap.close = () => (self.open--, close.call(bitmap));
            return bitmap;
        };
    }""")
    page.set_input_files("#file", album * 3)
    finished(page)
    assert worker.evaluate("self.most") <= 2
    assert worker.evaluate("self.open") == 0


def test_five_hundred_are_the_most(page, draw):
    picture = draw("bacon", size=(8, 8))
    page.evaluate("""async (data) => {
        const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0)), transfer = new DataTransfer();
        for (let i = 0; i < 510; i++) transfer.items.add(new File([bytes], `${i}.jpg`, { type: "image/jpeg" }));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }""", base64.b64encode(picture.read_bytes()).decode())  # fmt: skip
    expect(page.locator("#sum")).to_contain_text("10 were left out")
    assert page.locator("#tiles li").count() == 500
