"""train.py review --from: visitors' pictures wait for a person, whatever else lies beside them."""

from __future__ import annotations

import io
import zipfile

import pytest
from PIL import Image

from beercan_or_bacon.errors import DataError
from beercan_or_bacon.training.classes import load_classes
from beercan_or_bacon.training.clean.decide import judge
from beercan_or_bacon.training.clean.desk import Desk
from beercan_or_bacon.training.collect.visitors import take_in
from beercan_or_bacon.training.learn.examples import source_of
from beercan_or_bacon.training.table import SEVERAL, read_table
from tests.training_pictures import CLASSES_TOML


@pytest.fixture
def classes(tmp_path):
    (tmp_path / "classes.toml").write_text(CLASSES_TOML)
    return load_classes(tmp_path / "classes.toml")


def picture(shade: int, **save) -> bytes:
    Image.effect_noise((200, 150), shade).convert("RGB").save(file := io.BytesIO(), "JPEG", **save)
    return file.getvalue()


def archive(path, files: dict[str, bytes]) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in files.items():
            written.writestr(name, content)
    return str(path)


def test_a_person_decides_and_then_they_are_training_pictures(classes, tmp_path):
    data = tmp_path / "data"
    table = b"file,right\r\npictures/a.jpg,bacon\r\npictures/b.jpg,both\r\npictures/c.jpg,neither\r\n"
    files = {f"pictures/{name}.jpg": picture(shade) for name, shade in (("a", 20), ("b", 40), ("c", 60))}
    source = archive(tmp_path / "wrong.zip", {"wrong.csv": table, **files})
    assert take_in(classes, data, source) == 3
    assert take_in(classes, data, source) == 0  # they are here already
    records = read_table(data)
    assert [record.label for record in records] == ["bacon", f"beer can{SEVERAL}bacon", "neither"]
    assert {record.decision for record in records} == {"drop"}
    assert records[1].title == "a visitor says: both"
    assert judge(classes, records, {}) == records  # the machine decides nothing
    desk = Desk(classes, data)
    assert len(desk.left) == 3
    assert desk.current().counts
    first = desk.current().record
    desk.decide(first.sha256, "bacon", "keep")
    kept = [record for record in read_table(data) if record.decision == "keep"]
    assert [(record.sha256, record.label) for record in kept] == [(first.sha256, "bacon")]
    assert len({source_of(record) for record in records}) == 1


def test_hostile_files_stay_outside(classes, tmp_path, capsys):
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(picture(80))
    table = "file,right\r\n" + "".join(
        f"{name},bacon\r\n"
        for name in ("../secret.jpg", str(secret), "link.jpg", "bomb.jpg", "text.jpg", "missing.jpg", "good.jpg")
    )
    table += "good2.jpg,dog\r\n"
    folder = tmp_path / "folder"
    folder.mkdir()
    files = {
        "wrong.csv": table.encode(),
        "bomb.jpg": bytes(30_000_000),
        "text.jpg": b"<script>",
        "good.jpg": picture(50),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "link.jpg").symlink_to(secret)
    for number, source in enumerate((str(folder), archive(tmp_path / "hostile.zip", files))):
        data = tmp_path / f"data-{number}"
        assert take_in(classes, data, source) == 1
        assert [path.name for path in (data / "pictures").iterdir()] == [f"{read_table(data)[0].sha256}.jpg"]
    out = capsys.readouterr().out
    assert "too large" in out
    assert "outside of what was given" in out
    assert not (tmp_path / "data-0" / "secret.jpg").exists()


@pytest.mark.parametrize("kind", ["empty folder", "no zip", "no table", "nothing"])
def test_what_is_no_such_source_is_said(classes, tmp_path, kind):
    source = tmp_path / "source"
    if kind == "empty folder":
        source.mkdir()
    elif kind == "no table":
        source.mkdir()
        (source / "wrong.csv").write_text(f"file,right\r\n{'a' * 200_000},bacon\r\n")
    elif kind == "no zip":
        source.write_bytes(b"PK but no ZIP")
    with pytest.raises(DataError):
        take_in(classes, tmp_path / "data", str(source))
