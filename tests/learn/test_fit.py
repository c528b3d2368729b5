"""The fit: groups apart, the same twice, skipped when nothing changed, and good at what is easy."""

import ast
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fastai.vision.all import Learner
from safetensors.torch import load_file

from beercan_or_bacon.training.evaluation import WHICH, evaluation_of
from beercan_or_bacon.training.learn import cross_validate as cross_validation
from beercan_or_bacon.training.learn import examples as picking
from beercan_or_bacon.training.learn import features, unlike
from beercan_or_bacon.training.learn import fit as fitting
from beercan_or_bacon.training.learn.augmented import AugmentedMaps
from beercan_or_bacon.training.learn.backbone import (
    best_device,
    create_backbone,
    fresh_model,
    frozen,
)
from beercan_or_bacon.training.learn.cut import cut
from beercan_or_bacon.training.learn.examples import kept_examples
from beercan_or_bacon.training.learn.fine_tune import train_late
from beercan_or_bacon.training.learn.fitted import finished_fit
from beercan_or_bacon.training.learn.weights import find_weights
from beercan_or_bacon.training.stage_key import constants_of
from beercan_or_bacon.training.table import read_table, write_table
from tests.training_pictures import CLASSES, write_data

ARCH = "tf_efficientnet_lite0"


@pytest.fixture
def small(monkeypatch):
    """Small pictures, few views, two parts held out: the same path, in seconds."""
    recipe = fitting.Recipe(size=96, views=1)
    monkeypatch.setattr(fitting, "Recipe", lambda: recipe)
    monkeypatch.setattr(fitting, "FOLDS", 2)
    return recipe


def test_cutting_changes_no_answer():
    model = fresh_model(find_weights(ARCH), 2).eval()
    parts = cut(model, 0.2, 96)
    picture = torch.rand(2, 3, 96, 96)
    with torch.inference_mode():
        in_three = parts.head(parts.late(parts.early(picture)))
        assert torch.allclose(in_three, model(picture), atol=1e-4)
    shares = [sum(p.numel() for p in part.parameters()) for part in (parts.early, parts.late)]
    assert shares[0] > 0
    assert shares[1] / sum(shares) >= 0.2


def test_frozen_stages_say_the_same_in_the_other_runtime():
    early = cut(create_backbone(ARCH).eval(), 0.2, 96).early
    pictures = torch.rand(3, 3, 96, 96)
    with torch.inference_mode():
        expected = early(pictures)
    assert torch.allclose(frozen(early, 96, "cpu")(pictures), expected, atol=1e-3)


def test_the_strongest_place_says_what_the_picture_does():
    model = fresh_model(find_weights(ARCH), 2)
    torch.nn.init.normal_(model.classifier.weight)
    parts = cut(model, 0.2, 96)
    maps = torch.zeros(1, 1280, 3, 4)
    maps[0, :, 1, 2] = model.classifier.weight[0].detach().unflatten(0, (2, -1)).mean(0).clamp(min=0)  # label 0, there
    with torch.inference_mode():
        answer = parts.head(maps)
        places = parts.local(maps, answer)
    assert places.shape == (1, 2, 3, 4)
    assert torch.allclose(places.amax((2, 3)), answer)
    assert places[0, 0].argmax() == 1 * 4 + 2


@pytest.mark.usefixtures("small")
def test_fit_is_good_repeatable_and_skipped(tmp_path, capsys, monkeypatch):
    for setting, small in [("FOLDS", 2), ("ENOUGH", 5)]:
        monkeypatch.setattr(unlike, setting, small)
    folders = [write_data(tmp_path / name) for name in ("one", "two")]
    for data in folders:
        fitting.fit(CLASSES, data, arch=ARCH, epochs=2, seed=3, device="cpu")
    one, two = (load_file(data / "fit" / "model.safetensors") for data in folders)
    assert all(torch.equal(one[name], two[name]) for name in one)  # same data, seed, machine: same model

    found = evaluation_of(json.loads((folders[0] / "fit" / "fit.json").read_text())["evaluation"])
    assert found.figure("right", "", WHICH).by_picture.value > 0.9
    assert list(found.unlike) == ["the 3 largest sources"]
    assert (folders[0] / "fit" / "losses.csv").read_text().count("\n") == 46
    capsys.readouterr()
    fitting.fit(CLASSES, folders[0], arch=ARCH, epochs=2, seed=3, device="cpu")
    assert "nothing has changed" in capsys.readouterr().out


