"""A run of the pipeline as a whole: it has its data folder to itself, and ends by saying what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import DataError
from .table import read_table


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """Hold the data folder, if there is one; the system lets go of it when the process ends, however it does.

    Raises DataError when another run holds it.
    """
    if not data.is_dir():  # the stage will say so
        yield
        return
    try:
        with FileLock(data / "train.lock", timeout=0):
            yield
    except Timeout:
        raise DataError(
            f"Another train.py is at work on {data}. Wait for it to end, or stop it and run this again: it goes on "
            "from there. For other words at the same time give --data another folder."
        ) from None


def what_next(data: Path, model: Path) -> str:
    """What came of it, what to look at, and what to do with it."""
    records = [record for record in read_table(data) if record.file]
    kept = Counter(record.label for record in records if record.decision == "keep")
    dropped = Counter(record.reason for record in records if record.decision == "drop")
    steps = {
        f"{data / 'clean.html'}": "what was kept and dropped, the most doubtful first",
        f"{data / 'fit' / 'report.html'}": "how good the model is, and what it gets most wrong",
        "python train.py review": "decide otherwise about a picture; train.py again learns from it",
        f"MODEL={model} python app.py": "try it",
        f"python train.py push --model {model} --push USER/REPO": "publish it",
        f"python train.py embed --model {model} --out site": "a page of files, for any web server",
    }
    width = max(map(len, steps))
    return "\n".join([
        "",
        f"Kept {kept.total():,} of {len(records):,} pictures: {listed(kept)}.",
        f"Dropped {dropped.total():,}: {listed(dropped) or 'none'}.",
        "What to look at, and what to do next:",
        *(f"  {step:<{width}}  {what}" for step, what in steps.items()),
    ])  # fmt: skip


def listed(counts: Counter[str]) -> str:
    """Counts in words, the largest first."""
    return ", ".join(f"{count:,} {what}" for what, count in counts.most_common())
