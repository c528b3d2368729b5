"""TIFF 6.0 and BigTIFF, and EXIF, which is one: a directory of tags, whose values may lie on top of each other.

A decoder that reads every tag's value takes gigabytes for many tags that share one: other tags are taken out, unread.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from .protocol import MAX_PARTS, Outcome, Refusal

ORIENTATION, SHORT = 0x0112, 3
MAX_TAG_BYTES = 4_000_000  # of the tags that stay: 16 bytes for each of 250,000 strips

# what the decoder needs: sizes, strips, tiles, colours, and the tables of the compressions
_TAGS = frozenset({
    254, *range(256, 260), 262, 266, 273, ORIENTATION, *range(277, 282), 284, 292, 293, 317, 320, *range(322, 326),
    332, 338, 339, 347, *range(512, 522), *range(529, 533),
})  # fmt: skip
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


@dataclass(frozen=True)
class _Directory:
    """Where a TIFF's first directory lies: its entries, their size in bytes, and how its numbers are packed."""

    order: str
    start: int
    count: int
    entry: int
    big: bool

    def entries(self, data: bytes | bytearray) -> Iterator[tuple[int, int, int, int]]:
        """(tag, type, count, where the entry lies) of those that are there."""
        for position in range(self.start, self.start + self.count * self.entry, self.entry):
            if position + self.entry > len(data):
                return
            tag, kind, number = struct.unpack_from(self.order + ("HHQ" if self.big else "HHI"), data, position)
            yield tag, kind, number, position


def _directory(data: bytes | bytearray) -> _Directory:
    """Raises Refusal if it is not there."""
    order, big = ("<" if data[:2] == b"II" else ">"), b"+" in data[2:4]
    try:
        (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, start)
    except (struct.error, OverflowError):
        raise Refusal(Outcome.UNREADABLE) from None
    if count > MAX_PARTS:
        raise Refusal(Outcome.ODD)
    return _Directory(order, start + (8 if big else 2), count, 20 if big else 12, big)


def without_extras(data: bytes) -> bytes:
    """The file with neither other tags nor further directories: the first directory is rewritten in its place.

    Raises Refusal if there is no directory, or an odd one.
    """
    directory, bare = _directory(data), bytearray(data)
    kept, weight = [], 0
    for tag, kind, number, position in directory.entries(data):
        if tag in _TAGS:
            kept.append(data[position : position + directory.entry])
            weight += number * _SIZES.get(kind, 1)
    if weight > MAX_TAG_BYTES:
        raise Refusal(Outcome.ODD)
    head = directory.start - (8 if directory.big else 2)
    table = b"".join([*kept, bytes(8 if directory.big else 4)])  # no next directory
    bare[head : directory.start] = struct.pack(directory.order + ("Q" if directory.big else "H"), len(kept))
    bare[directory.start : directory.start + len(table)] = table
    return bytes(bare)


def orientation_of(exif: bytes) -> int:
    """The orientation that an EXIF block (a TIFF directory) names, 1 to 8; 1 for a broken one."""
    try:
        directory = _directory(exif)
    except Refusal:
        return 1
    for tag, kind, _, position in directory.entries(exif):
        if tag == ORIENTATION and kind == SHORT:
            (value,) = struct.unpack_from(directory.order + "H", exif, position + (12 if directory.big else 8))
            return value if 1 <= value <= 8 else 1
    return 1
