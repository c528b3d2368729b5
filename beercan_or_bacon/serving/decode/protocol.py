"""What the page and its decoding processes say to each other: numbers of fixed size, then bytes. Nothing is unpickled.

A decoder may have been taken over by the picture it reads, so its answers are numbers that are checked; sentences and
exceptions are made on the page's side.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

REQUEST = struct.Struct("<II")  # bytes of the file that follows; pixels to keep (see decoder.py)
ANSWER = struct.Struct("<BBIIHH")  # Outcome; FORMATS' index; width, height; the small picture's, whose RGB bytes follow
READY = b"ready"  # the first that a process says
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "BMP", "TIFF")  # in Pillow's names
MAX_PARTS = 50_000  # segments, chunks, boxes, tags of a file; 20 MB of PNG in parts of 4 KB are 5,000


@dataclass(frozen=True)
class Lane:
    """What a decoding process may take for a picture.

    memory: bytes, beyond what it holds before its first picture. seconds: of the processor's time. pixels: as declared.
    """

    memory: int
    seconds: float
    pixels: int


# Nearly all pictures are for the first. A process has 14 MB of its own and holds less than it may reserve; the page, in
# a crowd, holds 300: together less than 600.
LANES = {"quick": Lane(40_000_000, 0.5, 30_000_000), "large": Lane(235_000_000, 4.0, 220_000_000)}


class Outcome(IntEnum):
    """How it ended. With TOO_MANY_PIXELS comes, as the width, how many millions are read."""

    PICTURE = 0
    UNREADABLE = 1  # none of FORMATS
    DAMAGED = 2
    ODD = 3  # built as no honest file is: thousands of parts or scans
    TOO_MANY_PIXELS = 4
    TOO_MUCH = 5  # memory or time


class Refusal(Exception):
    """Why a file is no picture here. number: what is to be said with it, see Outcome."""

    def __init__(self, outcome: Outcome, number: int = 0):
        super().__init__(outcome.name)
        self.outcome, self.number = outcome, number
