"""The fit's held-out predictions against what a person saw in the pictures, by kind of near miss.

    python -m benchmarks.held_out CORPUS [--data data]

CORPUS holds the pictures that the search served, and truth.csv (file, true_label, kind). Only this script reads it.
The predictions are data/fit/losses.csv: each by a model that had seen neither the picture nor its source.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from beercan_or_bacon.training.learn.examples import source_of
from beercan_or_bacon.training.learn.metrics import calibration_error, interval
from beercan_or_bacon.training.table import read_table

KINDS = ("near", "lookalike", "unrelated")
FOUND = 0.9  # the share of each label's pictures that is to be found when false alarms are counted


def main() -> None:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--data", type=Path, default=Path("data"))
    args = parser.parse_args()
    with (args.corpus / "truth.csv").open(newline="", encoding="utf-8") as file:
        seen = {
            hashlib.sha256((args.corpus / row["file"]).read_bytes()).hexdigest(): row for row in csv.DictReader(file)
        }
    sources = {record.sha256: source_of(record) for record in read_table(args.data) if record.file}
    with (args.data / "fit" / "losses.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["sha256"] in seen]
    labels = [name for name in rows[0] if name not in ("sha256", "label", "loss")]
    probabilities = np.array([[float(row[label]) for label in labels] for row in rows])  # [pictures, labels]
    source = np.unique([sources[row["sha256"]] for row in rows], return_inverse=True)[1]
    shows = np.array([seen[row["sha256"]]["true_label"] for row in rows])
    kind = np.array([seen[row["sha256"]]["kind"] for row in rows])
    positive = [shows == label.replace(" ", "") for label in labels]
    chosen = np.logical_or.reduce([*positive, np.isin(kind, KINDS)])

    def say(name: str, statistic, of: np.ndarray) -> None:
        print(name.ljust(60), json.dumps(interval(statistic, np.flatnonzero(of), source)), f"{of.sum()} pictures")

    either = np.logical_or.reduce(positive)
    right = np.array([is_label.astype(float) for is_label in positive]).argmax(0)
    say("right of the classes", lambda i: np.mean(probabilities[i].argmax(1) == right[i]), either)
    for k, (label, there) in enumerate(zip(labels, positive, strict=True)):
        for one in KINDS:
            say(
                f"{label}: ROC area against {one}",
                lambda i, k=k, there=there: roc_auc_score(there[i], probabilities[i, k]),
                there | (kind == one),
            )
        say(
            f"{label}: expected calibration error",
            lambda i, k=k, there=there: calibration_error(probabilities[i, k], there[i].astype(float)),
            chosen,
        )
    at = [np.quantile(probabilities[there, k], 1 - FOUND) for k, there in enumerate(positive)]
    called = (probabilities >= at).any(1)
    for one in KINDS:
        say(f"{one} called something at {FOUND:.0%} found", lambda i: np.mean(called[i]), kind == one)


if __name__ == "__main__":
    main()
