"""The settings of a fit, chosen by experiments; benchmarks/README.md has the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...serving.classifier import InputRule


@dataclass(frozen=True)
class Recipe:
    """The settings that experiments chose; benchmarks/README.md has the table."""

    size: int = 320  # pixels, the square's side; for a network that is not packaged its own, as the next two are
    resize: str = "pad"
    interpolation: str = "bicubic"
    fill: tuple[int, int, int] = (255, 255, 255)  # RGB around a picture that is not square
    views: int = 1  # augmented looks at each picture, beside the plain one
    late: float = 0.2  # the share of the backbone's parameters that is trained, at least
    lr: float = 1e-3  # one-cycle peak
    weight_decay: float = 0.05
    batch: int = 64
    mixup: float = 0.8  # alpha of the Beta distribution; acts on feature maps
    smoothing: float = 0.05  # targets are smoothing/2 and 1 - smoothing/2
    pairs: float = 0.1  # share of training pictures seen side by side with another, so that "both" is known
    shown: float = 0.4  # share of the pictures drawn that show a label, the labels alike
    start_pairs: float = 0.25  # how many such pairs, a training picture, the head begins with
    # 1 / the L2 penalty of the logistic regression it begins with, on features of variance 1 and the mean loss
    start_c: float = 15
    average_from: float = 0.5  # weights are averaged over the steps after this share of the training
    back: float = 0.4  # how far that mean is then drawn back towards the weights that training began with

    @property
    def input_rule(self) -> InputRule:
        """How a picture becomes the square that the network sees, in training and when it answers."""
        return InputRule(size=self.size, resize=self.resize, interpolation=self.interpolation, fill=self.fill)


# what is different for networks side by side, which stay as they are
SIDE_BY_SIDE: tuple[tuple[str, Any], ...] = (
    ("size", 384), ("views", 0), ("lr", 1e-4), ("start_pairs", 0.02), ("start_c", 110.0), ("back", 0.8)
)  # fmt: skip
