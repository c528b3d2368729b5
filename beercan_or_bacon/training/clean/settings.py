"""The numbers that cleaning goes by: part of its key, so that the stage runs again when one of them changes."""

from __future__ import annotations

from dataclasses import dataclass

Window = tuple[float, float, float, float]  # shares of a picture's sides: left, top, right, bottom


@dataclass(frozen=True)
class Eye:
    """How a picture is looked at (embeddings.py)."""

    version: int = 1  # of the code that looks; another one looks at every picture again
    # whatever --arch the model is to have: with frozen features lite2 tells what belongs from what does not much better
    # than lite0 (benchmarks/cleaning.py), and its weights need no Hub either
    arch: str = "tf_efficientnet_lite2"
    size: int = 260  # pixels; what the weights were trained with
    margin: float = 0.15  # of each side, left out for a look at the middle
    thumbnail: int = 96  # pixels
    # what a hash is taken of
    windows: tuple[Window, ...] = (
        (0, 0, 1, 1),
        (0.08, 0.08, 0.92, 0.92),
        *((left, top, left + 0.92, top + 0.92) for left in (0, 0.04, 0.08) for top in (0, 0.04, 0.08)),
    )


@dataclass(frozen=True)
class Settings:
    """What the decisions are made by."""

    version: int = 5  # of the code that decides; another one makes the stage run again
    eye: Eye = Eye()

    # faults of any picture (decide.py)
    min_side: int = 48  # pixels
    max_aspect: float = 5  # longer side to shorter
    min_contrast: float = 4  # grey levels of 255, standard deviation
    drawn: float = 3.5  # robust standard deviations above what is usual in the class (Iglewicz and Hoaglin, 1993)

    # copies (duplicates.py): pictures with hashes and features this near are looked at closely; nearly all copies are,
    # and few others
    close_hash: int = 12  # differing bits of 64
    close_features: float = 0.7  # cosine
    same_detail: float = 0.75  # correlation of fine detail, laid over each other as well as they go
    detail_side: int = 64  # pixels; detail is compared at this size

    # what does not show what it was searched as (off_topic.py)
    landmarks: int = 1200  # pictures that all others are described by; more change nothing but the time
    ridge: float = 0.3  # strong, because labels are noisy and classes small
    rounds: int = 1  # more of them forget what a class looks like in the wild
    folds: int = 5
    shuffles: int = 3
    typical: float = 0.35  # of a typical good picture's score, what a picture has to reach
    disputed: float = 0.9  # the same, when it was searched as something that looks like it too


SETTINGS = Settings()
EYE = SETTINGS.eye
