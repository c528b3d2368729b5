"""A verdict in words: the twin of serving/words.js, for pages whose words are not made in the browser."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..serving.classifier import Description, Prediction


def listed(names: Sequence[str]) -> str:
    """“a”, “a and b”, “a, b and c”."""
    return re.sub(" and (?=.* and )", ", ", " and ".join(names))


def level(share: float) -> str:
    """How sure one yes or no is. share: the probability of the answer given, 0..1."""
    return "very sure" if share >= 0.95 else "fairly sure" if share >= 0.8 else "not very sure"


def sureness(about: Description, prediction: Prediction) -> str:
    """How sure, in a sentence: of what is close, that it is; of the rest the least sure answer, or of several, each."""
    shares, close = prediction.probabilities, prediction.close
    levels = {label: level(share if label in prediction.labels else 1 - share) for label, share in shares.items()}
    there = [label for label in about.labels if label in prediction.labels and label not in close]
    each = listed([f"{levels[label]} about {label}" for label in there])
    if close:
        either = f"{listed(close)} could go either way"
        return sentence(f"{each}; {either}") if there else f"A close call: {either}."
    least = next((word for word in ("not very sure", "fairly sure") if word in levels.values()), "very sure")
    return sentence(each if len({levels[label] for label in there}) > 1 else least)


def sentence(words: str) -> str:
    """With a capital and a full stop."""
    return f"{words[0].upper()}{words[1:]}."
