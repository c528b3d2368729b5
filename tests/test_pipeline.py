"""From search terms to a model that answers, without a hand on it; and a second run that has nothing to do."""

import json

import numpy as np
import pytest
from search_server import SearchServer
from training_pictures import SCENES_TOML, draw_scene, found_scenes

import train
from beercan_or_bacon.__main__ import main as classify

EACH = 12

pytestmark = pytest.mark.timeout(900)  # the networks are real ones, and the machine may be busy


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One run of train.py from nothing, its folder and the search server's log."""
    folder = tmp_path_factory.mktemp("pipeline")
    (folder / "classes.toml").write_text(SCENES_TOML)
    with SearchServer() as server:
        server.pictures.update(found_scenes("can", "bacon", "photo", EACH))
        arguments = [
            "--classes", str(folder / "classes.toml"), "--data", str(folder / "data"), "--out", str(folder / "model"),
            "--openverse", server.url, "--epochs", "2", "--device", "cpu",
        ]  # fmt: skip
        assert train.main(arguments) == 0
        yield folder, server, arguments


def test_the_model_answers(run, tmp_path, capsys):
    folder, _, _ = run
    chance = np.random.default_rng(8)
    labels = ["beer can", "bacon", "neither"] * 4
    pictures = [tmp_path / f"{number}.png" for number in range(len(labels))]
    for label, picture in zip(labels, pictures, strict=True):
        draw_scene(label, chance).save(picture)
    assert classify([*map(str, pictures), "--model", str(folder / "model"), "--json"]) == 0
    verdicts = [json.loads(line)["verdict"] for line in capsys.readouterr().out.splitlines()]
    right = sum(label == verdict for label, verdict in zip(labels, verdicts, strict=True))
    assert right >= 10, list(zip(labels, verdicts, strict=True))


def test_the_model_says_what_it_is(run):
    folder, _, _ = run
    about = json.loads((folder / "model" / "classifier.json").read_text())
    assert about["title"] == "Can or stripes?"
    assert about["labels"] == ["beer can", "bacon"]
    assert (folder / "model" / "model.onnx").stat().st_size <= 10_000_000


def test_a_second_run_does_no_work(run):
    folder, server, arguments = run
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    asked = len(server.requests)
    assert train.main(arguments) == 0
    assert len(server.requests) == asked
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {str(path) for path in before if before[path] != after.get(path)} == set()
    assert set(after) == set(before)


def test_a_stage_without_what_it_needs_says_which_to_run(tmp_path, capsys):
    assert train.main(["export", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "model")]) == 1
    said = capsys.readouterr().err
    assert "train.py fit" in said
    assert "Traceback" not in said
    assert not (tmp_path / "model").exists()
