"""Any upload -> an upright RGB picture, or a PictureError a person can read.

What is sent is not trusted: it is decoded in a process of its own (see decode/), whose memory and time are bounded.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from ..errors import BusyError, PictureError
from .decode.protocol import Outcome
from .decode.workers import Busy, CannotDecode, Workers

MAX_BYTES = 20 * 1024 * 1024
TOO_LARGE = f"That file is larger than {MAX_BYTES >> 20} MB. Try a smaller copy of the picture."
KEEP_SIDE = 320  # pixels; for a model that takes larger pictures, its size
EMPTY = "That file is empty. Try saving or downloading it again."
SENTENCES = {
    Outcome.UNREADABLE: "That file is not a picture we can read. Try a JPEG, PNG or WebP.",
    Outcome.DAMAGED: "That picture is damaged or incomplete. Try saving or downloading it again.",
    Outcome.ODD: "That file is built in a way that we do not read. Try saving it again as a JPEG or PNG.",
    Outcome.TOO_MANY_PIXELS: "That picture has more than {} megapixels. Try a smaller copy.",
    Outcome.TOO_MUCH: "That picture takes too much to open. Try a smaller copy, saved as a JPEG or PNG.",
}

workers = Workers()  # this process's


def _forget_workers() -> None:
    """A forked process has workers of its own: two that write to one would get each other's answers."""
    global workers
    workers = Workers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)


@dataclass(frozen=True)
class Opened:
    """A picture, RGB, upright and reduced; its format in Pillow's name; the whole one's width and height in pixels."""

    picture: Image.Image
    format: str
    width: int
    height: int


def open_picture(path: Path, keep: int = KEEP_SIDE) -> Image.Image:
    """Read a picture file: first frame, EXIF rotation applied, alpha on white, mode RGB.

    JPEG, PNG, APNG, WebP, AVIF, HEIC, GIF, BMP and TIFF of any mode, known by their content and not by their name.
    keep: pixels; a longer side of twice as many or more is averaged down, and stays this long at least.
    Raises PictureError with a sentence for the person who sent it.
    """
    with open_file(path) as file:
        return read_picture(file, keep).picture


def open_file(path: Path) -> BinaryIO:
    """A file, open for reading; what a pipe or a device gives, up to one byte more than is read of any file.

    Raises PictureError if there is none that can be read.
    """
    try:
        file = path.open("rb")
        if file.seekable():
            return file
        with file:
            return io.BytesIO(file.read(MAX_BYTES + 1))
    except FileNotFoundError:
        raise PictureError(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise PictureError(f"{path} is a folder. Name the pictures in it.") from None
    except PermissionError:
        raise PictureError(f"{path} may not be read: its permissions do not allow it.") from None
    except (OSError, ValueError) as error:
        raise PictureError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None


def read_picture(file: BinaryIO, keep: int = KEEP_SIDE) -> Opened:
    """What `open_picture` does, for a file that is open already, on the disk or in memory."""
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        raise PictureError(EMPTY, "unreadable")
    if size > MAX_BYTES:
        raise PictureError(TOO_LARGE, "too_much")
    try:
        answer = workers.decode(file, size, keep)
    except Busy:
        raise BusyError("Many large pictures are being looked at just now. Try again in a few seconds.") from None
    except CannotDecode:
        raise BusyError("This machine cannot open pictures just now. Try again in a few seconds.") from None
    if answer.outcome is not Outcome.PICTURE:
        raise PictureError(SENTENCES[answer.outcome].format(answer.width), answer.outcome.name.lower())
    picture = Image.frombytes("RGB", answer.size, answer.rgb)
    return Opened(picture, answer.format, answer.width, answer.height)
