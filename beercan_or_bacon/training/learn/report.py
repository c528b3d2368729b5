"""The Evaluation and the held-out answers -> a report to read.

The report lies in data/fit/: report.html with everything in it (the most wrong pictures too, and whom they are by),
and its plots as PNGs, which are the model card's as well.
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from jinja2 import Environment, FileSystemLoader
from PIL import Image
from scipy.special import expit

from ...files import replacing, write_whole
from ...serving.classifier import InputRule, fit_to_square, verdict_of
from ...serving.pictures import open_picture
from ..classes import Classes
from ..evaluation import Evaluation, plain
from .calibration import THE_REST, nested
from .cross_validate import HeldOut
from .evaluate import Cases, shown_by
from .examples import Example
from .metrics import loss_of
from .plots import plot_calibration, plot_confusion, plot_precision_recall

VERSION = 2  # of this code; another one measures again
MOST_WRONG = 24  # pictures shown


def write_report(
    folder: Path, classes: Classes, examples: Sequence[Example], cases: Cases, held_out: HeldOut,
    evaluation: Evaluation, rule: InputRule,
) -> None:  # fmt: skip
    """Write report.html, its plots and losses.csv into the folder."""
    targets = cases.known.targets
    answers = nested(held_out.logits, cases.known, cases.folds, np.ones((1, len(targets))))
    probabilities, called = answers.probabilities[0], answers.called[0]
    losses = loss_of(targets, probabilities)
    write_losses(folder / "losses.csv", classes, examples, losses, probabilities)
    plots = {
        "confusion-matrix": plot_confusion(classes, targets, probabilities, called),
        "precision-and-recall": plot_precision_recall(classes, targets, probabilities, called),
        "calibration": plot_calibration(classes, targets, probabilities),
    }
    for name, figure in plots.items():
        with replacing(folder / f"{name}.png") as file:
            figure.savefig(file, dpi=150)
    scale, shift = (np.array(numbers)[:, None, None] for numbers in (evaluation.scale, evaluation.shift))
    wrong = [
        {
            "picture": data_url(beside_heat(examples[i], expit(held_out.local[i] * scale + shift), rule)),
            "shows": shown_by(classes, examples[i].target),
            "called": verdict_of(tuple(np.array(classes.labels)[called[i]]), classes.labels),
            "probabilities": list(zip(classes.labels, probabilities[i], strict=True)),
            "record": examples[i].record,
        }
        for i in np.argsort(-losses)[:MOST_WRONG]
    ]
    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    html = environment.get_template("report.html.jinja").render(
        classes=classes, evaluation=evaluation, wrong=wrong, plain=plain, the_rest=THE_REST,
        plots={name: data_url((folder / f"{name}.png").read_bytes()) for name in plots},
    )  # fmt: skip
    write_whole(folder / "report.html", html)


def write_losses(
    path: Path, classes: Classes, examples: Sequence[Example], losses: np.ndarray, probabilities: np.ndarray
) -> None:
    """sha256, label, loss and probabilities of every held-out picture, worst first: where a person's review begins."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(["sha256", "label", "loss", *classes.labels])
    for i in np.argsort(-losses):
        record, said = examples[i].record, (f"{p:.5f}" for p in probabilities[i])
        table.writerow([record.sha256, record.label, f"{losses[i]:.4f}", *said])
    write_whole(path, text.getvalue())


def beside_heat(example: Example, heat: np.ndarray, rule: InputRule, size: int = 200) -> bytes:
    """The picture, and beside it one heat map a label laid over it, unless it has one place only: a JPEG.

    heat: [labels, h, w] in 0..1.
    """
    heat = heat if heat[0].size > 1 else heat[:0]
    square = fit_to_square(open_picture(example.path), rule).resize((size, size))
    strip = Image.new("RGB", (size * (1 + len(heat)), size))
    strip.paste(square, (0, 0))
    for k, one in enumerate(heat, start=1):
        mask = Image.fromarray((one * 255).astype(np.uint8)).resize((size, size), Image.Resampling.BICUBIC)
        coloured = Image.fromarray((matplotlib.colormaps["inferno"](np.asarray(mask))[..., :3] * 255).astype(np.uint8))
        strip.paste(Image.blend(square, coloured, 0.65), (size * k, 0))
    buffer = io.BytesIO()
    strip.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def data_url(content: bytes) -> str:
    """A PNG or JPEG inside the page itself, so that report.html can be moved and sent."""
    kind = "png" if content.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
