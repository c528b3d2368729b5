"""The kept pictures -> a fastai Learner, held-out predictions for every picture, and data/fit/.

The backbone is cut in two. Its early stages are frozen, batch norm included, so what they say of a picture never
changes: they look once at a few augmented views of every picture, and only the late stages and the head are trained,
on those cached feature maps. That makes one training run a matter of seconds and cross-validation affordable, so that
every picture gets a prediction from a model that has seen neither it nor any other picture of its source.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

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
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision.transforms import v2
from tqdm import tqdm

from ...serving.classifier import InputRule, fit_to_square
from ...serving.pictures import open_picture
from ..classes import Classes
from .backbone import POOLING, create_backbone, cut, frozen, place_logits
from .examples import FOLDS, Example, folds_of, joined_sources, kept_examples


@dataclass(frozen=True)
class Recipe:
    """The settings that experiments chose; benchmarks/README.md has the table."""

    size: int = 260  # pixels, the padded square's side
    fill: tuple[int, int, int] = (255, 255, 255)  # RGB around a picture that is not square
    views: int = 2  # augmented looks at each picture, beside the plain one
    late: float = 0.2  # the share of the backbone's parameters that is trained, at least
    lr: float = 1e-3  # one-cycle peak
    weight_decay: float = 0.05
    batch: int = 64
    mixup: float = 0.8  # alpha of the Beta distribution; acts on feature maps
    smoothing: float = 0.05  # targets are smoothing/2 and 1 - smoothing/2
    pairs: float = 0.1  # share of training pictures seen side by side with another, so that "both" is known
    start_pairs: float = 0.25  # how many such pairs, a training picture, the head begins with
    average_from: float = 0.5  # weights are averaged over the steps after this share of the training
    back: float = 0.4  # how far that mean is then drawn back towards the weights that training began with


def best_device() -> str:
    """cuda, else mps, else cpu."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


class Views(Dataset):
    """Looks at each picture, uint8 [views + 1, 3, size, size]: first as it is served, then augmented."""

    def __init__(self, examples: Sequence[Example], recipe: Recipe, seed: int):
        self.paths = [example.path for example in examples]
        self.views, self.seed = recipe.views, seed
        self.rule = InputRule(size=recipe.size, resize="pad", interpolation="bicubic", fill=recipe.fill)
        fill = list(recipe.fill)
        self.augment = v2.Compose([
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.RandomChoice([v2.RandomRotation((a, a), fill=fill) for a in (90, 180, 270)])], p=0.25),
            v2.RandomAffine(20, (0.1, 0.1), (0.6, 1.4), 8, v2.InterpolationMode.BILINEAR, fill),
            v2.ColorJitter(0.3, 0.3, 0.3, 0.03),
        ])  # fmt: skip

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        served = fit_to_square(open_picture(self.paths[index]), self.rule)
        with torch.random.fork_rng(devices=[]):  # the same views whatever the order and number of workers
            torch.manual_seed(hash((self.seed, index)))
            looks = [served, *(self.augment(served) for _ in range(self.views))]
        return torch.stack([v2.functional.pil_to_tensor(look) for look in looks])


def cache_features(
    early: nn.Module, examples: Sequence[Example], recipe: Recipe, mean, std, *, seed: int, device: str
) -> torch.Tensor:
    """What the frozen early stages say of every view: float16 [pictures, views + 1, channels, height, width]."""
    views, look = Views(examples, recipe, seed), frozen(early, recipe.size, device)
    workers = min(8, os.cpu_count() or 1) if len(views) > 200 else 0
    loader = DataLoader(views, batch_size=8, num_workers=workers)
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (mean, std))
    maps, done = None, 0
    with tqdm(total=len(views), desc="Looking at the pictures", unit="picture") as progress:
        for batch in loader:  # uint8 [n, views + 1, 3, size, size]
            out = look((batch.flatten(0, 1).float() / 255 - mean) / std).half().unflatten(0, batch.shape[:2])
            if maps is None:
                maps = torch.empty((len(views), *out.shape[1:]), dtype=torch.float16)
            maps[done : done + len(out)] = out
            done += len(out)
            progress.update(len(out))
    return maps


class FeatureMaps(Dataset):
    """Cached maps with their targets, as they are: the plain view of each picture."""

    def __init__(self, maps: torch.Tensor, targets: torch.Tensor, indices: np.ndarray):
        self.maps, self.targets, self.indices = maps, targets, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, item: int) -> tuple[torch.Tensor, torch.Tensor]:
        index = self.indices[item]
        return self.maps[index, 0].float(), self.targets[index]


