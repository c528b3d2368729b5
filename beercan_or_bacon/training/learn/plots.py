"""The report's plots, which are the model card's as well."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve

from ..classes import NEITHER, Classes

PLAIN: Any = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 10,
    "figure.constrained_layout.use": True,
}


def plot_confusion(classes: Classes, targets: np.ndarray, probabilities: np.ndarray, called: np.ndarray) -> Figure:
    """What pictures show against what they are called, shares of each row."""
    names = [*classes.labels, NEITHER]
    shows = np.where(targets.any(1), targets.argmax(1), len(classes.labels))
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


def plot_precision_recall(
    classes: Classes, targets: np.ndarray, probabilities: np.ndarray, called: np.ndarray
) -> Figure:
    """Precision against recall of each label; a dot where the answers are."""
    with matplotlib.rc_context(PLAIN):
        figure = Figure(figsize=(5, 4))
        axes = figure.subplots()
        for k, label in enumerate(classes.labels):
            precision, recall, _ = precision_recall_curve(targets[:, k], probabilities[:, k])
            (line,) = axes.plot(recall, precision, label=label)
            right = (called[:, k] & (targets[:, k] == 1)).sum()
            at = right / max(targets[:, k].sum(), 1), right / max(called[:, k].sum(), 1)
            axes.plot(*at, "o", color=line.get_color())
        axes.set(xlabel="recall: of those there, found", ylabel="precision: of those called, right")
        axes.set(xlim=(0, 1.01), ylim=(0, 1.01))
        axes.grid(alpha=0.25)
        axes.legend(loc="lower left", frameon=False)
    return figure


def plot_calibration(classes: Classes, targets: np.ndarray, probabilities: np.ndarray) -> Figure:
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