class Stop(Exception):
    """The moment at which a test stops a fit."""


def run_fit(data):
    fitting.fit(CLASSES, data, arch=ARCH, epochs=1, seed=3, device="cpu")


def looked_at(monkeypatch, stop=None):
    """The pictures that the network sees from now on; at the one of that number everything stops."""
    seen, look = [], features.frozen

    def frozen(*arguments):
        run = look(*arguments)

        def counted(views):
            if len(seen) == stop:
                raise Stop
            seen.append(views)
            return run(views)

        return counted

    monkeypatch.setattr(features, "frozen", frozen)
    return seen


def trained(monkeypatch, stop=None):
    """The trainings from now on; the one of that number is never begun."""
    runs, train = [], cross_validation.train_late

    def counted(*arguments, **settings):
        if len(runs) == stop:
            raise Stop
        runs.append(settings)
        return train(*arguments, **settings)

    for module in (cross_validation, fitting):
        monkeypatch.setattr(module, "train_late", counted)
    return runs


@pytest.mark.usefixtures("small")
def test_a_fit_that_is_stopped_goes_on_to_the_same_model(tmp_path, monkeypatch, capsys):
    whole, stopped = (write_data(tmp_path / name, per_label=6) for name in ("whole", "stopped"))
    monkeypatch.setattr(picking, "FOLDS", 2)
    run_fit(whole)
    for counter, stop in ((looked_at, 7), (trained, 1), (trained, 1)):
        with monkeypatch.context() as patched:
            counter(patched, stop)
            with pytest.raises(Stop):
                run_fit(stopped)
        assert not (stopped / "fit" / "fit.json").exists()
    capsys.readouterr()
    with monkeypatch.context() as patched:
        seen, runs = looked_at(patched), trained(patched)
        run_fit(stopped)
        assert (len(seen), len(runs)) == (0, 1)  # both parts were kept: all that was left is the training on everything
    said = capsys.readouterr().err
    assert "18 of 18 looked at before" in said
    assert "2 of 2 parts done before" in said
    for name in ("model.safetensors", "losses.csv", "report.html", "fit.json"):
        assert (stopped / "fit" / name).read_bytes() == (whole / "fit" / name).read_bytes(), name


