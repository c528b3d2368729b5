"""Held-out predictions -> temperatures, thresholds, metrics with intervals, and a report to read.

The report lies in data/fit/: report.html with everything in it (the most wrong pictures too, and whom they are by),
and its plots as PNGs, which are the model card's as well.
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from jinja2 import Environment, FileSystemLoader
from PIL import Image
from scipy.special import expit

from ...serving.classifier import InputRule, fit_to_square, verdict_of
from ...serving.pictures import open_picture
from ..classes import Classes
from ..files import replacing, write_whole
from .calibration import temperature, threshold
from .cross_validate import HeldOut
from .examples import Example
from .metrics import loss_of, measure
from .plots import plot_calibration, plot_confusion, plot_precision_recall

VERSION = 1  # of this code; another one measures again
FALSE_ALARMS = 0.05  # thresholds: the share of the pictures without a label that may be called it
MOST_WRONG = 24  # pictures shown
FEWEST = 8  # pictures that a search must have found for it to be named as a known failure


@dataclass(frozen=True)
class Report:
    """What the held-out predictions say.

    temperatures: per label, what its logit is divided by.
    thresholds: per label, the calibrated probability from which the label is said to be there.
    close: per label, (low, high): between them the answer is said to be close.
    metrics: name -> {"value", "low", "high"}; low to high is a 95 % interval.
    failures: what is most often called something though it is nothing: search -> (pictures, share called something).
    """

    temperatures: tuple[float, ...]
    thresholds: tuple[float, ...]
    close: tuple[tuple[float, float], ...]
    metrics: dict[str, dict[str, float]]
    failures: dict[str, tuple[int, float]]


def evaluate(
    classes: Classes, examples: Sequence[Example], sources: np.ndarray, held_out: HeldOut, rule: InputRule, folder: Path
) -> Report:
    """Calibrate and measure; write the report and losses.csv into the folder.

    sources: int [pictures]; the intervals resample sources, since pictures of one source are alike.
    """
    targets = np.array([example.target for example in examples])
    temperatures = tuple(temperature(z, y) for z, y in zip(held_out.logits.T, targets.T, strict=True))
    probabilities = expit(held_out.logits / temperatures)
    columns = list(zip(probabilities.T, targets.T, strict=True))
    thresholds = tuple(threshold(p, y, FALSE_ALARMS) for p, y in columns)
    close = tuple((threshold(p, y, FALSE_ALARMS * 2), threshold(p, y, FALSE_ALARMS / 2)) for p, y in columns)
    searches = by_search(examples, targets, probabilities, thresholds)
    report = Report(
        temperatures, thresholds, close, measure(classes, targets, probabilities, thresholds, sources),
        failures={query: (n, share) for query, n, share in searches if n >= FEWEST and share > 2 * FALSE_ALARMS},
    )  # fmt: skip
    losses = loss_of(targets, probabilities)
    write_losses(folder / "losses.csv", classes, examples, losses, probabilities)
    plots = {
        "confusion-matrix": plot_confusion(classes, targets, probabilities, thresholds),
        "precision-and-recall": plot_precision_recall(classes, targets, probabilities, thresholds),
        "calibration": plot_calibration(classes, targets, probabilities),
    }
    for name, figure in plots.items():
        with replacing(folder / f"{name}.png") as file:
            figure.savefig(file, dpi=150)
    heat = expit(held_out.local / np.array(temperatures)[:, None, None])
    wrong = [
        {
            "picture": data_url(beside_heat(examples[i], heat[i], rule)),
            "shows": shown_by(classes, examples[i].target),
            "called": verdict_of(tuple(np.array(classes.labels)[probabilities[i] >= thresholds]), classes.labels),
            "probabilities": list(zip(classes.labels, probabilities[i], strict=True)),
            "record": examples[i].record,
        }
        for i in np.argsort(-losses)[:MOST_WRONG]
    ]
    template = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True).get_template(
        "report.html.jinja"
    )
    html = template.render(
        classes=classes, report=report, false_alarms=FALSE_ALARMS, wrong=wrong,
        counts=counts(classes, examples), sources=len(set(sources)),
        plots={name: data_url((folder / f"{name}.png").read_bytes()) for name in plots},
        searches=searches,
    )  # fmt: skip
    write_whole(folder / "report.html", html)
    return report


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


def shown_by(classes: Classes, target: Sequence[int]) -> str:
    """What a target shows, in the words of a verdict."""
    return verdict_of(tuple(label for label, on in zip(classes.labels, target, strict=True) if on), classes.labels)


def counts(classes: Classes, examples: Sequence[Example]) -> dict[str, int]:
    """How many pictures show what."""
    shows = [shown_by(classes, example.target) for example in examples]
    return {name: shows.count(name) for name in sorted(set(shows), key=shows.count, reverse=True)}


def by_search(examples, targets, probabilities, thresholds) -> list[tuple[str, int, float]]:
    """Of the pictures without any label, by the search that found them: (search, pictures, share called something)."""
    called = (probabilities >= np.array(thresholds)).any(1)
    rows: dict[str, list[bool]] = {}
    for example, target, wrong in zip(examples, targets, called, strict=True):
        if not target.any():
            rows.setdefault(example.record.query, []).append(bool(wrong))
    return sorted(((query, len(r), float(np.mean(r))) for query, r in rows.items()), key=lambda r: (-r[2], -r[1]))


def beside_heat(example: Example, heat: np.ndarray, rule: InputRule, size: int = 200) -> bytes:
    """The picture, and beside it one heat map a label laid over it: a JPEG. heat: [labels, h, w] in 0..1."""
    square = fit_to_square(open_picture(example.path), rule).resize((size, size))
    strip = Image.new("RGB", (size * (1 + len(heat)), size))
    strip.paste(square, (0, 0))
    for k, one in enumerate(heat, start=1):
        mask = Image.fromarray(np.uint8(one * 255)).resize((size, size), Image.Resampling.BICUBIC)
        coloured = Image.fromarray(np.uint8(matplotlib.colormaps["inferno"](np.asarray(mask))[..., :3] * 255))
        strip.paste(Image.blend(square, coloured, 0.65), (size * k, 0))
    buffer = io.BytesIO()
    strip.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def data_url(content: bytes) -> str:
    """A PNG or JPEG inside the page itself, so that report.html can be moved and sent."""
    kind = "png" if content.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
