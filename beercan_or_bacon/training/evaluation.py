"""How good a model is: computed once, when it is trained, written beside it, and read by everything that tells it.

evaluation.json is the one source of the figures in README, model card, report, classifier.json and page; it is this
module's Evaluation as JSON, field by field. All its figures are for pictures that were held out together with
everything of their source, answered with thresholds that were chosen without them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ..errors import DataError
from ..files import write_whole

FILE = "evaluation.json"
# what a Figure may be of, beside labels and kinds
ALL, REST, NOTHING, WHICH = "all pictures", "the rest", "all that shows none", "which label it is"
FEW = 50  # fewer pictures are counted (“11 of 12”), more are told in percent
FAILS = 0.2  # a search whose pictures are called something more often than this is named as a known failure ...
FEWEST = 8  # ... if it found so many


@dataclass(frozen=True)
class Estimate:
    """A share, area or error, 0..1, and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Figure:
    """One thing that was measured, and on which pictures.

    measure: "found" (of pictures that show the label, the share called it), "called" (of pictures that show no label),
        "area" (under the ROC curve, the label's pictures against these), "calibration error" (expected, among these),
        "right", "close" and "wrong" (shares of answers).
    label: whose; "" for any.
    of: which pictures, in words.
    by_picture: every picture counts as much as any other. by_source: every source does.
    """

    measure: str
    label: str
    of: str
    by_picture: Estimate
    by_source: Estimate
    pictures: int
    sources: int

    @property
    def name(self) -> str:
        """What was measured, in words."""
        words = {
            "found": "found" if self.of == self.label else f"found, {self.of}",
            "called": f"called {'so' if self.label else 'something'}, of {self.of}",
            "area": f"area under the ROC curve against {self.of}",
            "calibration error": f"expected calibration error among {self.of}",
        }.get(self.measure, f"{self.measure}, {self.of}")
        return f"{self.label}: {words}" if self.label else words

    @property
    def text(self) -> str:
        """By picture, as people write it: “11 of 12 (0.62 to 1)”, “88 % (84 to 91)”, “0.976 (0.953 to 0.994)”."""
        one = self.by_picture
        if self.measure in ("area", "calibration error"):
            return f"{plain(one.value)} ({plain(one.low)} to {plain(one.high)})"
        if self.pictures < FEW:
            return (
                f"{round(one.value * self.pictures)} of {self.pictures} ({plain(one.low, 2)} to {plain(one.high, 2)})"
            )
        return f"{percent(one.value)} % ({percent(one.low)} to {percent(one.high)})"


@dataclass(frozen=True)
class Search:
    """The pictures that a search found and that show none of the labels, and how many of them are called something."""

    query: str
    kind: str
    pictures: int
    called: int


@dataclass(frozen=True)
class Evaluation:
    """What the held-out answers say.

    labels: in the order of the model's outputs; what follows has one entry a label.
    scale, shift: what turns the trained model's logits into calibrated log-odds.
    thresholds: the probability from which a label is said to be there; as shipped, chosen on all pictures.
    close: (low, high), between which the answer is said to be close.
    like: the kinds of pictures that resemble a label and show none, in words; "" if none are known.
    counts: what pictures show -> how many. sources: of how many sources they are.
    figures: at thresholds chosen without the picture and its source.
    unlike: what was left out of the training -> figures on just that, by a model and thresholds that had nothing of it.
    searches: the most often mistaken first.
    sentences: for each label, what its figures mean, for people.
    """

    labels: tuple[str, ...]
    scale: tuple[float, ...]
    shift: tuple[float, ...]
    thresholds: tuple[float, ...]
    close: tuple[tuple[float, float], ...]
    like: tuple[str, ...]
    counts: dict[str, int]
    sources: int
    figures: tuple[Figure, ...]
    unlike: dict[str, tuple[Figure, ...]]
    searches: tuple[Search, ...]
    sentences: tuple[str, ...]

    def figure(self, measure: str, label: str, of: str) -> Figure | None:
        """The figure, or None if these pictures could not give it."""
        same = (f for f in self.figures if (f.measure, f.label, f.of) == (measure, label, of))
        return next(same, None)

    def metrics(self) -> dict[str, dict[str, float | str]]:
        """The figures that the tables below show, by their names: for classifier.json, which the page shows."""
        return {figure.name: {**asdict(figure.by_picture), "text": figure.text} for figure in self.shown()}

    def shown(self) -> list[Figure]:
        """The figures that people are shown: which label it is, the rows below, and the kinds of neither."""
        first = [figure for figure in self.figures if figure.measure == "right"]
        return [*first, *(figure for row in self.rows().values() for figure in row if figure), *self.kinds()]

    def rows(self) -> dict[str, list[Figure | None]]:
        """The figures of each label, in their order: what was measured -> one a label, None where it could not be."""
        rows = {
            "found": ("found", self.labels),
            "area under the ROC curve against what is like it": ("area", self.like),
            "area under the ROC curve against the rest": ("area", [REST] * len(self.labels)),
            "called so, of what is like it": ("called", self.like),
            "called so, of the rest": ("called", [REST] * len(self.labels)),
            "expected calibration error": ("calibration error", [ALL] * len(self.labels)),
            "the same, among it and what is like it": (
                "calibration error", [*map(among, self.labels, self.like)]),
        }  # fmt: skip
        found = {
            name: [self.figure(measure, label, these) for label, these in zip(self.labels, of, strict=True)]
            for name, (measure, of) in rows.items()
        }
        return {name: row for name, row in found.items() if any(row)}

    def kinds(self) -> list[Figure]:
        """How much of each kind of neither is called something, whatever it is."""
        return [figure for figure in self.figures if (figure.measure, figure.label) == ("called", "")]

    @property
    def failures(self) -> tuple[Search, ...]:
        """The searches whose pictures are often taken for something."""
        often = (search for search in self.searches if search.called > FAILS * search.pictures)
        return tuple(search for search in often if search.pictures >= FEWEST)


