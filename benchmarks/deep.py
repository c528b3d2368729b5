"""Training nearly all of the network on views drawn anew for every step, beside its head alone: one held-out part.

    python -m benchmarks.deep CORPUS --data data [--part 0] [--draws 12000] [--back 0.25]

An experiment that is not the pipeline's: it takes ten times as long on a CPU. Printed: areas under the ROC curve by
what a person saw (CORPUS's truth.csv), for the head alone and for the trained network at ways back to where it began.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score
from torch import nn
from torchvision.transforms import v2
from tqdm import tqdm

from beercan_or_bacon.serving.classifier import fit_to_square
from beercan_or_bacon.serving.pictures import open_picture
from beercan_or_bacon.training.classes import load_classes
from beercan_or_bacon.training.learn.augmented import odds
from beercan_or_bacon.training.learn.backbone import fresh_model
from beercan_or_bacon.training.learn.examples import FOLDS, folds_of, kept_examples
from beercan_or_bacon.training.learn.fine_tune import begin
from beercan_or_bacon.training.learn.recipe import Recipe
from beercan_or_bacon.training.learn.weights import find_weights
from benchmarks.held_out import SHOWN, Truth, read_truth

FROZEN = 2  # blocks of the network that stay as they are
VIEW, BATCH, LR, MIXUP, SMOOTHING, PAIRS = 224, 48, 5e-4, 0.4, 0.05, 0.1
KEPT = 352  # pixels, the longer side of the pictures in memory
CROP = v2.RandomResizedCrop(VIEW, (0.3, 1.0), (0.7, 1.4), antialias=True)
TURN = v2.RandomRotation(15, v2.InterpolationMode.BILINEAR, fill=[255] * 3)
COLOURS = v2.ColorJitter(0.3, 0.3, 0.3, 0.03)


def small(path: Path) -> Image.Image:
    """A picture whose longer side is KEPT."""
    picture = open_picture(path, KEPT)
    scale = min(1, KEPT / max(picture.size))
    return picture.resize([max(1, round(side * scale)) for side in picture.size], Image.Resampling.BICUBIC)


def view(picture: Image.Image, random: np.random.Generator) -> np.ndarray:
    """A random view, uint8 [VIEW, VIEW, 3]: three in four a crop, else the whole picture, smaller, on white."""
    if random.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if random.random() < 0.3:
        picture = TURN(picture)
    if random.random() < 0.75:
        return np.asarray(COLOURS(CROP(picture)))
    scale = random.uniform(0.7, 1) * VIEW / max(picture.size)
    whole = picture.resize([max(1, int(side * scale)) for side in picture.size], Image.Resampling.BILINEAR)
    square = Image.new("RGB", (VIEW, VIEW), "white")
    square.paste(whole, tuple(int(random.integers(VIEW - side + 1)) for side in whole.size))
    return np.asarray(COLOURS(square))


def tensor(pictures: list[np.ndarray]) -> torch.Tensor:
    """uint8 [h, w, 3] each -> float32 [n, 3, h, w], as EfficientNet-Lite was trained to see it."""
    batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return batch.contiguous(memory_format=torch.channels_last)


def logits(model: nn.Module, squares: list[np.ndarray], before_head: bool = False) -> np.ndarray:
    """What the model says of squares, or what its classifier is given."""
    with torch.inference_mode():
        parts = [tensor(squares[start : start + 32]) for start in range(0, len(squares), 32)]
        said = [model.forward_head(model.forward_features(x), pre_logits=before_head) for x in parts]
    return torch.cat(said).numpy()


def train(model: nn.Module, pictures: list[Image.Image], targets: np.ndarray, draws: int) -> tuple[list, list, list]:
    """Train in place; the weights that are trained, as they began, and their mean over the second half."""
    random, often = np.random.default_rng(0), odds(targets, Recipe().shown)
    often /= often.sum()

    def draw() -> tuple[np.ndarray, np.ndarray]:
        one, other = random.choice(len(pictures), 2, p=often)
        seen, target = view(pictures[one], random), targets[one]
        if random.random() >= PAIRS:
            return seen, target
        half, quarter = VIEW // 2, VIEW // 4
        halves = [v[:, quarter : quarter + half] for v in (seen, view(pictures[other], random))]
        return np.concatenate(halves, axis=1), np.maximum(target, targets[other])

    early = [model.conv_stem, model.bn1, *model.blocks[:FROZEN]]
    for module in [*early, *(m for m in model.modules() if isinstance(m, nn.BatchNorm2d))]:
        module.requires_grad_(False)
    weights = [p for p in model.parameters() if p.requires_grad]
    first, mean, steps = [w.detach().clone() for w in weights], None, draws // BATCH
    optimiser = torch.optim.AdamW(weights, lr=LR, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LR, total_steps=steps, pct_start=0.2)
    for step in tqdm(range(steps)):
        views, shows = zip(*(draw() for _ in range(BATCH)), strict=True)
        y, mixed = torch.from_numpy(np.stack(shows)) * (1 - SMOOTHING) + SMOOTHING / 2, torch.randperm(BATCH)
        share = torch.from_numpy(random.beta(MIXUP, MIXUP, BATCH)).float()
        share = torch.maximum(share, 1 - share)
        with torch.no_grad():
            x = nn.Sequential(*early)(tensor(list(views)))
            x = torch.lerp(x[mixed], x, share[:, None, None, None])
        said = model.forward_head(model.bn2(model.conv_head(nn.Sequential(*model.blocks[FROZEN:])(x))))
        loss = nn.functional.binary_cross_entropy_with_logits(said, torch.lerp(y[mixed], y, share[:, None]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if 2 * step >= steps:
            now = [w.detach().clone() for w in weights]
            mean = now if mean is None else torch._foreach_lerp(mean, now, 1 / (step - steps // 2 + 1))
    return weights, first, mean


def areas(truths: list[Truth], said: np.ndarray) -> dict[str, float]:
    """Area under the ROC curve: bacon (column 1) and beer cans (column 0) against kinds of neither."""
    label, kind = (np.array([getattr(truth, name) for truth in truths]) for name in ("label", "kind"))
    wild = np.isin(kind, [name for name, row in SHOWN.items() if row == "in the wild"])
    rows = {
        "bacon, near": ("bacon", "near", 1, True), "bacon, food": ("bacon", "food", 1, True),
        "can, near": ("beercan", "near", 0, True), "can, look-alike": ("beercan", "lookalike", 0, True),
        "can in the wild, look-alike": ("beercan", "lookalike", 0, wild),
    }  # fmt: skip
    found = {}
    for row, (name, other, column, among) in rows.items():
        shows, not_shows = (label == name) & among, (label == "neither") & (kind == other)
        used = shows | not_shows
        found[row] = round(float(roc_auc_score(shows[used], said[used, column])), 3)
    return found


def main() -> None:
    """Print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--data", type=Path, default=Path("data"), help="cleaned")
    parser.add_argument("--part", type=int, default=0, help="which of the fit's parts is held out")
    parser.add_argument("--draws", type=int, default=12_000)
    parser.add_argument("--back", type=float, nargs="+", default=[0, 0.25, 0.5])
    args = parser.parse_args()
    torch.manual_seed(0)
    examples = kept_examples(load_classes(Path("classes.toml")), args.data)
    here, out = folds_of(examples, FOLDS, 0)[args.part]
    targets = np.array([example.target for example in examples], np.float32)
    known = {hashlib.sha256(path.read_bytes()).hexdigest(): truth for path, truth in read_truth(args.corpus).items()}
    truths = [known.get(examples[i].record.sha256, Truth("", "")) for i in out]
    pictures = [small(example.path) for example in tqdm(examples)]
    squares = [np.asarray(fit_to_square(picture, Recipe().input_rule)) for picture in pictures]
    model = fresh_model(find_weights("tf_efficientnet_lite2"), targets.shape[1]).eval()
    begin(model.classifier, logits(model, [squares[i] for i in here], before_head=True), targets[here])
    held_out = [squares[i] for i in out]
    found = {"the head alone": areas(truths, logits(model, held_out))}
    weights, first, mean = train(model, [pictures[i] for i in here], targets[here], args.draws)
    for back in args.back:
        with torch.no_grad():
            for weight, one, other in zip(weights, mean, first, strict=True):
                weight.copy_(torch.lerp(one, other, back))
        found[f"{back} back"] = areas(truths, logits(model, held_out))
    print(json.dumps({"draws": args.draws, "part": args.part, **found}))


if __name__ == "__main__":
    main()
