"""“Was this wrong?” on the static page: kept in the browser, taken along as a ZIP that the trainer reads."""

from __future__ import annotations

import zipfile

from conftest import COLOURS
from PIL import Image
from playwright.sync_api import expect
from static_site import choose

from beercan_or_bacon.training.classes import load_classes
from beercan_or_bacon.training.collect.visitors import take_in
from beercan_or_bacon.training.table import read_table
from tests.training_pictures import CLASSES_TOML


def test_pictures_stay_in_the_browser_and_leave_as_a_zip(page, tmp_path):
    exif = Image.Exif()
    exif[0x010E] = "my kitchen"
    for name in ("bacon", "beer can"):
        path = tmp_path / f"{name}.jpg"
        Image.new("RGB", (2400, 1600), COLOURS[name]).save(path, exif=exif, quality=95)
        choose(page, path)
        page.click("#ask")
        expect(page.locator("#wrong button", has_text="Close")).to_have_count(1)
        assert not page.locator("#wrong").get_by_role("button", name=name, exact=True).count()  # what it said already
        page.locator("#wrong").get_by_role("button", name="neither").click()
        expect(page.locator("#asked")).to_contain_text("Kept as neither.")
    page.reload()  # they are still there
    page.wait_for_selector("#loading", state="hidden")
    choose(page, path)
    page.click("#ask")
    expect(page.locator("#asked")).to_contain_text("2 kept so far")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download ZIP").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        first, *pictures = archive.namelist()
        assert first == "wrong.csv"
        for name in pictures:
            with archive.open(name) as file, Image.open(file) as picture:
                assert picture.size == (1024, 683)
                assert not picture.getexif()
    (tmp_path / "classes.toml").write_text(CLASSES_TOML)
    (tmp_path / "data").mkdir()
    assert take_in(load_classes(tmp_path / "classes.toml"), tmp_path / "data", str(download.value.path())) == 2
    assert {record.label for record in read_table(tmp_path / "data")} == {"neither"}
    page.get_by_role("button", name="Forget them").click()
    expect(page.locator("#asked")).to_have_text("Forgotten.")
