"""Networks side by side: each sees the picture with weights of its own, and the answer is the mean of what they say.

Two small networks that were pretrained alike err on different pictures, and their mean on fewer than a larger one
(benchmarks/README.md). They stay as they are, so most of their weights are rounded to 8 bits before they see a picture:
what is measured is what is published, at a byte a weight.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ...errors import ModelError
from ..networks import BESIDE

STEPS = 127  # of 8 bits with a sign, on each side of 0
LARGE = 60_000  # weights of a convolution; the others are few, and would pass an error of theirs on through all layers
CELLS = 4  # a side, at most, of the grid of means and maxima that is kept of a picture's maps


class SideBySide(nn.Module):
    """Networks that see the same picture, in the words of a timm model: forward_features, forward_head, get_classifier.

    networks: timm models whose head is a linear layer over the mean and the maximum of a map. The maps lie one behind
    the other, [n, channels of all, h, w].
    """

    def __init__(self, networks: Sequence[nn.Module]):
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.widths = [network.num_features for network in networks]
        self.num_classes = networks[0].num_classes
        names = BESIDE.join(network.pretrained_cfg["architecture"] for network in networks)
        self.pretrained_cfg = {**networks[0].pretrained_cfg, "architecture": names}

    def forward_features(self, pictures: torch.Tensor) -> torch.Tensor:
        """float32 [n, 3, size, size] -> maps."""
        return torch.cat([network.forward_features(pictures) for network in self.networks], 1)

    def forward_head(self, maps: torch.Tensor) -> torch.Tensor:
        """Maps -> logits [n, labels]."""
        return answer(self.get_classifier(), self.widths, maps.mean((2, 3)), maps.amax((2, 3)))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures -> logits [n, labels]."""
        return self.forward_head(self.forward_features(pictures))

    def get_classifier(self) -> list[nn.Module]:
        """The linear layers, one a network."""
        return [network.get_classifier() for network in self.networks]


def answer(
    classifiers: Sequence[nn.Module], widths: Sequence[int], mean: torch.Tensor, highest: torch.Tensor
) -> torch.Tensor:
    """The mean of what the networks say.

    classifiers, widths: of each network the linear layer, and how many of the channels are its own.
    mean, highest: of each channel, [n, channels of all]. Returns logits [n, labels].
    """
    means, maxima = mean.split(widths, 1), highest.split(widths, 1)
    said = [classifier(torch.cat([means[i], maxima[i]], 1)) for i, classifier in enumerate(classifiers)]
    return torch.stack(said).mean(0)


class BesideOneAnother(nn.ModuleList):
    """Makers of maps: pictures [n, 3, size, size] -> the maps of all, one behind the other [n, channels, h, w]."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return torch.cat([network(pictures) for network in self], 1)


class Cells(nn.Module):
    """Maps [n, channels, h, h] -> the mean and the maximum in each cell of a grid [n, 2 * channels, cells, cells].

    That is all that a head which pools them asks, also of one half of a picture, in a tenth of the room.
    """

    def __init__(self, side: int):
        super().__init__()
        cells = max(
            count for count in range(1, CELLS + 1) if side % count == 0
        )  # alike, so that their mean is the map's
        self.width = side // cells  # places

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        pool = nn.functional
        return torch.cat([pool.avg_pool2d(maps, self.width), pool.max_pool2d(maps, self.width)], 1)


class CellsHead(nn.Module):
    """What the networks answer, of Cells: [n, 2 * channels, cells, cells] -> logits [n, labels]."""

    def __init__(self, model: SideBySide):
        super().__init__()
        self.classifiers, self.widths = nn.ModuleList(model.get_classifier()), model.widths

    def forward(self, cells: torch.Tensor) -> torch.Tensor:
        means, maxima = cells.chunk(2, 1)
        return answer(self.classifiers, self.widths, means.mean((2, 3)), maxima.amax((2, 3)))


def side_by_side(networks: Sequence[nn.Module]) -> SideBySide:
    """Stand pretrained networks beside one another. Raises ModelError for those that cannot look or answer together."""
    first, *others = networks
    for other in others:
        for key in ("mean", "std"):
            if first.pretrained_cfg[key] != other.pretrained_cfg[key]:
                raise ModelError(
                    f"{first.pretrained_cfg['architecture']} and {other.pretrained_cfg['architecture']} cannot look at "
                    f"the same picture: their weights expect another {key} of its colours. Choose another --arch."
                )
    model = SideBySide(networks).eval()
    try:
        with torch.inference_mode():
            model(torch.zeros(1, *first.pretrained_cfg["input_size"]))
    except (RuntimeError, IndexError, TypeError, ValueError, AssertionError):  # torch's and timm's
        raise ModelError(
            f"{model.pretrained_cfg['architecture']} cannot answer together: networks side by side have heads that "
            "pool maps of one size. Choose another --arch."
        ) from None
    for network in networks:
        round_weights(network)
    return model.train()


def round_weights(network: nn.Module) -> None:
    """Round the weights of each output of the large convolutions to 8 bits: STEPS steps up to the largest of them."""
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d) and layer.weight.numel() >= LARGE:
                largest = layer.weight.abs().amax((1, 2, 3), keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
                layer.weight.copy_((layer.weight * STEPS / largest).round() * (largest / STEPS))
