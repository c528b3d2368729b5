"""Writing files so that each is whole or absent, whenever the process is killed and however full the disk is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A binary file to write; at the end of the block it takes the place of `path`, on the disk and in one step.

    Missing folders are made. When the block fails, `path` stays as it was and nothing lies beside it; only a process
    that is killed leaves its temporary file, whose name the next write uses again. Raises OSError, which names `path`.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                temporary.unlink()
                raise
        temporary.replace(path)
    except OSError as error:
        if error.errno and not error.filename:  # a write that fails does not say of which file
            error.filename = str(path)
        raise


def write_whole(path: Path, content: bytes | str) -> None:
    """Replace a file by this content, text as UTF-8; see `replacing`."""
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)
