"""The clean stage: keep or drop every fetched picture, and say why.

What cannot be read, is too small, absurdly shaped or blank goes first; then what does not show what it was searched as
(off_topic.py); then copies of what is kept (duplicates.py). A person's decision always wins, and is learnt from.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from ...errors import DataError
from ..attribution import write_attribution
from ..classes import NEITHER, Classes
from ..table import Record, read_table, write_table
from .duplicates import near_duplicates
from .embeddings import Look, look_at
from .off_topic import drawn, on_topic, outliers, similarity
from .sheet import write_sheet

VERSION = "3"  # of the decisions: another one makes the stage run again
MIN_SIDE = 48  # pixels
MAX_ASPECT = 5  # longer side to shorter
MIN_CONTRAST = 4  # grey levels of 255, standard deviation
DRAWN = 3.5  # robust standard deviations above what is usual in the class (Iglewicz and Hoaglin, 1993)


def clean(classes: Classes, data: Path) -> None:
    """Write decision, reason and score of every fetched picture into data/pictures.csv, and data/clean.html.

    Skips the work when nothing has changed since the last time. Raises DataError when there is nothing to clean.
    """
    records = read_table(data)
    if not any(record.file for record in records):
        raise DataError(f"{data} holds no pictures yet. Run `python train.py scrape` first.")
    done, mark = Path(data) / "clean.txt", fingerprint(records)
    decided = all(record.decision for record in records if record.file)
    if decided and done.exists() and done.read_text() == mark:
        print("clean: nothing has changed since the last time.")
        return
    looks = look_at(data, {record.sha256: record.file for record in records if record.file})
    records = judge(classes, records, looks)
    write_table(data, records)
    write_attribution(data, records)
    write_sheet(data, classes, records, looks)
    done.write_text(mark)
    print(summary(records))


def fingerprint(records: list[Record]) -> str:
    """What the decisions are made from, as one number."""
    said = [(r.label, r.url, r.sha256, r.creator, r.reason == "review" and r.decision) for r in records if r.file]
    return hashlib.sha256(repr((VERSION, sorted(said))).encode()).hexdigest()


def judge(classes: Classes, records: list[Record], looks: dict[str, Look]) -> list[Record]:
    """Decide about every record that has a file and no decision of a person."""
    verdicts: dict[int, tuple[str, str, float | None]] = {}  # index of the record -> decision, reason, score
    of_picture: dict[str, list[int]] = defaultdict(list)  # sha256 -> records
    for index, record in enumerate(records):
        if record.file:
            fault = fault_of(record, looks.get(record.sha256))
            if fault and record.reason != "review":
                verdicts[index] = "drop", fault, 0.0
            elif record.sha256 in looks:
                of_picture[record.sha256].append(index)
    pictures = list(of_picture)
    if pictures:
        verdicts |= judge_topic(classes, records, pictures, of_picture, looks)
    return [
        replace(record, decision=verdict[0], reason=verdict[1], score=verdict[2])
        if record.reason != "review" and (verdict := verdicts.get(index))
        else record
        for index, record in enumerate(records)
    ]


def fault_of(record: Record, look: Look | None) -> str:
    """What is wrong with the picture whatever it shows, or ""."""
    if look is None:
        return "unreadable"
    short, long = sorted((record.width, record.height))
    if short < MIN_SIDE:
        return "too small"
    if long > MAX_ASPECT * short:
        return "odd shape"
    return "blank" if look.contrast < MIN_CONTRAST else ""


def judge_topic(
    classes: Classes,
    records: list[Record],
    pictures: list[str],
    of_picture: dict[str, list[int]],
    looks: dict[str, Look],
) -> dict[int, tuple[str, str, float | None]]:
    """Decide by what the pictures show, then keep one copy of each."""
    seen = [looks[sha256] for sha256 in pictures]
    copies = near_duplicates(seen)
    creators = [{records[index].creator for index in of_picture[s]} - {""} for s in pictures]
    groups = grouped(copies, creators)
    said = np.array([any(records[i].reason == "review" for i in of_picture[s]) for s in pictures])
    gone = np.array([all(records[i].decision == "drop" and records[i].reason == "review" for i in of_picture[s])
                     for s in pictures])  # fmt: skip

    def found(label: str) -> np.ndarray:
        return np.array([
            any(records[i].label == label and not (records[i].reason == "review" and records[i].decision == "drop")
                for i in of_picture[s])
            for s in pictures
        ])  # fmt: skip

    kernel = similarity(seen)
    drawing = drawn(kernel, np.stack([look.plain for look in seen]), groups)
    searched = {label: found(label) for label in (*classes.labels, NEITHER)}
    alike, limit, sketched = {}, {}, {}  # label -> sureness 0..1 [n] that it belongs, is the class, is drawn
    for label in classes.labels:
        other = np.any([mask for name, mask in searched.items() if name != label], axis=0)
        if not (searched[label] & ~other).any():
            raise DataError(f"There is no picture that was found as {label} alone. Give it other searches.")
        score, threshold = on_topic(kernel, searched[label], other, said, groups)
        alike[label] = sureness(score, threshold)
        kept = searched[label] & (alike[label] >= 0.5)
        limit[label] = sureness(score, np.quantile(score[kept], 0.9) if kept.any() else threshold)
        sketched[label] = sureness(outliers(drawing, searched[label]), DRAWN)
        alike[label] = np.where(sketched[label] > 0.5, np.minimum(alike[label], 1 - sketched[label]), alike[label])

    verdicts: dict[int, tuple[str, str, float | None]] = {}
    for n, sha256 in enumerate(pictures):
        names = [label for label in classes.labels if searched[label][n] and alike[label][n] >= 0.5]
        likest = max(classes.labels, key=lambda label: limit[label][n])
        for index in of_picture[sha256]:
            label = records[index].label
            if label != NEITHER:
                score = float(alike[label][n]) if label in alike else 0.0
                reason = "drawing" if label in sketched and sketched[label][n] > 0.5 else "off-topic"
                verdict = ("drop", reason) if label not in names else ("keep", "")
                if len(names) > 1 and label in names:
                    verdict = "drop", "two classes"
            else:
                score = float(1 - limit[likest][n])
                verdict = ("drop", f"looks like {likest}") if score < 0.5 else ("keep", "")
                if names:
                    verdict, score = ("drop", "two classes"), min(score, float(1 - alike[names[0]][n]))
            verdicts[index] = *verdict, score
    for copy in range(copies.max() + 1):
        members = [(n, i) for n in np.flatnonzero(copies == copy) for i in of_picture[pictures[n]]]
        one_copy(records, members, gone, verdicts)
    return verdicts


def grouped(copies: np.ndarray, creators: list[set[str]]) -> np.ndarray:
    """Pictures that may not vouch for each other: copies, and pictures of one creator. Group number, int [n]."""
    first: dict[str, int] = {}
    pairs = [(n, first.setdefault(f"copy {copy}", n)) for n, copy in enumerate(copies)]
    pairs += [(n, first.setdefault(f"by {name}", n)) for n, names in enumerate(creators) for name in names]
    one, other = np.array(pairs).T
    joined = np.zeros((len(copies), len(copies)), bool)
    joined[one, other] = True
    return connected_components(joined, directed=False)[1]


def one_copy(records, members: list[tuple[int, int]], gone: np.ndarray, verdicts: dict) -> None:
    """Of several copies of a picture keep the best: a person's choice, then a class's, then the largest."""

    def standing(member: tuple[int, int]) -> tuple:
        record = records[member[1]]
        person = record.reason == "review" and record.decision == "keep"
        return person, record.label != NEITHER, record.width * record.height, record.bytes, -member[1]

    def kept(index: int) -> bool:
        return (records[index] if records[index].reason == "review" else None) is None and verdicts[index][0] == "keep"

    candidates = [m for m in members if kept(m[1]) or standing(m)[0]]
    refused = any(gone[n] for n, _ in members) and not any(standing(m)[0] for m in members)
    best = max(candidates, key=standing, default=None)
    for member in candidates:
        if kept(member[1]) and (refused or member != best):
            same = records[member[1]].sha256 == records[best[1]].sha256 and not refused
            verdicts[member[1]] = "drop", "exact duplicate" if same else "near duplicate", verdicts[member[1]][2]


def sureness(score: np.ndarray, threshold: np.ndarray | float) -> np.ndarray:
    """0 surely not, 0.5 at the threshold, 1 surely so."""
    return expit(4 * (score / np.maximum(threshold, 1e-6) - 1))


def summary(records: list[Record]) -> str:
    """What happened, counted by class and reason."""
    counts = Counter((r.label, r.decision, r.reason) for r in records if r.file)
    return "\n".join(
        f"{label}: {decision} {count} {reason}" for (label, decision, reason), count in sorted(counts.items())
    )