class AugmentedMaps(FeatureMaps):
    """A random view of each picture; now and then its middle, beside the middle of a view of another picture."""

    def __init__(self, maps: torch.Tensor, targets: torch.Tensor, indices: np.ndarray, pairs: float):
        super().__init__(maps, targets, indices)
        self.pairs = pairs

    def __getitem__(self, item: int) -> tuple[torch.Tensor, torch.Tensor]:
        one, target = self.random_view(item)
        if torch.rand(()) >= self.pairs:
            return one, target
        other, other_target = self.random_view(int(torch.randint(len(self), ())))
        if turned := bool(torch.rand(()) < 0.5):  # one above the other instead of side by side
            one, other = one.mT, other.mT
        width = one.shape[2]
        pair = torch.cat([middle(one, width // 2), middle(other, width - width // 2)], dim=2)
        return pair.mT if turned else pair, torch.maximum(target, other_target)

    def random_view(self, item: int) -> tuple[torch.Tensor, torch.Tensor]:
        index = self.indices[item]
        return self.maps[index, int(torch.randint(self.maps.shape[1], ()))].float(), self.targets[index]


def middle(x: torch.Tensor, width: int) -> torch.Tensor:
    """The columns in the middle of a map [channels, h, w]."""
    start = (x.shape[2] - width) // 2
    return x[:, :, start : start + width]


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


def fresh_model(arch: str, outputs: int) -> nn.Module:
    """The pretrained backbone with a new head."""
    model = create_backbone(arch)
    model.reset_classifier(outputs, POOLING)
    return model


def fit(classes: Classes, data: Path, *, arch: str, epochs: int, seed: int, device: str | None) -> None:
    """Cross-validate, train on everything, and save both under data/fit/; skipped when nothing has changed.

    data/fit/ then holds model.safetensors (the timm model with calibrated logits), fit.json (all that export needs),
    losses.csv (every picture's held-out loss, for review) and the report.
    """
    from .evaluate import counts, evaluate

    data, recipe, device = Path(data), Recipe(), device or best_device()
    folder = data / "fit"
    examples = kept_examples(classes, data)
    mark = fingerprint(classes, examples, recipe, arch, epochs, seed)
    if saved_mark(folder) == mark:
        print("fit: nothing has changed since the last one.")
        return
    model = fresh_model(arch, len(classes.labels))
    early, _ = cut(model, recipe.late)
    mean, std = model.pretrained_cfg["mean"], model.pretrained_cfg["std"]
    maps = cache_features(early, examples, recipe, mean, std, seed=seed, device=device)
    targets = np.array([example.target for example in examples], np.float32)
    parts = []
    for train, valid in tqdm(folds_of(examples, FOLDS, seed), desc="Training with one part held out", unit="fold"):
        fold = fresh_model(arch, len(classes.labels))
        learner = train_late(fold, maps, targets, train, valid, recipe, epochs=epochs, seed=seed, device=device)
        parts.append((valid, *answers(learner, maps[valid, 0])))
    indices, logits, local = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(indices)
    logits, local = logits[order], local[order]
    everything = np.arange(len(examples))
    print("Training on everything")
    train_late(model, maps, targets, everything, everything[:0], recipe, epochs=epochs, seed=seed, device=device)
    folder.mkdir(parents=True, exist_ok=True)
    rule = InputRule(size=recipe.size, resize="pad", interpolation="bicubic", fill=recipe.fill)
    report = evaluate(classes, examples, joined_sources(examples), logits, local, rule, folder)
    calibrate(model.get_classifier(), report.temperatures)
    save_file(
        {name: tensor.contiguous().cpu() for name, tensor in model.state_dict().items()}, folder / "model.safetensors"
    )
    settings = {
        "mark": mark, "arch": arch, "labels": classes.labels, "size": recipe.size, "fill": recipe.fill,
        "mean": mean, "std": std, **asdict(report),
        "training": {
            "pictures": counts(classes, examples),
            "sources": len({group for example in examples for group in example.groups}),
            "sha256": hashlib.sha256("\n".join(sorted(e.record.sha256 for e in examples)).encode()).hexdigest(),
            "recipe": asdict(recipe), "epochs": epochs, "seed": seed, "backbone": arch,
        },
        "versions": {name: version(name) for name in ("torch", "fastai", "timm", "onnx", "onnxruntime")},
    }  # fmt: skip
    temporary = folder / "fit.json.tmp"
    temporary.write_text(json.dumps(settings, indent=1), encoding="utf-8")
    temporary.replace(folder / "fit.json")


def calibrate(classifier: nn.Linear, temperatures: Sequence[float]) -> None:
    """Divide each label's logit by its temperature, inside the weights: nothing downstream needs to know."""
    with torch.no_grad():
        scale = torch.tensor(temperatures, device=classifier.weight.device)
        classifier.weight /= scale[:, None]
        classifier.bias /= scale


def fingerprint(classes: Classes, examples: Sequence[Example], *settings) -> str:
    """Changes when anything that the fit depends on does."""
    facts = [
        classes.labels,
        sorted((e.record.sha256, e.target, sorted(e.groups)) for e in examples),
        *map(str, settings),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def saved_mark(folder: Path) -> str | None:
    """The fingerprint of the fit that lies in the folder, if a whole one does."""
    try:
        return json.loads((folder / "fit.json").read_text(encoding="utf-8"))["mark"]
    except (FileNotFoundError, ValueError, KeyError):
        return None
