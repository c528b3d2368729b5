"""Fine-tune the late stages and the head on cached feature maps: one run of a fastai Learner, in seconds."""

from __future__ import annotations

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
from .backbone import cut, place_logits
from .recipe import Recipe


class PooledHead(nn.Module):
    """Feature map -> one logit per label: the timm model's own pooling and classifier."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.pool, self.classifier = model.global_pool, model.get_classifier()

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # [n, channels, h, w] -> [n, labels]
        return self.classifier(self.pool(x))


class AverageWeights(Callback):
    """Finish with the mean of the weights over the last part of the training, drawn back towards where they began.

    The mean (Izmailov et al. 2018, SWA) and the way back (Wortsman et al. 2022, WiSE-FT) make a model of few pictures
    err less on sources that it was not trained on.
    """

    def __init__(self, start: float, back: float):
        self.start, self.back = start, back

    def before_fit(self):
        self.first, self.mean, self.steps = [w.clone() for w in self.weights()], None, 0

    def after_step(self):
        if self.pct_train < self.start:
            return
        self.steps += 1
        if self.mean is None:
            self.mean = [w.clone() for w in self.weights()]
        else:
            torch._foreach_lerp_(self.mean, self.weights(), 1 / self.steps)

    def before_validate(self):
        if self.mean is not None and self.epoch == self.n_epoch - 1:
            torch._foreach_lerp_(self.mean, self.first, self.back)
            for weight, mean in zip(self.weights(), self.mean, strict=True):
                weight.copy_(mean)

    def weights(self) -> list[torch.Tensor]:
        """What is trained, without its gradients."""
        return [p.detach() for p in self.model.parameters() if p.requires_grad]


def start_head(head: PooledHead, late: nn.Module, seen: Dataset, device: str) -> None:
    """Begin the head where logistic regression on the frozen features ends, so that no step is spent on noise.

    seen: what the early stages say, float32 [channels, h, w], each with its targets, 0 or 1, float32 [labels].
    """
    late.eval()
    features, targets = [], []
    with torch.inference_mode():
        # a generator of its own: looking must not move the random numbers that the training draws
        for maps, target in DataLoader(seen, batch_size=64, generator=torch.Generator()):
            maps = maps.to(device, memory_format=torch.channels_last)
            features.append(head.pool(late(maps)).cpu().numpy())  # [n, poolings * channels]
            targets.append(target.numpy())
    features, targets = np.concatenate(features), np.concatenate(targets)
    scale = features.std() * np.sqrt(features.shape[1])
    with torch.no_grad():
        for label in range(targets.shape[1]):
            regression = LogisticRegression(C=10, max_iter=300).fit(features / scale, targets[:, label])
            head.classifier.weight[label] = torch.from_numpy(regression.coef_[0] / scale)
            head.classifier.bias[label] = float(regression.intercept_[0])


def train_late(
    model: nn.Module, maps: torch.Tensor, targets: np.ndarray, train: np.ndarray, valid: np.ndarray,
    recipe: Recipe, *, epochs: int, seed: int, device: str,
) -> Learner:  # fmt: skip
    """Fine-tune the late stages and the head on cached maps, one cycle. The model is trained in place.

    model: a timm model with as many outputs as targets has columns; its early stages stay as they are.
    train, valid: indices into maps and targets.
    """
    set_seed(seed, reproducible=True)
    _, late = cut(model, recipe.late)
    head = PooledHead(model)
    net = nn.Sequential(late, head).to(device, memory_format=torch.channels_last)
    hard = torch.from_numpy(targets).float()
    plain, pairs = FeatureMaps(maps, hard, train), AugmentedMaps(maps, hard, train, pairs=1)
    some = torch.randperm(len(train))[: round(recipe.start_pairs * len(train))].tolist()
    start_head(head, late, plain + Subset(pairs, some), device)
    for module in net.modules():  # ImageNet's statistics are better than a batch's of so few pictures
        if isinstance(module, nn.BatchNorm2d):
            module.requires_grad_(False)
    smooth = torch.from_numpy(targets * (1 - recipe.smoothing) + recipe.smoothing / 2).float()
    dls = DataLoaders.from_dsets(
        AugmentedMaps(maps, smooth, train, recipe.pairs),
        FeatureMaps(maps, hard, valid),
        bs=recipe.batch, device=torch.device(device), num_workers=0, drop_last=False,
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
    """The logits, float32 [n, labels], and those of every place of the feature map, float32 [n, labels, h, w]."""
    late, head = learner.model.eval()
    device = head.classifier.weight.device
    logits, local = [], []
    with torch.inference_mode():
        for batch in maps.split(64):
            x = late(batch.to(device).float())
            logits.append(head(x))
            local.append(place_logits(head.classifier, x, logits[-1]))
    return torch.cat(logits).cpu().numpy(), torch.cat(local).cpu().numpy()
