"""A person's desk: the doubtful pictures, most doubtful first, and what is decided about them.

Every decision is on the disk (data/reviews.csv) before the next picture is shown. It wins over the machine in every
later run of every stage, without cleaning again; cleaning again learns from it. What shows the desk, and has buttons,
is `review.py` on this machine and notebook/review.py in a notebook.
"""

from __future__ import annotations

import base64
import csv
import io
from dataclasses import dataclass
from html import escape
from pathlib import Path

from ...errors import DataError, PictureError
from ...serving.pictures import open_picture
from ..classes import NEITHER, Classes
from ..table import SEVERAL, Record, append_review, read_reviews, read_table

SIDE = 640  # pixels, the longer side of the picture shown
AHEAD = 6  # small pictures of what comes next
DOUBTFUL = 0.1  # scores this near to 0.5: a few dozen in two thousand pictures
SURPRISING = 0.693  # held-out loss of a coin toss, ln 2: above it the model contradicts the label

STYLE = """
.bcob-picture{display:flex;flex-direction:column;gap:.5rem} .bcob-picture img{max-height:min(26rem,55vh);
max-width:100%;object-fit:contain;margin:auto;border-radius:8px} .bcob-picture p{margin:0;overflow-wrap:anywhere}
.bcob-ahead{display:flex;gap:.4rem;height:72px;opacity:.75} .bcob-ahead img{height:72px;width:72px;object-fit:cover;
border-radius:6px} #bcob-sha{display:none}
"""


@dataclass(frozen=True)
class Doubt:
    """A picture to look at, and the record that stands for it. loss: in the last fit when held out, if it was high."""

    record: Record
    loss: float | None = None

    @property
    def rank(self) -> tuple[int, float]:
        """Sorts by how much a look is worth: the model contradicts, the cleaning doubts, the rest."""
        if self.loss is not None:
            return 0, -self.loss
        if self.record.score is None or "duplicate" in self.record.reason:
            return 2, 0
        return 1, abs(self.record.score - 0.5)

    @property
    def counts(self) -> bool:
        """Whether it is among those a person is asked to look at."""
        return self.rank[0] == 0 or (self.rank[0] == 1 and self.rank[1] <= DOUBTFUL)


class Desk:
    """One person's sitting: what is left to look at, and what has been decided in it.

    Raises DataError when there is nothing to look at yet.
    """

    def __init__(self, classes: Classes, data: Path) -> None:
        self.classes, self.data = classes, Path(data)
        self.decided: list[tuple[str, str, str]] = []  # sha256, label and decision as they were before, for undo
        reviews = read_reviews(data)
        self.doubts = {doubt.record.sha256: doubt for doubt in doubts(data)}
        if not self.doubts:
            raise DataError(f"{data} holds no cleaned pictures yet. Run `python train.py clean` first.")
        self.left = [sha256 for sha256 in self.doubts if not (sha256 in reviews and reviews[sha256].decision)]

    def decide(self, sha256: str, label: str, decision: str) -> None:
        """Keep or drop the picture on the desk. A second press of the key was not meant for the next one."""
        if not self.left or self.left[0] != sha256:
            return
        before = read_reviews(self.data).get(sha256)
        append_review(self.data, sha256, label, decision)
        self.decided.append((sha256, self.doubts[sha256].record.label, before.decision if before else ""))
        self.left.pop(0)

    def keep(self, sha256: str) -> None:
        """Keep the picture on the desk as what it was found as."""
        if sha256 in self.doubts:
            self.decide(sha256, self.doubts[sha256].record.label, "keep")

    def drop(self, sha256: str) -> None:
        """Drop the picture on the desk."""
        if sha256 in self.doubts:
            self.decide(sha256, self.doubts[sha256].record.label, "drop")

    def skip(self, sha256: str) -> None:
        """Put the picture at the end of the list."""
        if self.left and self.left[0] == sha256:
            self.left.append(self.left.pop(0))

    def undo(self) -> None:
        """Take the last decision back and put its picture on the desk again."""
        if self.decided:
            sha256, label, decision = self.decided.pop()
            append_review(self.data, sha256, label, decision)
            self.left.insert(0, sha256)

    def current(self) -> Doubt | None:
        """The picture on the desk."""
        return self.doubts[self.left[0]] if self.left else None

    def show(self) -> str:
        """The picture on the desk and what follows, as HTML that wears STYLE."""
        ahead = [self.doubts[other].record for other in self.left[1 : 1 + AHEAD]]
        return picture_html(self.data, self.current(), ahead)

    def tell(self) -> str:
        """How far one has come, in a sentence."""
        doubtful = sum(self.doubts[sha256].counts for sha256 in self.left)
        return f"{doubtful} doubtful pictures left, {len(self.left)} in all. Decided just now: {len(self.decided)}."


