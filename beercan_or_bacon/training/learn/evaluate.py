"""Held-out predictions -> temperatures, thresholds, metrics with intervals, and a report to read.

The report lies in data/fit/: report.html with everything in it (the most wrong pictures too, and whom they are by),
and its plots as PNGs, which are the model card's as well.
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from jinja2 import Environment, FileSystemLoader
from matplotlib.figure import Figure
from PIL import Image
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_auc_score

from ...serving.classifier import InputRule, fit_to_square, verdict_of
from ...serving.pictures import open_picture
from ..classes import NEITHER, Classes
from .examples import Example

FALSE_ALARMS = 0.05  # thresholds: the share of the pictures without a label that may be called it
BOOTSTRAPS = 500  # resamplings behind an interval
BINS = 15  # of the expected calibration error (Guo et al. 2017)
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
    classes: Classes, examples: Sequence[Example], sources: np.ndarray, logits: np.ndarray, local: np.ndarray,
    rule: InputRule, folder: Path,
) -> Report:  # fmt: skip
    """Calibrate and measure; write the report and losses.csv into the folder.

    sources: int [pictures]; the intervals resample sources, since pictures of one source are alike.
    logits: float32 [pictures, labels], from a model that has not seen the picture's source.
    local: float32 [pictures, labels, h, w], the logits of each place of the picture, for the heat maps.
    """
    targets = np.array([example.target for example in examples])
    temperatures = tuple(temperature(z, y) for z, y in zip(logits.T, targets.T, strict=True))
    probabilities = expit(logits / temperatures)
    columns = list(zip(probabilities.T, targets.T, strict=True))
    thresholds = tuple(threshold(p, y, FALSE_ALARMS) for p, y in columns)
    close = tuple((threshold(p, y, FALSE_ALARMS * 2), threshold(p, y, FALSE_ALARMS / 2)) for p, y in columns)
    searches = by_search(examples, targets, probabilities, thresholds)
    report = Report(
        temperatures, thresholds, close, measure(classes, targets, probabilities, thresholds, sources),
        failures={query: (n, share) for query, n, share in searches if n >= FEWEST and share > 2 * FALSE_ALARMS},
    )  # fmt: skip
    losses = loss_of(targets, probabilities)
    folder.mkdir(parents=True, exist_ok=True)
    write_losses(folder / "losses.csv", classes, examples, losses, probabilities)
    plots = {
        "confusion-matrix": plot_confusion(classes, targets, probabilities, thresholds),
        "precision-and-recall": plot_precision_recall(classes, targets, probabilities, thresholds),
        "calibration": plot_calibration(classes, targets, probabilities),
    }
    for name, figure in plots.items():
        figure.savefig(folder / f"{name}.png", dpi=150)
    heat = expit(local / np.array(temperatures)[:, None, None])
    wrong = [
        {
            "picture": data_url(beside_heat(examples[i], heat[i], rule)),
            "shows": told(classes, examples[i].target),
            "called": verdict_of(tuple(np.array(classes.labels)[probabilities[i] >= thresholds]), classes.labels),
            "probabilities": list(zip(classes.labels, probabilities[i], strict=True)),
            "record": examples[i].record,
        }
        for i in np.argsort(-losses)[:MOST_WRONG]
    ]
    page = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True).get_template(
        "report.html.jinja"
    )
    html = page.render(
        classes=classes, report=report, false_alarms=FALSE_ALARMS, wrong=wrong,
        counts=counts(classes, examples), sources=len(set(sources)),
        plots={name: data_url((folder / f"{name}.png").read_bytes()) for name in plots},
        searches=searches,
    )  # fmt: skip
    (folder / "report.html").write_text(html, encoding="utf-8")
    return report


def temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """The divisor that makes the logits most likely (Guo et al. 2017, "On Calibration of Modern Neural Networks")."""

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0, scaled) - targets * scaled))

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def threshold(probabilities: np.ndarray, targets: np.ndarray, false_alarms: float) -> float:
    """The probability that the share false_alarms of the pictures without the label reaches; 0.1 to 0.9."""
    return float(np.clip(np.quantile(probabilities[targets == 0], 1 - false_alarms), 0.1, 0.9))


def measure(
    classes: Classes, targets: np.ndarray, probabilities: np.ndarray, thresholds: Sequence[float], sources: np.ndarray
) -> dict[str, dict[str, float]]:
    """Every figure with its 95 % interval. A figure that a set cannot give (no picture of two labels) is left out."""
    called = probabilities >= np.array(thresholds)
    single, nothing = targets.sum(1) == 1, targets.sum(1) == 0
    statistics: dict[str, tuple[Callable, np.ndarray]] = {
        "accuracy between the classes": (
            lambda i: np.mean(probabilities[i].argmax(1) == targets[i].argmax(1)), single),
        "accuracy of the whole verdict": (lambda i: np.mean((called[i] == targets[i]).all(1)), single | nothing),
        f"{NEITHER} called something": (lambda i: np.mean(called[i].any(1)), nothing),
    }  # fmt: skip
    for k, label in enumerate(classes.labels):
        has, everything = targets[:, k] == 1, np.ones(len(targets), bool)
        statistics |= {
            f"{label}: area under the ROC curve": (
                lambda i, k=k: roc_auc_score(targets[i, k], probabilities[i, k]), everything),
            f"{label}: found": (lambda i, k=k: np.mean(called[i, k]), has),
            f"{label}: expected calibration error": (
                lambda i, k=k: calibration_error(probabilities[i, k], targets[i, k]), everything),
        }  # fmt: skip
    return {name: interval(statistic, np.flatnonzero(of), sources) for name, (statistic, of) in statistics.items()}


def calibration_error(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """Expected calibration error: |mean probability - share that is right|, weighted over BINS equal steps."""
    steps = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    gaps = np.abs(np.bincount(steps, probabilities - targets, BINS))
    return float(gaps.sum() / len(targets))


def interval(statistic: Callable[[np.ndarray], float], indices: np.ndarray, sources: np.ndarray) -> dict[str, float]:
    """The statistic over the indices, with its bootstrap 95 % interval, whole sources resampled."""
    chance, values = np.random.default_rng(0), []
    members = [indices[sources[indices] == source] for source in np.unique(sources[indices])]
    for _ in range(BOOTSTRAPS):
        picked = np.concatenate([members[j] for j in chance.integers(0, len(members), len(members))])
        try:
            values.append(statistic(picked))
        except ValueError:  # a resampling with one class alone has no ROC curve
            continue
    low, high = np.nanquantile(values, (0.025, 0.975))
    return {"value": round(float(statistic(indices)), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def loss_of(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Binary cross-entropy of each picture, summed over the labels: float [pictures]."""
    right = np.where(targets == 1, probabilities, 1 - probabilities)
    return -np.log(np.clip(right, 1e-6, 1)).sum(1)