@pytest.mark.usefixtures("small")
def test_of_one_picture_more_only_that_one_is_looked_at(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(picking, "FOLDS", 2)
    data = write_data(tmp_path / "data", per_label=6)
    records = read_table(data)
    write_table(data, records[1:])
    run_fit(data)
    write_table(data, records)
    capsys.readouterr()
    seen, runs = looked_at(monkeypatch), trained(monkeypatch)
    run_fit(data)
    assert "17 of 18 looked at before" in capsys.readouterr().err
    assert (len(seen), len(runs)) == (1, 3)


def test_features_are_kept_by_all_that_they_depend_on(tmp_path, monkeypatch, small):
    examples = kept_examples(CLASSES, write_data(tmp_path / "data"))[:2]
    early = cut(fresh_model(find_weights(ARCH), 2), small.late, small.size).early
    seen = looked_at(monkeypatch)

    def look(recipe=small, mean=(0.5,) * 3, seed=0):
        settings = {"seed": seed, "device": "cpu", "folder": tmp_path / "features"}
        return features.cache_features(early, examples, recipe, mean, (0.5,) * 3, **settings)

    first = look()
    assert torch.equal(look(), first)
    assert len(seen) == 2
    for other in ({"recipe": replace(small, views=2)}, {"recipe": replace(small, fill=(0, 0, 0))}, {"seed": 1},
                  {"recipe": replace(small, size=128)}, {"mean": (0.4,) * 3}):  # fmt: skip
        before = len(seen)
        assert not torch.equal(look(**other), first)
        assert len(seen) == before + 2
    for path in (tmp_path / "features").rglob("*.npy"):
        path.write_bytes(b"\x93NUMPY half a file")  # what a disk that fails may leave
    before = len(seen)
    assert torch.equal(look(), first)
    assert len(seen) == before + 2
    next(early.parameters()).data.add_(1)
    assert not torch.equal(look(), first)
    assert len(seen) == before + 4


def test_a_last_batch_of_one_picture_is_no_trouble(small):
    number = small.batch + 1
    maps = torch.rand(number, 2, 192, 2, 2).half()
    targets = np.eye(2, dtype=np.float32)[np.arange(number) % 2]
    model, everything = fresh_model(find_weights(ARCH), 2), np.arange(number)
    train_late(model, maps, targets, everything, everything[:0], small, epochs=1, seed=0, device="cpu")
    assert all(torch.isfinite(weight).all() for weight in model.parameters())


@pytest.mark.usefixtures("small")
def test_weights_of_another_run_are_not_vouched_for(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(picking, "FOLDS", 2)
    data = write_data(tmp_path / "data", per_label=6)
    run_fit(data)
    weights = data / "fit" / "model.safetensors"
    mine = weights.read_bytes()
    weights.write_bytes(bytes([*mine[:-1], mine[-1] ^ 1]))
    assert finished_fit(data / "fit") is None
    run_fit(data)
    assert "nothing has changed" not in capsys.readouterr().out
    assert weights.read_bytes() == mine
    # killed between the report of another fit and its weights: nothing may pass for finished
    monkeypatch.setattr(fitting, "save_fit", lambda *_: (_ for _ in ()).throw(Stop))
    with pytest.raises(Stop):
        fitting.fit(CLASSES, data, arch=ARCH, epochs=2, seed=3, device="cpu")
    assert finished_fit(data / "fit") is None


def test_late_training_is_a_fastai_learner_that_leaves_early_stages_and_batch_norm_alone(small):
    model = fresh_model(find_weights(ARCH), 2)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    early = cut(model, small.late, small.size).early
    maps = torch.rand(24, 2, 192, 2, 2).half()
    targets = np.eye(2, dtype=np.float32)[np.arange(24) % 2]
    learner = train_late(model, maps, targets, np.arange(16), np.arange(16, 24), small, epochs=1, seed=0, device="cpu")
    assert isinstance(learner, Learner)
    after = model.state_dict()
    moved = {name for name in after if not torch.equal(after[name], before[name])}
    kept = {id(p) for p in early.parameters()}
    assert moved
    assert not any(id(dict(model.named_parameters()).get(name)) in kept for name in moved)
    assert not any("bn" in name for name in moved)
    assert "conv_head.weight" in moved
    assert "classifier.weight" in moved


def test_whatever_the_fit_depends_on_makes_it_run_again(tmp_path):
    examples = kept_examples(CLASSES, write_data(tmp_path / "data"))
    recipe = fitting.Recipe()
    marks = [
        fitting.fingerprint(CLASSES, examples, recipe, ARCH, 3, 0),
        fitting.fingerprint(CLASSES, examples[1:], recipe, ARCH, 3, 0),
        fitting.fingerprint(CLASSES, examples, replace(recipe, size=64), ARCH, 3, 0),
        fitting.fingerprint(CLASSES, examples, recipe, "resnet18", 3, 0),
        fitting.fingerprint(CLASSES, examples, recipe, ARCH, 4, 0),
        fitting.fingerprint(CLASSES, examples, recipe, ARCH, 3, 1),
    ]
    assert len(set(marks)) == len(marks)
    assert fitting.fingerprint(CLASSES, examples[::-1], recipe, ARCH, 3, 0) == marks[0]


def test_no_constant_of_the_fit_is_forgotten():
    """Whatever its modules write in capitals changes the fit's key, or is named here with the reason why not."""
    harmless = {
        "cut": {"CANNOT"}, "weights": {"AS_OURS"}, "examples": {"MORE"},  # what is said
        "features": {"BATCH"},  # how many pictures are decoded at a time
        "export": ..., "published": ..., "gallery": ..., "fit": ...,  # stages after it, and what is listed here
        "plots": {"PLAIN"},  # a table of colours, without a name for each
    }  # fmt: skip
    keyed = {module.__name__.rsplit(".", 1)[1]: set(constants_of(module)) for module in fitting.MEASURED_BY}
    room = Path(fitting.__file__).parent
    for path in [*room.glob("*.py"), room.parent / "evaluation.py"]:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        targets = [node.targets[0] if isinstance(node, ast.Assign) else node.target
                   for node in body if isinstance(node, ast.Assign | ast.AnnAssign)]  # fmt: skip
        named = [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
        written = {name for name in named if name.isupper()}
        known = {name.rsplit(".", 1)[1] for name in keyed.get(path.stem, ())}
        if (spared := harmless.get(path.stem, set())) is not ...:
            assert written <= known | spared, path.stem


@pytest.mark.parametrize("module", fitting.MEASURED_BY, ids=lambda module: module.__name__.rsplit(".", 1)[1])
def test_a_constant_changed_is_another_fit(module, tmp_path, monkeypatch):
    examples = kept_examples(CLASSES, write_data(tmp_path / "data"))[:3]

    def keys():
        return (
            fitting.fingerprint(CLASSES, examples, fitting.Recipe(), ARCH, 3, 0),
            fitting.fold_key(examples, torch.nn.Identity(), seed=0),
        )

    before = keys()
    for name in constants_of(module):
        with monkeypatch.context() as patched:
            patched.setattr(module, name.rsplit(".", 1)[1], "another")
            after = keys()
            assert after[0] != before[0], name
            assert (after[1] != before[1]) == (module in fitting.TRAINED_BY), name
    assert keys() == before


def test_pairs_show_the_middles_of_both_pictures():
    maps = torch.zeros(2, 1, 1, 5, 5)
    maps[0], maps[1] = 1, 3
    maps[..., (0, -1)] = maps[..., (0, -1), :] = 9  # the rim is left out where the pictures meet
    pairs = AugmentedMaps(maps.half(), torch.eye(2), np.arange(2), pairs=1.0)
    torch.manual_seed(0)
    seen = [pairs[0] for _ in range(40)]
    assert all(x.shape == (1, 5, 5) and target[0] == 1 for x, target in seen)
    both = [x[0] for x, target in seen if target.sum() == 2]
    assert {(int(x[2, 0]), int(x[2, 4]), int(x[0, 2]), int(x[4, 2])) for x in both} == {(1, 3, 9, 9), (9, 9, 1, 3)}


def test_labels_are_drawn_alike_and_as_often_as_the_recipe_says():
    maps = torch.zeros(100, 1, 1, 2, 2).half()
    targets = torch.zeros(100, 2)
    targets[:2, 0], targets[2:10, 1] = 1, 1
    drawn = AugmentedMaps(maps, targets, np.arange(100), pairs=0, shown=0.5)
    torch.manual_seed(0)
    shares = torch.stack([drawn[0][1] for _ in range(4000)]).mean(0)
    assert shares.tolist() == pytest.approx([0.25, 0.25], abs=0.03)


@pytest.mark.parametrize(("cuda", "mps", "best"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_the_best_device_is_chosen(cuda, mps, best, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert best_device() == best