def write_evaluation(folder: Path, evaluation: Evaluation) -> None:
    """Write evaluation.json into the folder."""
    write_whole(folder / FILE, json.dumps(asdict(evaluation), ensure_ascii=False, indent=1) + "\n")


def read_evaluation(folder: Path) -> Evaluation:
    """evaluation.json of a folder. Raises DataError when there is none that this version wrote."""
    try:
        content = (Path(folder) / FILE).read_bytes()
    except FileNotFoundError:
        raise DataError(f"{folder} holds no {FILE}. `python train.py fit`, then `export`, make one.") from None
    return evaluation_of(content)


def evaluation_of(facts: bytes | dict[str, Any]) -> Evaluation:
    """An Evaluation from its JSON, as text or as read. Raises DataError when it is another version's."""
    form = TypeAdapter(Evaluation)
    try:
        return form.validate_json(facts) if isinstance(facts, bytes) else form.validate_python(facts)
    except ValidationError:
        raise DataError("The evaluation is another version's. Run `python train.py fit` again.") from None


def percent(value: float) -> str:
    """A share as a percentage: whole, with a decimal near 0 and near 100."""
    of_hundred = 100 * value
    if 0 < of_hundred < 0.95 or 99 < of_hundred < 100:
        return f"{min(max(of_hundred, 0.1), 99.9):.1f}"
    return f"{of_hundred:.0f}"


def plain(value: float, decimals: int = 3) -> str:
    """A number of 0..1 without zeros at its end."""
    return f"{value:.{decimals}f}".rstrip("0").rstrip(".") or "0"


def table(evaluation: Evaluation) -> str:
    """What README and model card show of it, in Markdown: by label, by kind of neither, and on what was left out."""
    labels, lines = evaluation.labels, []
    if right := evaluation.figure("right", "", WHICH):
        lines += [
            f"Of pictures that show one of them, {right.text} are given to the right one rather than to another.",
            "",
        ]
    lines += markdown("", *labels)
    for name, row in evaluation.rows().items():
        lines += [cells(name, *(figure.text if figure else "–" for figure in row))]
    lines += ["", *markdown("pictures of", "how many", "called something", "every source counts once")]
    for figure in evaluation.kinds():
        lines += [cells(figure.of, str(figure.pictures), figure.text, f"{percent(figure.by_source.value)} %")]
    if evaluation.unlike:
        found = [f"{label}: found" for label in labels]
        lines += ["", *markdown("left out of the training, and measured on", *found, "called something")]
    for name, figures in evaluation.unlike.items():
        texts = {figure.name: figure.text for figure in figures}
        lines += [cells(name, *(texts.get(what, "–") for what in [*found, f"called something, of {NOTHING}"]))]
    return "\n".join(lines)


def cells(*texts: str) -> str:
    """One row of a Markdown table."""
    return f"| {' | '.join(texts)} |"


def markdown(*headings: str) -> list[str]:
    """The beginning of a Markdown table."""
    return [cells(*headings), cells(*["---"] * len(headings))]


def among(label: str, like: str) -> str:
    """A label's pictures, and those that resemble it."""
    return f"{label} and {like}"
