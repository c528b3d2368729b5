"""The page's functions see pictures that were uploaded to it, and its own examples; no other file of this machine."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from ..errors import PictureError

NOT_HERE = "That picture is not here, or no longer. Send it as a file."  # whatever was asked for: it is no oracle


def open_upload(path: str | None) -> BinaryIO:
    """The file of a checked payload. Raises PictureError if it is gone, or something else lies there by now."""
    try:
        flags = ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")  # no links, and no waiting for pipes
        descriptor = os.open(Path(path or ""), sum(getattr(os, flag, 0) for flag in flags))
    except OSError:
        raise PictureError(NOT_HERE) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise PictureError(NOT_HERE)
    return os.fdopen(descriptor, "rb")
