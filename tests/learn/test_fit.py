"""The fit: groups apart, the same twice, skipped when nothing changed, and good at what is easy."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from fastai.vision.all import Learner
from safetensors.torch import load_file

from beercan_or_bacon.errors import DataError
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
from beercan_or_bacon.training.learn.examples import folds_of, joined_sources, kept_examples
from beercan_or_bacon.training.learn.fine_tune import train_late
from beercan_or_bacon.training.learn.fitted import finished_fit
from beercan_or_bacon.training.learn.weights import find_weights
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


def test_pictures_of_one_source_stay_together(tmp_path):
    records = read_table(write_data(tmp_path / "data"))
    # one picture that two searches found, by two people: it ties their pictures together
    twice = replace(records[0], label="bacon", creator="bacon 0")
    write_table(tmp_path / "data", [*records, twice])
    examples = kept_examples(CLASSES, tmp_path / "data")
    assert {e.record.sha256: e.target for e in examples}[twice.sha256] == (1, 1)
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


def with_sources(data, source):
    """The same pictures, each by the one that source(label, number) names."""
    records = read_table(write_data(data))
    per_label = len(records) // 3
    write_table(data, [replace(r, creator=source(r.label, n % per_label)) for n, r in enumerate(records)])
    return data


def test_sources_that_hang_together_count_once(tmp_path):
    data = with_sources(tmp_path / "data", lambda label, number: f"{label} {number % 5}")
    assert len(kept_examples(CLASSES, data)) == 45
    records = read_table(data)
    # found by another search, by way of somebody else's page: two of the five people are one source
    again = [replace(r, creator="bacon 1", url=r.url + "?") for r in records if r.creator == "bacon 0"]
    write_table(data, [*records, *again])
    with pytest.raises(DataError, match=r"“bacon” has pictures from 4 sources; it takes 5"):
        kept_examples(CLASSES, data)


def test_every_part_has_some_of_every_class(tmp_path):
    # one has eleven of fifteen pictures of each class, four have one each
    data = with_sources(tmp_path / "data", lambda label, number: f"{label} {max(0, number - 10)}")
    examples = kept_examples(CLASSES, data)
    targets = np.array([(*example.target, not any(example.target)) for example in examples])
    for seed in range(10):
        for _, valid in folds_of(examples, 5, seed):
            assert targets[valid].any(0).all()


def test_a_class_that_cannot_be_in_every_part_is_told(tmp_path):
    examples = kept_examples(CLASSES, with_sources(tmp_path / "data", lambda label, number: f"{label} {number}"))
    tied = [replace(e, groups=frozenset({"one"})) if e.target == (0, 1) else e for e in examples]
    with pytest.raises(DataError, match="hang together in fewer than 5 sources"):
        folds_of(tied, 5, seed=0)


def test_a_picture_that_is_gone_is_told(tmp_path):
    data = write_data(tmp_path / "data")
    (data / "pictures" / "bacon-3.png").unlink()
    with pytest.raises(DataError, match=r"1 of 45 kept pictures are gone, .*bacon-3.png.*train.py scrape"):
        kept_examples(CLASSES, data)


def test_dropped_pictures_are_not_learned_from(tmp_path):
    data = write_data(tmp_path / "data")
    first, *others = read_table(data)
    write_table(data, [replace(first, decision="drop"), *others])
    assert first.sha256 not in {example.record.sha256 for example in kept_examples(CLASSES, data)}


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
