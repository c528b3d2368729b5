"""One small network of each of timm's families: weights from a Hub, a fit, an export, and the same answer in ONNX."""

import json

import numpy as np
import pytest
import timm
import torch
from hub_server import Hub
from safetensors.torch import save
from timm.models import get_pretrained_cfg

from beercan_or_bacon.errors import ModelError
from beercan_or_bacon.serving import check
from beercan_or_bacon.serving.classifier import Classifier, fit_to_square
from beercan_or_bacon.serving.pictures import open_picture
from beercan_or_bacon.training.learn import fit as fitting
from beercan_or_bacon.training.learn.cut import cut
from beercan_or_bacon.training.learn.export import export
from beercan_or_bacon.training.learn.published import refuse_unexportable
from tests.training_pictures import CLASSES, write_data

# the side of the heat map; None where the network has no places
FAMILIES = {
    "convnextv2_atto": 7, "mobilenetv4_conv_small": 7, "hgnetv2_b0": 7, "efficientvit_b0": 7, "tiny_vit_5m_224": 7,
    "fastvit_t8": 8, "repvit_m0_9": 7, "regnetx_002": 7, "resnet10t": 6, "efficientnet_lite0": 7, "ghostnetv2_100": 7,
    "edgenext_xx_small": 8, "levit_128s": 4, "efficientformerv2_s0": 7, "vit_tiny_patch16_224": 14, "mobilevit_xxs": 8,
    "mambaout_femto": 7, "coat_lite_tiny": None,
}  # fmt: skip


@pytest.fixture
def trained(monkeypatch):
    """The Learners that a fit trains, in order; few looks, two parts held out and no report drawn."""
    learners, train_late = [], fitting.train_late
    recipe = fitting.Recipe(views=1)
    monkeypatch.setattr(fitting, "Recipe", lambda: recipe)
    monkeypatch.setattr(fitting, "FOLDS", 2)
    monkeypatch.setattr(fitting, "left_out", lambda _: {})
    monkeypatch.setattr(fitting, "write_report", lambda *_: None)
    monkeypatch.setattr(fitting, "train_late", lambda *a, **k: learners.append(train_late(*a, **k)) or learners[-1])
    return learners


def random_weights(model: torch.nn.Module, size: tuple[int, int, int]) -> dict[str, torch.Tensor]:
    """A new network's, its batch norms used to noise: else what comes out of many layers is next to nothing."""
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = None  # the mean over all batches
    with torch.no_grad():
        model.train()((torch.rand(4, *size) - 0.5) / 0.25)  # about as a normalised picture of noise is
    return {name: tensor.contiguous().clone() for name, tensor in model.state_dict().items()}


@pytest.mark.slow
@pytest.mark.parametrize(("arch", "side"), FAMILIES.items())
def test_a_network_is_fetched_fitted_and_published(arch, side, hub: Hub, trained, tmp_path):
    torch.manual_seed(0)
    cfg = get_pretrained_cfg(arch)
    tensors = random_weights(timm.create_model(arch), cfg.input_size)
    repo = hub.add(cfg.hf_hub_id, {"model.safetensors": save(tensors), "README.md": b"---\nlicense: mit\n---\n"})
    data, out = write_data(tmp_path / "data"), tmp_path / "model"
    fitting.fit(CLASSES, data, arch=arch, epochs=1, seed=0, device="cpu")
    export(CLASSES, data, out)

    described = json.loads((out / "classifier.json").read_text(encoding="utf-8"))
    found = {"source": cfg.hf_hub_id, "revision": repo.head.sha, "licence": "mit"}
    assert described["training"]["weights"] == [found]
    assert described["input"]["size"] == cfg.input_size[-1]
    assert described["heatmap"] == (side is not None)
    check.test(out)

    classifier, settings = Classifier(out), json.loads((data / "fit" / "fit.json").read_text(encoding="utf-8"))
    reloaded = timm.create_model(f"local-dir:{out}", pretrained=True).eval()
    early = cut(reloaded, fitting.Recipe().late, classifier.description.input.size).early.eval()
    learned = trained[-1].model.eval()
    for path in sorted((data / "pictures").iterdir())[::15]:
        picture = open_picture(path, classifier.description.input.keep)
        prediction = classifier.predict(picture)
        square = np.asarray(fit_to_square(picture, classifier.description.input), np.float32) / 255
        x = torch.from_numpy((square - settings["mean"]) / settings["std"]).float().permute(2, 0, 1)[None]
        with torch.inference_mode():
            for expected in (learned(early(x)), reloaded(x)):  # the Learner, and what timm loads from the Hub
                assert np.abs([*prediction.probabilities.values()] - expected.sigmoid()[0].numpy()).max() < 0.01
        assert (prediction.heatmap.shape[1:] if side else prediction.heatmap) == ((side, side) if side else None)


def test_what_cannot_be_exported_is_refused_before_training():
    from timm.models.volo import VOLO

    # its attention folds patches back (col2im), which ONNX has from opset 18 on
    model = VOLO(layers=[1, 1, 1, 1], img_size=64, num_classes=2, embed_dims=[32] * 4, num_heads=[2] * 4).eval()
    model.pretrained_cfg = {"architecture": "volo_small"}
    with pytest.raises(ModelError, match=r"volo_small cannot be published as ONNX.*col2im"):
        refuse_unexportable(model, cut(model, 0.2, 64).places, 64, (0.5,) * 3, (0.5,) * 3)


def test_what_answers_otherwise_than_by_linear_layers_is_refused():
    with pytest.raises(ModelError, match=r"crossvit_9_240.*Choose another --arch"):
        cut(timm.create_model("crossvit_9_240", num_classes=2), 0.2, 240)


@pytest.mark.parametrize(("places", "layout"), [("swin", "NHWC"), ("vit", "NLC")])
def test_a_layout_with_channels_last_is_cut_too(places, layout):
    from timm.models import SwinTransformer, VisionTransformer

    torch.manual_seed(0)
    model = {
        "swin": lambda: SwinTransformer(
            64, 4, num_classes=2, embed_dim=16, depths=(1, 2), num_heads=(2, 2), window_size=4
        ),
        "vit": lambda: VisionTransformer(64, 16, num_classes=2, embed_dim=32, depth=4, num_heads=2),
    }[places]().eval()
    parts = cut(model, 0.2, 64)
    x = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        features = parts.late(parts.early(x))
        answer = parts.head(features)
        local = parts.local(features, answer)
    assert parts.places.layout == layout
    assert torch.allclose(answer, model(x), atol=1e-5)
    assert local.shape[2] == local.shape[3] > 1
    assert torch.allclose(local.amax((2, 3)), answer, atol=1e-5)
    assert 0 < sum(p.numel() for p in parts.late.parameters()) < sum(p.numel() for p in model.parameters())
