"""The bars of a verdict, for the page and for a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from types import MappingProxyType

from .classifier import Description
from .heat import LIGHTS

EMPTY: Mapping[str, float] = MappingProxyType({})


def bars_html(about: Description, shares: Mapping[str, float] = EMPTY) -> str:
    """A list of bars, one a class, with its threshold as a tick. shares: label -> 0..1; without them, empty bars."""
    rows = [
        f'<li class="bcob-row" style="--accent: var(--bcob-class-{index % len(LIGHTS)}); --line: {threshold:.1%}">'
        f'<span class="bcob-name">{escape(label)}</span>'
        f'<span class="bcob-share">{f"{percent(shares[label])} %" if shares else ""}</span>'
        f'<span class="bcob-bar"><span class="bcob-fill" style="width: {shares.get(label, 0):.1%}"></span>'
        '<span class="bcob-tick"></span></span></li>'
        for index, (label, threshold) in enumerate(zip(about.labels, about.thresholds, strict=True))
    ]
    return f'<ul class="bcob-bars">{"".join(rows)}</ul>'


def percent(share: float) -> int:
    """As words.js has it. Nothing is certain: 1 to 99. share: 0..1."""
    return min(99, max(1, int(100 * share + 0.5)))
