"""What is published answers as what was trained, and loads where it says it does."""

import json
import shutil
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import onnx
import onnxruntime
import pytest
import timm
import torch
from PIL import Image

from beercan_or_bacon.errors import DataError
from beercan_or_bacon.serving.classifier import Classifier, fit_to_square
from beercan_or_bacon.training.evaluation import read_evaluation
from beercan_or_bacon.training.learn import export as exporting
from beercan_or_bacon.training.learn.backbone import fresh_model
from beercan_or_bacon.training.learn.fitted import save_fit
from beercan_or_bacon.training.learn.weights import find_weights
from beercan_or_bacon.training.stage_key import sha256_of
from beercan_or_bacon.training.table import append_review, read_reviews
from tests.evaluations import EVALUATION
from tests.test_train import ROOT, small_disk
from tests.training_pictures import CLASSES, CLASSES_TOML, draw_picture

ARCH = "tf_efficientnet_lite0"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A finished fit: the pretrained backbone with a head of chance that is sure of itself."""
    data = tmp_path_factory.mktemp("data")
    (data / "fit").mkdir()
    torch.manual_seed(0)
    model = fresh_model(find_weights(ARCH), 2)
    torch.nn.init.normal_(model.get_classifier().weight, std=0.1)
    settings = {
        "mark": "one", "arch": ARCH, "model_args": [{"global_pool": "catavgmax"}],
        "labels": CLASSES.labels, 
        "input": {"size": 96, "resize": "pad", "interpolation": "bicubic", "fill": [255, 255, 255]},
        "mean": [0.5] * 3, "std": [0.5] * 3, "evaluation": asdict(EVALUATION), "training": {"pictures": {"bacon": 3}},
        "versions": {"torch": "2"},
    }  # fmt: skip
    save_fit(data / "fit", model.state_dict(), settings)
    Image.new("RGB", (4, 4)).save(data / "fit" / "calibration.png")
    append_review(data, "0" * 64, "bacon", "drop")
    return data


@pytest.fixture(scope="module")
def out(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "model"
    exporting.export(CLASSES, data, out)
    return out


@pytest.fixture(scope="module")
def pictures():
    chance = np.random.default_rng(0)
    drawn = [draw_picture(label, chance) for label in ("beer can", "bacon", "neither") for _ in range(5)]
    return [*drawn, Image.fromarray(chance.integers(0, 256, (80, 120, 3), np.uint8))]


def test_the_classifier_answers_as_the_trained_model(data, out, pictures):
    model, settings = exporting.load_fitted(data)
    classifier = Classifier(out)
    heads = []
    for picture in pictures:
        square = np.asarray(fit_to_square(picture, classifier.description.input), np.float32)
        x = torch.from_numpy((square / 255 - settings["mean"]) / settings["std"]).float().permute(2, 0, 1)[None]
        with torch.inference_mode():
            expected = model(x).sigmoid()[0].numpy()
        prediction = classifier.predict(picture)
        assert np.abs(np.array(list(prediction.probabilities.values())) - expected).max() < 0.01
        assert prediction.heatmap.shape == (2, 3, 3)
        assert prediction.heatmap.min() >= 0
        assert prediction.heatmap.max() <= 1
        heads.append(expected)
    assert np.ptp(heads, axis=0).min() > 0.02  # the answers differ, so that agreement means something


def test_pictures_in_a_batch_answer_as_alone(out, pictures):
    classifier = Classifier(out)
    squares = np.stack([np.asarray(fit_to_square(p, classifier.description.input)) for p in pictures[:4]])
    session = onnxruntime.InferenceSession(out / "model.onnx")  # the classifier's own takes one picture at a time
    together = session.run(["probabilities"], {"image": squares})[0]
    alone = [classifier.session.run(["probabilities"], {"image": one[None]})[0][0] for one in squares]
    assert np.allclose(together, alone, atol=1e-4)


def test_the_strongest_place_of_the_heat_map_is_the_answer(out, pictures):
    prediction = Classifier(out).predict(pictures[0])
    assert np.allclose(prediction.heatmap.max((1, 2)), list(prediction.probabilities.values()), atol=1e-3)


def test_weights_are_stored_as_half(out):
    graph = onnx.load(out / "model.onnx").graph
    assert (out / "model.onnx").stat().st_size < 7_500_000
    large = [w for w in graph.initializer if np.prod(w.dims) >= 1024]
    assert large
    assert {w.data_type for w in large} == {onnx.TensorProto.FLOAT16}


def test_timm_loads_what_is_published(data, out):
    model, _ = exporting.load_fitted(data)
    loaded = timm.create_model(f"local-dir:{out}", pretrained=True).eval()
    x = torch.rand(1, 3, 96, 96)
    with torch.inference_mode():
        assert torch.equal(loaded(x), model(x))
    assert list(loaded.pretrained_cfg["input_size"]) == [3, 96, 96]


def test_description_and_plots_are_there(out):
    description = json.loads((out / "classifier.json").read_text(encoding="utf-8"))
    assert description["labels"] == ["beer can", "bacon"]
    assert description["title"] == CLASSES.title
    assert (description["thresholds"], description["close"]) == ([0.4, 0.6], [[0.3, 0.5], [0.5, 0.7]])
    assert description["sentences"] == list(EVALUATION.sentences)
    assert description["metrics"] == EVALUATION.metrics()
    assert description["metrics"]["bacon: found"] == {"value": 0.9, "low": 0.8, "high": 0.95, "text": "90 % (80 to 95)"}
    assert description["known_failures"] == {"found as “soda can”": "5 of 20 pictures are called something"}
    assert read_evaluation(out) == EVALUATION
    assert (out / "calibration.png").exists()
    assert not list(out.glob("*.tmp"))


def test_what_a_person_decided_lies_beside_the_model_for_whoever_trains_again(data, out):
    assert read_reviews(out) == read_reviews(data)
    assert len(read_reviews(out)) == 1


def test_decisions_of_another_model_do_not_stay(data, out, tmp_path):
    shutil.copytree(data, of_a_fork := tmp_path / "data", ignore=shutil.ignore_patterns("reviews.csv"))
    shutil.copytree(out, there := tmp_path / "model")
    (there / "classifier.json").unlink()
    exporting.export(CLASSES, of_a_fork, there)
    assert not (there / "reviews.csv").exists()


def test_a_second_export_does_no_work(data, out, capsys):
    before = (out / "model.onnx").stat().st_mtime_ns
    exporting.export(CLASSES, data, out)
    assert "nothing has changed" in capsys.readouterr().out
    assert (out / "model.onnx").stat().st_mtime_ns == before


def test_what_lies_there_is_exported_again_unless_it_is_this_very_model(data, tmp_path, capsys):
    out = tmp_path / "model"
    exporting.export(CLASSES, data, out)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    for name, content in (("model.onnx", b"of another export that was killed"), ("config.json", None)):
        (out / name).unlink() if content is None else (out / name).write_bytes(content)
        exporting.export(CLASSES, data, out)
        assert "nothing has changed" not in capsys.readouterr().out
        assert {path.name: path.read_bytes() for path in out.iterdir()} == first


@pytest.mark.parametrize("broken", [b"", b"no safetensors", b"\xff" * 300, None])
def test_broken_weights_are_told_and_nothing_is_written(broken, data, tmp_path):
    copy = shutil.copytree(data, tmp_path / "data")
    weights = copy / "fit" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] if broken is None else broken)
    with pytest.raises(DataError, match=r"no finished fit.*train\.py fit"):
        exporting.export(CLASSES, copy, tmp_path / "out")
    settings = json.loads((copy / "fit" / "fit.json").read_text()) | {"weights": sha256_of(weights)}
    (copy / "fit" / "fit.json").write_text(json.dumps(settings))  # vouched for, and broken all the same
    with pytest.raises(DataError, match=r"model\.safetensors cannot be loaded.*train\.py fit"):
        exporting.export(CLASSES, copy, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_fit_of_other_words_is_not_exported_under_these(data, tmp_path):
    other = replace(CLASSES, labels=("teapot", "spoon"))
    with pytest.raises(DataError, match=r"tells beer can, bacon; the words are teapot, spoon now.*train\.py fit"):
        exporting.export(other, data, tmp_path / "out")


def test_no_fit_is_told(tmp_path):
    with pytest.raises(DataError, match=r"train\.py fit"):
        exporting.export(CLASSES, tmp_path, tmp_path / "out")


@pytest.mark.timeout(600)
def test_a_full_disk_is_told_and_leaves_what_was_there(data, tmp_path):
    (tmp_path / "classes.toml").write_text(CLASSES_TOML)
    out = tmp_path / "model"
    out.mkdir()
    (out / "model.onnx").write_bytes(b"an earlier one")
    arguments = [sys.executable, "train.py", "export", "--data", str(data), "--out", str(out),
                 "--classes", str(tmp_path / "classes.toml")]  # fmt: skip
    run = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, preexec_fn=lambda: small_disk(1_000_000))
    assert run.returncode == 1
    assert f"{out / 'model.onnx'}: File too large" in run.stderr
    assert "run the same command again" in run.stderr
    assert "Traceback" not in run.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {"model.onnx": b"an earlier one"}
