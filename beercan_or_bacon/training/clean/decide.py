"""The clean stage: keep or drop every fetched picture, and say why.

What cannot be read, is too small, absurdly shaped or blank goes first; then what does not show what it was searched as
(off_topic.py); then copies of what is kept (duplicates.py). A person's decision always wins, and is learnt from.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from ...errors import DataError
from ...files import write_whole
from ..attribution import write_attribution
from ..classes import NEITHER, Classes
from ..stage_key import stage_key
from ..table import VISITOR, Record, author_of, read_table, write_table
from .duplicates import near_duplicates
from .embeddings import Look, look_at
from .off_topic import described, drawn, on_topic, outliers, similarity
from .settings import SETTINGS
from .sheet import write_sheet


@dataclass(frozen=True)
class Verdict:
    """Whether a record is kept, why not in a word or two that can be counted, and how surely it belongs, 0..1."""

    decision: Literal["keep", "drop"]
    reason: str
    score: float


def clean(classes: Classes, data: Path) -> None:
    """Write decision, reason and score of every fetched picture into data/pictures.csv, and data/clean.html.

    Skips the work when nothing has changed since the last time. Raises DataError when there is nothing to clean.
    """
    records = read_table(data)
    if not any(record.file for record in records):
        raise DataError(f"{data} holds no pictures yet. Run `python train.py scrape` first.")
    done = Path(data) / "clean.txt"
    if done.exists() and done.read_text(encoding="utf-8") == fingerprint(classes, records):
        print("clean: nothing has changed since the last time.")
        return
    looks = look_at(data, {record.sha256: record.file for record in records if record.file})
    records = judge(classes, records, looks)
    write_table(data, records)
    write_attribution(data, records)
    write_sheet(data, classes, records, looks)
    write_whole(done, fingerprint(classes, read_table(data)))
    print(summary(records))


def fingerprint(classes: Classes, records: list[Record]) -> str:
    """What the decisions are made from, and the decisions, as one number: it vouches for these and no others."""
    return stage_key(settings=SETTINGS, classes=classes, records=[record for record in records if record.file])


def judge(classes: Classes, records: list[Record], looks: dict[str, Look]) -> list[Record]:
    """Decide about every record that has a file and no decision of a person."""
    verdicts: dict[int, Verdict] = {}  # by index of the record
    of_picture: dict[str, list[int]] = defaultdict(list)  # sha256 -> records
    for index, record in enumerate(records):
        if not record.file or (record.provider == VISITOR and not record.reviewed):
            continue
        fault = fault_of(record, looks.get(record.sha256))
        if fault and not record.reviewed:
            verdicts[index] = Verdict("drop", fault, 0.0)
        elif record.sha256 in looks:
            of_picture[record.sha256].append(index)
    if of_picture:
        verdicts |= judge_topic(classes, records, of_picture, looks)
    return [
        replace(record, **asdict(verdicts[index])) if index in verdicts and not record.reviewed else record
        for index, record in enumerate(records)
    ]


def fault_of(record: Record, look: Look | None) -> str:
    """What is wrong with the picture whatever it shows, or ""."""
    if look is None:
        return "unreadable"
    short, long = sorted((record.width, record.height))
    if short < SETTINGS.min_side:
        return "too small"
    if long > SETTINGS.max_aspect * short:
        return "odd shape"
    return "blank" if look.contrast < SETTINGS.min_contrast else ""


def judge_topic(
    classes: Classes, records: list[Record], of_picture: dict[str, list[int]], looks: dict[str, Look]
) -> dict[int, Verdict]:
    """Decide by what the pictures show, then keep one copy of each. Verdicts by index of the record."""
    seen = [looks[sha256] for sha256 in of_picture]
    found_as = [[records[index] for index in indices] for indices in of_picture.values()]  # of each picture
    copies = near_duplicates(seen)
    evidence = weigh(classes, found_as, seen, grouped(copies, found_as))
    verdicts = {
        index: verdict_of(records[index].label, n, evidence)
        for n, indices in enumerate(of_picture.values())
        for index in indices
    }
    members: dict[int, list[int]] = defaultdict(list)  # number of a group of copies -> its records
    for copy, indices in zip(copies, of_picture.values(), strict=True):
        members[copy].extend(indices)
    for indices in members.values():
        verdicts |= one_copy({index: records[index] for index in indices}, verdicts)
    return verdicts


@dataclass(frozen=True)
class Evidence:
    """What is known of each picture, by label; each array has a number a picture.

    searched: bool, it was found as the label (the neither searches too).
    belongs: how surely it shows the class that it was found as, 0..1; it is kept from 0.5 on.
    shows: how surely it shows the class whatever it was found as, 0..1: as surely as the best tenth of those kept.
    drawn: how surely it is a drawing, as the class goes, 0..1.
    """

    searched: dict[str, np.ndarray]
    belongs: dict[str, np.ndarray]
    shows: dict[str, np.ndarray]
    drawn: dict[str, np.ndarray]


def weigh(classes: Classes, found_as: list[list[Record]], seen: list[Look], groups: np.ndarray) -> Evidence:
    """Learn from all pictures what each shows. groups: int [pictures], those that may not vouch for each other."""
    searched = {
        label: np.array([any(r.label == label and not refused(r) for r in same) for same in found_as])
        for label in (*classes.labels, NEITHER)
    }
    reviewed = np.array([any(r.reviewed for r in same) for same in found_as])
    features = described(similarity(seen))
    drawing = drawn(features, np.stack([look.plain for look in seen]), groups)
    evidence = Evidence(searched, {}, {}, {})
    for label in classes.labels:
        other = np.any([mask for name, mask in searched.items() if name != label], axis=0)
        if not (searched[label] & ~other).any():
            raise DataError(f"There is no picture that was found as {label} alone. Give it other searches.")
        disputed = np.array([any(resembles(classes, r, label) for r in same) for same in found_as])
        score, threshold = on_topic(features, searched[label], other, disputed, reviewed, groups)
        belongs = sureness(score, threshold)
        kept = searched[label] & (belongs >= 0.5)
        sketched = sureness(outliers(drawing, searched[label]), SETTINGS.drawn)
        evidence.shows[label] = sureness(score, np.quantile(score[kept], 0.9) if kept.any() else threshold)
        evidence.belongs[label] = np.where(sketched > 0.5, np.minimum(belongs, 1 - sketched), belongs)
        evidence.drawn[label] = sketched
    return evidence


def resembles(classes: Classes, record: Record, label: str) -> bool:
    """Whether it was found as another class, or as something that looks like this one; without groups, as neither."""
    if record.label != NEITHER:
        return record.label != label
    group = classes.group_of(record.query)
    return group is None or group.name == NEITHER or group.like == label


def refused(record: Record) -> bool:
    """Whether a person said that the picture does not belong."""
    return record.reviewed and record.decision == "drop"


def verdict_of(label: str, n: int, evidence: Evidence) -> Verdict:
    """Keep or drop picture number n as what it was found as."""
    names = [name for name in evidence.belongs if evidence.searched[name][n] and evidence.belongs[name][n] >= 0.5]
    if label == NEITHER:
        likest = max(evidence.shows, key=lambda name: float(evidence.shows[name][n]))
        score = float(1 - evidence.shows[likest][n])
        if names:
            return Verdict("drop", "two classes", min(score, float(1 - evidence.belongs[names[0]][n])))
        return Verdict("drop", f"looks like {likest}", score) if score < 0.5 else Verdict("keep", "", score)
    if label not in evidence.belongs:  # a label of another classes.toml
        return Verdict("drop", "off-topic", 0.0)
    score = float(evidence.belongs[label][n])
    if label not in names:
        return Verdict("drop", "drawing" if evidence.drawn[label][n] > 0.5 else "off-topic", score)
    return Verdict("drop", "two classes", score) if len(names) > 1 else Verdict("keep", "", score)


def grouped(copies: np.ndarray, found_as: list[list[Record]]) -> np.ndarray:
    """Pictures that may not vouch for each other: copies, and pictures of one creator. Group number, int [pictures]."""
    first: dict[str, int] = {}
    pairs = [(n, first.setdefault(f"copy {copy}", n)) for n, copy in enumerate(copies)]
    creators = [{author_of(record) for record in same} - {""} for same in found_as]
    pairs += [(n, first.setdefault(f"by {name}", n)) for n, names in enumerate(creators) for name in names]
    one, other = np.array(pairs).T
    joined = np.zeros((len(copies), len(copies)), bool)
    joined[one, other] = True
    groups: np.ndarray = connected_components(joined, directed=False)[1]
    return groups


def one_copy(records: dict[int, Record], verdicts: dict[int, Verdict]) -> dict[int, Verdict]:
    """Of the records of one picture and its copies keep the best: a person's choice, then a class's, then the largest.

    records: by index, copies of each other. Returns the verdicts that this changes.
    """

    def chosen(index: int) -> bool:
        return records[index].reviewed and records[index].decision == "keep"

    def standing(index: int) -> tuple[bool, bool, int, int, int]:
        record = records[index]
        return chosen(index), record.label != NEITHER, record.width * record.height, record.bytes, -index

    kept = [i for i, record in records.items() if not record.reviewed and verdicts[i].decision == "keep"]
    best = max([*kept, *filter(chosen, records)], key=standing, default=None)
    if best is None:
        return {}
    pictures: dict[str, list[Record]] = defaultdict(list)  # sha256 -> its records
    for record in records.values():
        pictures[record.sha256].append(record)
    # a picture that a person refused takes its copies with it, unless a person chose one of them
    gone = any(all(map(refused, same)) for same in pictures.values()) and not any(map(chosen, records))
    changed = {}
    for index in kept:
        if gone or index != best:
            same = records[index].sha256 == records[best].sha256 and not gone
            changed[index] = replace(
                verdicts[index], decision="drop", reason=f"{'exact' if same else 'near'} duplicate"
            )
    return changed


def sureness(score: np.ndarray, threshold: np.ndarray | float) -> np.ndarray:
    """0 surely not, 0.5 at the threshold, 1 surely so."""
    sure: np.ndarray = expit(4 * (score / np.maximum(threshold, 1e-6) - 1))
    return sure


def summary(records: list[Record]) -> str:
    """What happened, counted by class and reason."""
    counts = Counter((r.label, r.decision, r.reason) for r in records if r.file)
    return "\n".join(
        f"{label}: {decision} {count} {reason}" for (label, decision, reason), count in sorted(counts.items())
    )