def choices(classes: Classes) -> dict[str, str]:
    """What a person may say that a picture shows, and the label that it is kept under."""
    several = "both" if len(classes.labels) == 2 else "all of these"
    return {name: name for name in (*classes.labels, NEITHER)} | {several: SEVERAL.join(classes.labels)}


def doubts(data: Path) -> list[Doubt]:
    """Every picture with a decision, most doubtful first."""
    losses = read_losses(data)
    standing: dict[str, Record] = {}
    for record in read_table(data):
        if record.file and record.decision and record.reason != "unreadable":
            known = standing.get(record.sha256)
            # of several records of one picture the kept one stands for it, then a class's
            if not known or (record.decision, record.label != NEITHER) > (known.decision, known.label != NEITHER):
                standing[record.sha256] = record
    return sorted((Doubt(r, losses.get(sha256)) for sha256, r in standing.items()), key=lambda doubt: doubt.rank)


def read_losses(data: Path) -> dict[str, float]:
    """sha256 -> held-out loss in the last fit, of the pictures it was surprised by; {} before the first fit."""
    try:
        with (Path(data) / "fit" / "losses.csv").open(newline="", encoding="utf-8") as file:
            losses = {row["sha256"]: float(row["loss"]) for row in csv.DictReader(file)}
    except FileNotFoundError:
        return {}
    return {sha256: loss for sha256, loss in losses.items() if loss > SURPRISING}


def picture_html(data: Path, doubt: Doubt | None, ahead: list[Record]) -> str:
    """The picture large, what is known about it, and small ones of those that follow."""
    if doubt is None:
        return "<p>Nothing is left to look at. Training goes on from here.</p>"
    record = doubt.record
    label = escape(record.label.replace(SEVERAL, " and "))
    machine = f"{record.decision}{f', {record.reason}' if record.reason else ''}"
    score = "" if record.score is None else f" (sure to belong: {record.score:.0%})"
    loss = "" if doubt.loss is None else f" The model contradicts: held-out loss {doubt.loss:.2f}."
    small = "".join(image_html(data, other, 72, "next") for other in ahead)
    found = " · ".join(escape(part) for part in (record.title, f"searched “{record.query}”", record.creator) if part)
    return (
        f'<div class="bcob-picture">{image_html(data, record, SIDE, "The picture to decide about")}'
        f"<p>Found as <b>{label}</b>. The machine says: <b>{escape(machine)}</b>{score}.{loss}</p>"
        f'<p>{found}</p><div class="bcob-ahead">{small}</div></div>'
    )


def image_html(data: Path, record: Record, side: int, words: str) -> str:
    """The picture inside the page, so that no file of this machine is served."""
    try:
        picture = open_picture(Path(data) / record.file, keep=side)
    except PictureError as error:
        return f"<p>{escape(str(error))}</p>"
    picture.thumbnail((side, side))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85, comment=b"")  # a GIF's may be longer than a JPEG takes
    return f'<img alt="{words}" src="data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}">'
