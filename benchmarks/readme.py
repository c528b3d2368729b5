"""Write the figures of the finished model into the README, whose every figure of how good it is comes from there.

python -m benchmarks.readme [--model model]
"""

from __future__ import annotations

import argparse
import re
import textwrap
from pathlib import Path

from beercan_or_bacon.training.evaluation import Evaluation, read_evaluation, table

README = Path(__file__).parent.parent / "README.md"
HEADING = "## How good is it"
BEGIN, END = "<!-- figures: python -m benchmarks.readme -->", "<!-- end -->"


def with_figures(text: str, evaluation: Evaluation) -> str:
    """The README's text with these figures between its marks."""
    before, rest = text.split(BEGIN)
    said = [textwrap.fill(words, 120) for words in (" ".join(evaluation.sentences), counted(evaluation))]
    return before + "\n\n".join([BEGIN, *said, table(evaluation), END]) + rest.split(END, 1)[1]


def counted(evaluation: Evaluation) -> str:
    """What was measured on."""
    pictures = ", ".join(f"{count:,} of {name}" for name, count in evaluation.counts.items())
    return (
        f"Measured on {pictures}, from {evaluation.sources:,} sources. A picture is answered by a model, and at a "
        "threshold, that have seen neither it nor its source; what it shows is what the search that found it says. In "
        "brackets 95 % intervals: whole sources are drawn again, and thresholds chosen again each time."
    )


def section(text: str) -> str:
    """What the README says of how good it is."""
    return text.split(f"{HEADING}\n")[1].split("\n## ")[0]


def numbers(text: str) -> set[str]:
    """The numbers in a text, as written."""
    return set(re.findall(r"(?<![\w.-])\d[\d.,]*(?<![.,])", text))


def strangers(text: str, evaluation: Evaluation) -> set[str]:
    """The numbers in the README's section that the evaluation does not hold."""
    said = [figure.text for figures in (evaluation.figures, *evaluation.unlike.values()) for figure in figures]
    said += [f"{search.pictures} {search.called}" for search in evaluation.searches]
    return numbers(section(text)) - numbers(" ".join([with_figures(BEGIN + END, evaluation), *said]))


def main() -> None:
    """Rewrite README.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("model"))
    evaluation = read_evaluation(parser.parse_args().model)
    README.write_text(with_figures(README.read_text(encoding="utf-8"), evaluation), encoding="utf-8")


if __name__ == "__main__":
    main()
