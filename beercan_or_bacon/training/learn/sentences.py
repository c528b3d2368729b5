"""Figures -> what they mean, in sentences for people."""

from __future__ import annotations

from collections.abc import Sequence

from ..classes import Classes
from ..evaluation import FEW, Figure


def sentence(classes: Classes, label: str, figures: Sequence[Figure]) -> str:
    """How many of a label's pictures are found, and how many of those that resemble it are called it.

    “Of 100 beer cans it has never seen, it finds about 88. Of 100 other drinks, it calls about 5 a beer can.”
    Where few pictures were tried, it says how little that tells. "" when the figures hold neither.
    """
    words, said = classes.words_of(label), []
    found = next((f for f in figures if (f.measure, f.label, f.of) == ("found", label, label)), None)
    called = next(
        (f for f in figures if (f.measure, f.label) == ("called", label)), None
    )  # the first: all that is like it
    if found and found.pictures < FEW:
        said.append(f"Of {found.pictures} {words.many} it had never seen, it found {few(found)}.")
    elif found:
        said.append(f"Of 100 {words.many} it has never seen, it finds {about(found)}.")
    if called and called.pictures < FEW:
        said.append(f"Of {called.pictures} {words.others}, it called {few(called, words.one)}.")
    elif called:
        said.append(f"Of 100 {words.others}, it calls {about(called)} {words.one}.")
    return " ".join(said)


def about(figure: Figure) -> str:
    """A share as a number of a hundred."""
    of_hundred = 100 * figure.by_picture.value
    if of_hundred < 0.5:
        return "fewer than 1"
    return "more than 99" if of_hundred > 99.5 else f"about {of_hundred:.0f}"


def few(figure: Figure, so: str = "") -> str:
    """How many there were of few, and what that can mean."""
    one = figure.by_picture
    hits = " ".join(filter(None, [str(round(one.value * figure.pictures)), so]))
    return f"{hits}; of 100, that can mean {100 * one.low:.0f} to {100 * one.high:.0f}"
