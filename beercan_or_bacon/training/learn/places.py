"""The places of a network's features: what its head says of each one alone is a heat map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from timm.layers import SelectAdaptivePool2d
from torch import nn


@dataclass(frozen=True)
class Places:
    """The places of a network's features, and what its head says of each one alone.

    layout: of the features: "NCHW" and "NHWC" are maps, "NLC" the tokens of a square grid, row by row.
    prefix: how many tokens of an NLC stand before the grid's.
    linears: the classifier, where the head is a pooling of a map and this and nothing else; of networks side by side
        one each, for the channels that are theirs.
    poolings: how many of a channel it reads: 1, or the mean and the maximum.
    """

    layout: str
    prefix: int = 0
    linears: tuple[nn.Linear, ...] = ()
    poolings: int = 1

    def to_map(self, x: torch.Tensor) -> torch.Tensor:
        """Features -> [n, channels, h, w]; tokens with others before them are a single row."""
        if self.layout == "NHWC":
            return x.permute(0, 3, 1, 2)
        if self.layout == "NLC":
            x = x.transpose(1, 2)
            return x.unsqueeze(2) if self.prefix else x.unflatten(2, (int(x.shape[2] ** 0.5), -1))
        return x

    def from_map(self, x: torch.Tensor) -> torch.Tensor:
        """The way back."""
        if self.layout == "NHWC":
            return x.permute(0, 2, 3, 1)
        return x.flatten(2).transpose(1, 2) if self.layout == "NLC" else x

    def logits(self, head: nn.Module, features: torch.Tensor, answer: torch.Tensor) -> torch.Tensor:
        """How strongly each place speaks for each label; the strongest says what the whole picture does.

        answer: float32 [n, labels], what the head says of the features. Returns float32 [n, labels, h, w]: a class
        activation map (Zhou et al. 2016), or for another head what it says of a picture that is this place everywhere,
        shifted so that its peak is the answer.
        """
        if self.linears:
            weights = [linear.weight.unflatten(1, (self.poolings, -1)).mean(1) for linear in self.linears]
            weight = torch.cat(weights, 1)[:, :, None, None] / len(weights)  # [labels, channels, 1, 1]
            # of what is behind the channels, the maxima of Cells, there is no place
            local = nn.functional.conv2d(self.to_map(features)[:, : weight.shape[1]], weight)
        else:
            grid = Places(self.layout).to_map(features[:, self.prefix :] if self.prefix else features)
            one = grid.permute(0, 2, 3, 1).flatten(0, 2)  # [n * h * w, channels]
            if self.layout == "NLC":
                one = one[:, None].expand(-1, self.prefix + 1, -1)
            else:
                one = one[:, None, None] if self.layout == "NHWC" else one[:, :, None, None]
            local = head(one).unflatten(0, (-1, *grid.shape[2:])).permute(0, 3, 1, 2)
        return local - local.amax((2, 3), keepdim=True) + answer[:, :, None, None]


def places_in(x: object, prefix: int) -> Places | None:
    """Where the places of a network's features lie; None for what is neither a map nor the tokens of a square grid."""
    if not isinstance(x, torch.Tensor):
        return None
    if x.ndim == 4:
        return Places("NHWC" if x.shape[1] == x.shape[2] != x.shape[3] else "NCHW")
    if x.ndim == 3 and round((x.shape[1] - prefix) ** 0.5) ** 2 == x.shape[1] - prefix:
        return Places("NLC", prefix)
    return None


def places_of(features: torch.Tensor, prefix: int, head: nn.Module) -> Places | None:
    """The places of features of which a head can say something each."""
    places = places_in(features, prefix)
    if places is None:
        return None
    if linear := pooled_linear(head):
        channels = places.to_map(features).shape[1]
        places = replace(places, linears=(linear,), poolings=linear.in_features // channels)
    local = places.logits(head, features, head(features))
    return places if local.ndim == 4 and min(local.shape[2:]) > 1 else None


def pooled_linear(head: nn.Module) -> nn.Linear | None:
    """The classifier of a head that is a pooling of a map and a linear layer, and nothing else."""
    match sorted(steps_of(head), key=lambda layer: isinstance(layer, nn.Linear)):
        case [SelectAdaptivePool2d(), nn.Linear() as linear]:
            return linear
    return None


def steps_of(module: nn.Module) -> Iterator[nn.Module]:
    """Its layers that change numbers when it answers; a pooling is one."""
    if isinstance(module, SelectAdaptivePool2d) or next(module.children(), None) is None:
        if not isinstance(module, nn.Identity | nn.Dropout | nn.Flatten):
            yield module
    else:
        for child in module.children():
            yield from steps_of(child)
