"""Fine-tune the late stages and the head on cached feature maps: one run of a fastai Learner, in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from fastai.vision.all import (
    Adam,
    BCEWithLogitsLossFlat,
    BnFreeze,
    Callback,
    DataLoaders,
    Learner,
    MixUp,
    set_seed,
)
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

from .augmented import AugmentedMaps, FeatureMaps
from .cut import Parts, classifiers_of, cut
from .recipe import Recipe

VERSION = 2  # of this code; another one trains again
PRIOR = 10  # pictures; so many say that a feature varies as all do: of few pictures, one that never varied may leap


class LateNetwork(nn.Sequential):
    """What is trained: a map of the early stages [n, channels, h, w] -> one logit per label [n, labels]."""

    def __init__(self, parts: Parts):
        super().__init__(parts.late, parts.head)
        self.local = parts.local


class AverageWeights(Callback):
    """Finish with the mean of the weights over the last part of the training, drawn back towards where they began.

    The mean (Izmailov et al. 2018, SWA) and the way back (Wortsman et al. 2022, WiSE-FT) make a model of few pictures
    err less on sources that it was not trained on.
    """

    def __init__(self, start: float, back: float) -> None:
        self.start, self.back = start, back

    def before_fit(self) -> None:
        self.first = [w.clone() for w in self.weights()]
        self.mean: list[torch.Tensor] | None = None
        self.steps = 0

    def after_step(self) -> None:
        if self.pct_train < self.start:
            return
        self.steps += 1
        if self.mean is None:
            self.mean = [w.clone() for w in self.weights()]
        else:
            torch._foreach_lerp_(self.mean, self.weights(), 1 / self.steps)

    def before_validate(self) -> None:
        if self.mean is not None and self.epoch == self.n_epoch - 1:
            torch._foreach_lerp_(self.mean, self.first, self.back)
            for weight, mean in zip(self.weights(), self.mean, strict=True):
                weight.copy_(mean)

    def weights(self) -> list[torch.Tensor]:
        """What is trained, without its gradients."""
        return [p.detach() for p in self.model.parameters() if p.requires_grad]


def start_head(
    net: LateNetwork, classifiers: Sequence[nn.Linear | nn.Conv2d], seen: Dataset, c: float, device: str
) -> None:
    """Begin the head where logistic regression on the frozen features ends, so that no step is spent on noise.

    classifiers: the layers to begin. seen: what the early stages say, float32 [channels, h, w], each with its targets,
    0 or 1, float32 [labels]. c: 1 / the L2 penalty beside the mean loss.
    """
    net.eval()
    features: list[list[np.ndarray]] = [[] for _ in classifiers]
    targets: list[np.ndarray] = []
    hooks = [
        layer.register_forward_pre_hook(lambda _, given, into=into: into.append(given[0].flatten(1).cpu().numpy()))
        for layer, into in zip(classifiers, features, strict=True)
    ]
    with torch.inference_mode():
        # a generator of its own: looking must not move the random numbers that the training draws
        for maps, target in DataLoader(seen, batch_size=64, generator=torch.Generator()):
            net(maps.to(device, memory_format=torch.channels_last))
            targets.append(target.numpy())
    for hook in hooks:
        hook.remove()
    for layer, given in zip(classifiers, map(np.concatenate, features), strict=True):  # [n, features]
        begin(layer, given, np.concatenate(targets), c)


def begin(classifier: nn.Linear | nn.Conv2d, features: np.ndarray, targets: np.ndarray, c: float) -> None:
    """Logistic regression on features of variance 1, a label at a time.

    features: float32 [n, in]; targets: 0 or 1, float32 [n, out]; c: 1 / the L2 penalty beside the mean loss.
    """
    variance, count = features.var(0), len(features)
    mean, scale = features.mean(0), np.sqrt((count * variance + PRIOR * variance.mean()) / (count + PRIOR))
    scaled = (features - mean) / scale
    with torch.no_grad():
        for label in range(targets.shape[1]):
            regression = LogisticRegression(C=c / count, max_iter=300).fit(scaled, targets[:, label])
            weight = regression.coef_[0] / scale
            classifier.weight[label] = torch.from_numpy(weight).view_as(classifier.weight[label])
            classifier.bias[label] = float(regression.intercept_[0] - weight @ mean)


def train_late(
    model: nn.Module, maps: torch.Tensor, targets: np.ndarray, train: np.ndarray, valid: np.ndarray,
    recipe: Recipe, *, epochs: int, seed: int, device: str,
) -> Learner:  # fmt: skip
    """Fine-tune the late stages and the head on cached maps, one cycle. The model is trained in place.

    model: a timm model with as many outputs as targets has columns; its early stages stay as they are.
    maps: what they say, float16 [pictures, views, channels, h, w]; halves are paired only where they are maps.
    train, valid: indices into maps and targets.
    """
    set_seed(seed, reproducible=True)
    parts = cut(model, recipe.late, recipe.size)
    if not parts.is_map:
        recipe = replace(recipe, pairs=0, start_pairs=0)
    net = LateNetwork(parts).to(device, memory_format=torch.channels_last)
    hard = torch.from_numpy(targets).float()
    plain, pairs = FeatureMaps(maps, hard, train), AugmentedMaps(maps, hard, train, 1, recipe.shown)
    some = torch.randperm(len(train))[: round(recipe.start_pairs * len(train))].tolist()
    start_head(net, classifiers_of(model), plain + Subset(pairs, some), recipe.start_c, device)
    for module in net.modules():  # ImageNet's statistics are better than a batch's of so few pictures
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.requires_grad_(False)
    smooth = torch.from_numpy(targets * (1 - recipe.smoothing) + recipe.smoothing / 2).float()
    dls = DataLoaders.from_dsets(
        AugmentedMaps(maps, smooth, train, recipe.pairs, recipe.shown),
        FeatureMaps(maps, hard, valid),
        bs=recipe.batch, device=torch.device(device), num_workers=0,
        drop_last=(len(train) % recipe.batch == 1, False),  # MixUp has nothing to mix a picture alone with
    )  # fmt: skip
    learner = Learner(
        dls, net, loss_func=BCEWithLogitsLossFlat(), opt_func=Adam, wd=recipe.weight_decay, train_bn=False,
        cbs=[BnFreeze(), MixUp(recipe.mixup), AverageWeights(recipe.average_from, recipe.back)],
    )  # fmt: skip
    if device == "cuda":
        learner.to_fp16()
    with learner.no_logging(), learner.no_bar():
        learner.fit_one_cycle(epochs, lr_max=recipe.lr)
    return learner


def answers(learner: Learner, maps: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The logits, float32 [n, labels], and those of every place, float32 [n, labels, h, w] (1 x 1 without places)."""
    late, head = net = learner.model.eval()
    device = next(head.parameters()).device
    logits, local = [], []
    with torch.inference_mode():
        for batch in maps.split(64):
            x = late(batch.to(device).float())
            logits.append(head(x))
            local.append(net.local(x, logits[-1]))
    return torch.cat(logits).cpu().numpy(), torch.cat(local).cpu().numpy()
