"""A batch of pictures as Ray hands it over; a folder on Ray, stopped half-way and started again, where Ray is there."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import COLOURS, ROOT, write_tiny_model
from PIL import Image

from beercan_or_bacon.batch import Look
from beercan_or_bacon.serving.classifier import Classifier

predict = Classifier.predict


def rows_of(out: Path) -> dict[str, tuple[str, str]]:
    """path -> verdict and error, of the finished files."""
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = {}
    for file in sorted(out.glob("*.parquet")):
        table = parquet.read_table(file).to_pydict()
        for path, verdict, error in zip(table["path"], table["verdict"], table["error"], strict=True):
            assert path not in rows, f"{path} is there twice"
            rows[path] = (verdict, error)
    return rows


def run(source: Path, out: Path, model: Path, workers: int = 2) -> subprocess.Popen:
    command = [sys.executable, "-m", "beercan_or_bacon.batch", source, out, "--model", model, "--workers", str(workers)]
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True)


def test_a_row_a_picture_and_a_sentence_for_what_is_none(tiny_model, draw):
    content = [draw("bacon").read_bytes(), b"not a picture", draw("both").read_bytes()]
    batch = {"path": np.array(["a", "b", "c"]), "bytes": np.array(content, object)}
    rows = Look(str(tiny_model))(batch)
    assert [list(rows[name]) for name in ("path", "verdict")] == [["a", "b", "c"], ["bacon", "", "both"]]
    assert rows["error"][::2] == ["", ""]
    assert rows["error"][1].startswith("That file is not a picture")
    assert (rows["bacon"] > 0.5).tolist() == [True, False, True]
    assert np.isnan(rows["beer can"]).tolist() == [False, True, False]


def test_a_model_of_many_pixels_gets_them(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(Classifier, "predict", lambda self, picture: shown.append(picture) or predict(self, picture))
    Image.new("RGB", (3000, 2000)).save(file := io.BytesIO(), "JPEG")
    Look(str(write_tiny_model(tmp_path, size=640)))({"path": np.array(["a"]), "bytes": np.array([file.getvalue()])})
    assert 640 <= max(shown[0].size) < 3000


@pytest.mark.timeout(1200)
def test_every_picture_has_one_row_also_after_an_interruption(tiny_model, tmp_path):
    pytest.importorskip("ray", reason="Ray is optional: pip install -r requirements-ray.txt")
    (source := tmp_path / "pictures").mkdir()
    for index in range(400):
        verdict = list(COLOURS)[index % 4]
        Image.new("RGB", (900, 700), COLOURS[verdict]).save(source / f"{index}-{verdict.replace(' ', '_')}.png")
    (source / "broken.jpg").write_bytes(b"not a picture")
    out = tmp_path / "verdicts"
    first = run(source, out, tiny_model)
    while not list(out.glob("*.parquet")) and first.poll() is None:
        time.sleep(0.1)
    first.kill()
    first.wait()
    before = rows_of(out)
    assert run(source, out, tiny_model).wait() == 0
    rows = rows_of(out)
    print(f"{len(before)} of {len(rows)} rows were there when it was killed")
    assert before.items() <= rows.items()
    assert {Path(path).name for path in rows} == {path.name for path in source.iterdir()}
    for path, (verdict, error) in rows.items():
        if path.endswith("broken.jpg"):
            assert verdict == ""
            assert error.startswith("That file is not a picture")
        else:
            assert verdict.replace(" ", "_") == Path(path).stem.split("-")[1]
