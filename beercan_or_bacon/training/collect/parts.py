"""A folder for pictures that have arrived in part: one a run, cleared up by the next one when the run was killed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = ".part-"
LOCK = "lock"  # the file in it that its run holds locked; the system lets go of it when the process ends in any way


@contextmanager
def parts_folder(pictures: Path) -> Iterator[Path]:
    """A new folder below `pictures`, which is gone afterwards; those of runs that are no more are removed first.

    Raises OSError when nothing can be written there.
    """
    clear_up(pictures)
    folder, lock = _locked(pictures)
    try:
        yield folder
    finally:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def _locked(pictures: Path) -> tuple[Path, FileLock]:
    """A new folder and its lock, taken. Another run may remove the folder before it is: then the next one."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=pictures))
        lock = FileLock(folder / LOCK, blocking=False)
        try:
            lock.acquire()
        except (FileNotFoundError, Timeout):
            continue
        if (folder / LOCK).exists():
            return folder, lock
        lock.release()


def clear_up(pictures: Path) -> None:
    """Remove what killed runs have left, and nothing of a run that lives."""
    for left in pictures.glob(f"{PREFIX}*"):
        if left.is_file():  # as versions before this one left them
            left.unlink(missing_ok=True)
            continue
        try:
            with FileLock(left / LOCK, blocking=False):
                shutil.rmtree(left, ignore_errors=True)
        except (FileNotFoundError, Timeout):  # a third run was faster, or it lives
            continue