def write_losses(
    path: Path, classes: Classes, examples: Sequence[Example], losses: np.ndarray, probabilities: np.ndarray
) -> None:
    """sha256, label, loss and probabilities of every held-out picture, worst first: where a person's review begins."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["sha256", "label", "loss", *classes.labels])
        for i in np.argsort(-losses):
            record, said = examples[i].record, (f"{p:.5f}" for p in probabilities[i])
            table.writerow([record.sha256, record.label, f"{losses[i]:.4f}", *said])


def told(classes: Classes, target: Sequence[int]) -> str:
    """What a target shows, in the words of a verdict."""
    return verdict_of(tuple(label for label, on in zip(classes.labels, target, strict=True) if on), classes.labels)


def counts(classes: Classes, examples: Sequence[Example]) -> dict[str, int]:
    """How many pictures show what."""
    shows = [told(classes, example.target) for example in examples]
    return {name: shows.count(name) for name in sorted(set(shows), key=shows.count, reverse=True)}


def by_search(examples, targets, probabilities, thresholds) -> list[tuple[str, int, float]]:
    """Of the pictures without any label, by the search that found them: (search, pictures, share called something)."""
    called = (probabilities >= np.array(thresholds)).any(1)
    rows: dict[str, list[bool]] = {}
    for example, target, wrong in zip(examples, targets, called, strict=True):
        if not target.any():
            rows.setdefault(example.record.query, []).append(bool(wrong))
    return sorted(((query, len(r), float(np.mean(r))) for query, r in rows.items()), key=lambda r: (-r[2], -r[1]))


PLAIN = {"axes.spines.top": False, "axes.spines.right": False, "font.size": 10, "figure.constrained_layout.use": True}


def plot_confusion(classes: Classes, targets, probabilities, thresholds) -> Figure:
    """What pictures show against what they are called, shares of each row."""
    names = [*classes.labels, NEITHER]
    shows = np.where(targets.any(1), targets.argmax(1), len(classes.labels))
    called = probabilities >= np.array(thresholds)
    says = np.where(called.any(1), probabilities.argmax(1), len(classes.labels))
    table = np.zeros((len(names), len(names) + 1), int)
    for row, column, several in zip(shows, says, called.sum(1) > 1, strict=True):
        table[row, len(names) if several else column] += 1
    columns = [*names, "both" if len(classes.labels) == 2 else "several"]
    shares = table / np.maximum(table.sum(1, keepdims=True), 1)
    with matplotlib.rc_context(PLAIN):
        figure = Figure(figsize=(1.6 + 1.1 * len(columns), 1.2 + 0.8 * len(names)))
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (row, column), count in np.ndenumerate(table):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{count}\n{shares[row, column]:.0%}", ha="center", va="center", color=colour)
        axes.set(xticks=range(len(columns)), xticklabels=columns, yticks=range(len(names)), yticklabels=names)
        axes.set(xlabel="called", ylabel="shows")
    return figure


def plot_precision_recall(classes: Classes, targets, probabilities, thresholds) -> Figure:
    """Precision against recall of each label; a dot at its threshold."""
    with matplotlib.rc_context(PLAIN):
        figure = Figure(figsize=(5, 4))
        axes = figure.subplots()
        for k, label in enumerate(classes.labels):
            precision, recall, steps = precision_recall_curve(targets[:, k], probabilities[:, k])
            (line,) = axes.plot(recall, precision, label=label)
            at = min(np.searchsorted(steps, thresholds[k]), len(steps) - 1)
            axes.plot(recall[at], precision[at], "o", color=line.get_color())
        axes.set(xlabel="recall: of those there, found", ylabel="precision: of those called, right")
        axes.set(xlim=(0, 1.01), ylim=(0, 1.01))
        axes.grid(alpha=0.25)
        axes.legend(loc="lower left", frameon=False)
    return figure


def plot_calibration(classes: Classes, targets, probabilities) -> Figure:
    """How often a label is there against how probable it was said to be; bins of equally many pictures."""
    with matplotlib.rc_context(PLAIN):
        figure = Figure(figsize=(5, 4))
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle=":")
        for k, label in enumerate(classes.labels):
            there, said = calibration_curve(targets[:, k], probabilities[:, k], n_bins=12, strategy="quantile")
            axes.plot(said, there, "o-", label=label)
        axes.set(xlabel="probability said", ylabel="share that is there", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        axes.grid(alpha=0.25)
        axes.legend(loc="upper left", frameon=False)
    return figure


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
