"""The fit: groups apart, the same twice, skipped when nothing changed, and good at what is easy."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from fastai.vision.all import Learner
from safetensors.torch import load_file

from beercan_or_bacon.errors import DataError
from beercan_or_bacon.training.learn import fit as fitting
from beercan_or_bacon.training.learn.augmented import AugmentedMaps
from beercan_or_bacon.training.learn.backbone import (
    best_device,
    create_backbone,
    fresh_model,
    frozen,
)
from beercan_or_bacon.training.learn.cut import cut
from beercan_or_bacon.training.learn.examples import folds_of, joined_sources, kept_examples
from beercan_or_bacon.training.learn.fine_tune import train_late
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
    model = fresh_model(ARCH, 2).eval()
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
    model = fresh_model(ARCH, 2)
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


def test_pictures_of_one_source_stay_together(tmp_path):
    records = read_table(write_data(tmp_path / "data"))
    # one picture that two searches found, by two people: it ties their pictures together
    twice = replace(records[0], label="bacon", creator="bacon 0")
    write_table(tmp_path / "data", [*records, twice])
    examples = kept_examples(CLASSES, tmp_path / "data")
    assert examples[0].target == (1, 1)
    sources = joined_sources(examples)
    assert len(set(sources)) == 14
    for train, valid in folds_of(examples, 5, seed=0):
        assert not set(sources[train]) & set(sources[valid])
        assert sorted([*train, *valid]) == list(range(len(examples)))


def test_too_few_sources_are_told(tmp_path):
    data = write_data(tmp_path / "data")
    write_table(data, [replace(r, creator="one") if r.label == "bacon" else r for r in read_table(data)])
    with pytest.raises(DataError, match=r"“bacon” has pictures from 1 sources.*classes\.toml"):
        kept_examples(CLASSES, data)


def test_dropped_pictures_are_not_learned_from(tmp_path):
    data = write_data(tmp_path / "data")
    first, *others = read_table(data)
    write_table(data, [replace(first, decision="drop"), *others])
    assert first.sha256 not in {example.record.sha256 for example in kept_examples(CLASSES, data)}


@pytest.mark.usefixtures("small")
def test_fit_is_good_repeatable_and_skipped(tmp_path, capsys):
    folders = [write_data(tmp_path / name) for name in ("one", "two")]
    for data in folders:
        fitting.fit(CLASSES, data, arch=ARCH, epochs=2, seed=3, device="cpu")
    one, two = (load_file(data / "fit" / "model.safetensors") for data in folders)
    assert all(torch.equal(one[name], two[name]) for name in one)  # same data, seed, machine: same model

    metrics = json.loads((folders[0] / "fit" / "fit.json").read_text())["metrics"]
    assert metrics["accuracy between the classes"]["value"] > 0.9
    assert (folders[0] / "fit" / "losses.csv").read_text().count("\n") == 46
    capsys.readouterr()
    fitting.fit(CLASSES, folders[0], arch=ARCH, epochs=2, seed=3, device="cpu")
    assert "nothing has changed" in capsys.readouterr().out


def test_late_training_is_a_fastai_learner_that_leaves_early_stages_and_batch_norm_alone(small):
    model = fresh_model(ARCH, 2)
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


@pytest.mark.parametrize(("cuda", "mps", "best"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_the_best_device_is_chosen(cuda, mps, best, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert best_device() == best
