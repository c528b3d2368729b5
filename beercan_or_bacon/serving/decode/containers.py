"""A file without all that is not the picture: no comments, profiles, thumbnails, further frames, or EXIF.

Decoders of what goes with a picture are where a small file takes gigabytes or hours. What is never shown need not be
read: only the parts that make the pixels are passed on, and EXIF is read here, for the one number that turns a picture.
Parts are counted while they are walked over, so that the walk itself is short. Where files are broken, the walk goes on
as the decoders behind it do (libjpeg skips what is no marker), and what is incomplete is passed on as it is.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from .protocol import MAX_PARTS, Outcome, Refusal
from .tiff import orientation_of, without_extras

MAX_BLOCKS = 400_000  # a GIF's, of up to 255 bytes: 20 MB in full ones are 80,000
MAX_RUNS = 1_000_000  # bytes of a BMP in runs, which Pillow takes apart in Python
MAX_SCANS = 100  # of a JPEG; a progressive one has about 10, and each takes time again for next to no bytes


@dataclass(frozen=True)
class Bare:
    """What is left.

    orientation: as EXIF has it, 1 to 8; None where the decoder is to say.
    buffered: bytes that the decoder holds beside the pixels, known from the header; 0 where it is not known.
    one_scan: a JPEG that is decoded line by line.
    size: (width, height) in pixels, where the decoder takes memory for them before it tells.
    """

    format: str
    data: bytes
    orientation: int | None = None
    buffered: int = 0
    one_scan: bool = False
    size: tuple[int, int] | None = None


def strip(data: bytes) -> Bare:
    """Take a file apart and leave what makes the picture. Raises Refusal if it is no picture, or an odd one."""
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _gif(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return Bare("TIFF", without_extras(data))
    if data[4:8] == b"ftyp" and (name := _heif_or_avif(data[8 : max(16, _number(data, 0, 4))])):
        return Bare(name, _bmff(data))
    if data.startswith(b"BM"):
        if data[30:31] in (b"\x01", b"\x02") and len(data) > MAX_RUNS:
            raise Refusal(Outcome.ODD)
        return Bare("BMP", data, 1)
    raise Refusal(Outcome.UNREADABLE)


# JPEG (ITU-T T.81, annex B): markers, most of them with a length and a segment

_MARKER = re.compile(rb"\xff([^\x00\xff])", re.DOTALL)  # behind any number of 0xff; \xff+ would be quadratic in them
_NOT_CODED = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)  # in coded data: neither stuffed nor a restart
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_TABLES = frozenset({0xC4, 0xCC, 0xDB, 0xDD})  # Huffman, arithmetic, quantisation, restart interval
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = (b"\xc2", b"\xc6", b"\xca", b"\xce")
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})


def _jpeg(data: bytes) -> Bare:
    kept, orientation, frame, position = [b"\xff\xd8"], 1, b"", 2
    for _ in range(MAX_PARTS):
        marker, position = _next_marker(_MARKER, data, position)
        if marker in _ALONE:
            continue
        if marker in (_SOI, _EOI):
            raise Refusal(Outcome.DAMAGED)
        body, end = data[position + 2 : position + 20], position + max(2, _number(data, position, 2))
        if marker in _FRAMES:
            frame = bytes([marker]) + data[position:end]
        if marker == 0xE1 and body.startswith(b"Exif\0\0") and orientation == 1:
            orientation = orientation_of(data[position + 8 : end])
        colours = (marker == 0xE0 and body.startswith(b"JFIF\0") and end - position >= 16) or (
            marker == 0xEE and body.startswith(b"Adobe") and end - position >= 14  # cut short, libjpeg ignores it
        )
        if colours or marker in _TABLES or marker in _FRAMES or marker == _SOS:
            kept.append(bytes([0xFF, marker]) + data[position:end])
        if marker == _SOS:
            break
        position = end
    else:
        raise Refusal(Outcome.ODD)
    one_scan = frame[:1] not in _PROGRESSIVE and body[:1] == frame[8:9]  # all components: the decoder expects no more
    last = len(data) if one_scan else _end_of_scans(data, end)
    buffered = 0 if one_scan else 2 * _samples(frame)
    return Bare("JPEG", b"".join([*kept, memoryview(data)[end:last]]), orientation, buffered, one_scan)


def _next_marker(pattern: re.Pattern[bytes], data: bytes, position: int) -> tuple[int, int]:
    """The next marker and where it ends. Raises Refusal at the end of the data."""
    if (found := pattern.search(data, position)) is None:
        raise Refusal(Outcome.DAMAGED)
    return found[1][0], found.end()


def _end_of_scans(data: bytes, position: int) -> int:
    """Where the picture ends, from behind the first scan's header on. Raises Refusal for too many scans."""
    scans = 1
    for _ in range(MAX_PARTS):
        try:
            marker, position = _next_marker(_NOT_CODED, data, position)
        except Refusal:
            return len(data)
        if marker == _EOI:
            return position
        scans += marker == _SOS
        if scans > MAX_SCANS:
            break
        if marker not in (0x01, _SOI):
            position += max(2, _number(data, position, 2))
    raise Refusal(Outcome.ODD)


def _samples(frame: bytes) -> int:
    """How many samples a JPEG's frame header (marker, length, ...) declares, over all components."""
    if len(frame) < 9:
        return 0
    factors = [(side >> 4, side & 15) for side in frame[10 : 9 + 3 * frame[8] : 3]]
    widest = max((across for across, _ in factors), default=0) * max((down for _, down in factors), default=0)
    pixels = _number(frame, 4, 2) * _number(frame, 6, 2)
    return pixels * sum(across * down for across, down in factors) // max(1, widest)


# PNG (W3C PNG, 3rd edition): chunks


def _png(data: bytes) -> Bare:
    kept, orientation, position = [data[:8]], 1, 8
    for _ in range(MAX_PARTS):
        name, end = data[position + 4 : position + 8], position + 12 + _number(data, position, 4)
        if name in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            kept.append(data[position:end])
        elif name == b"eXIf":
            orientation = orientation_of(data[position + 8 : end - 4])
        if name == b"IEND" or end >= len(data):
            return Bare("PNG", b"".join(kept), orientation)
        position = end
    raise Refusal(Outcome.ODD)


# GIF (89a): blocks, of sub-blocks that begin with their length


def _gif(data: bytes) -> Bare:
    position = 13 + _colours(data, 10)
    kept, left = [data[:position]], MAX_BLOCKS
    while left and position < len(data):
        kind = data[position : position + 2]
        if kind[:1] == b";":
            break
        if kind[:1] not in (b"!", b","):  # the decoder goes on behind it
            position, left = position + 1, left - 1
            continue
        first = position + (11 + _colours(data, position + 9) if kind[:1] == b"," else 2)
        end, left = _behind_blocks(data, first, left)
        if kind[:1] == b"," or kind == b"!\xf9":  # the picture, and its transparency
            kept.append(data[position:end])
        if kind[:1] == b",":
            return Bare("GIF", b"".join([*kept, b";"] if end <= len(data) else kept), 1)
        position = end
    raise Refusal(Outcome.DAMAGED if left else Outcome.ODD)


def _colours(data: bytes, position: int) -> int:
    """How many bytes of colours follow, by the flags at this position."""
    flags = _number(data, position, 1)
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _behind_blocks(data: bytes, position: int, left: int) -> tuple[int, int]:
    while left and position < len(data) and (length := data[position]):
        position, left = position + 1 + length, left - 1
    return position + 1, left


# WebP (RFC 9649): chunks


def _webp(data: bytes) -> Bare:
    kept, orientation, position, seen = [], 1, 12, set[bytes]()
    for _ in range(MAX_PARTS):
        name, length = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        end = position + 8 + length + (length & 1)
        if name == b"VP8X":  # says which parts there are: no profile (32), no EXIF (8), no XMP (4)
            kept.append(data[position : position + 8] + bytes([_number(data, position + 8, 1) & ~44]))
            kept.append(data[position + 9 : end])
        elif name in (b"ANIM", b"ALPH") or (name in (b"VP8 ", b"VP8L", b"ANMF") and name not in seen):
            kept.append(data[position:end])
        elif name == b"EXIF":
            orientation = orientation_of(data[position + 8 : end].removeprefix(b"Exif\0\0"))
        seen.add(name)
        if end >= len(data):
            body = b"".join(kept)
            bare = b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
            return Bare("WEBP", bare, orientation, size=_webp_size(body))
        position = end
    raise Refusal(Outcome.ODD)


def _webp_size(chunks: bytes) -> tuple[int, int]:
    """As the first chunk's header has it, in as many bits as its kind has for a side."""
    if chunks.startswith(b"VP8X"):
        return 1 + int.from_bytes(chunks[12:15], "little"), 1 + int.from_bytes(chunks[15:18], "little")
    if chunks.startswith(b"VP8L"):
        bits = int.from_bytes(chunks[9:13], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(chunks[14:16], "little") & 0x3FFF, int.from_bytes(chunks[16:18], "little") & 0x3FFF


# HEIF and AVIF (ISO/IEC 14496-12 and 23008-12): boxes in boxes


def _heif_or_avif(brands: bytes) -> str:
    """By its main brand, and where that is their common one by the others."""
    main, others = brands[:4], brands[8:]
    if main in (b"avif", b"avis") or (main in (b"mif1", b"msf1") and (b"avif" in others or b"avis" in others)):
        return "AVIF"
    return "HEIF" if main[:3] in (b"hei", b"hev", b"mif", b"msf") else ""


def _bmff(data: bytes) -> bytes:
    """EXIF and XMP are items like the picture; under another type, no decoder looks for them."""
    bare = bytearray(data)
    for start, end in _boxes(data, 0, len(data), b"meta"):
        for listed, last in _boxes(data, start + 4, end, b"iinf"):
            for item, _ in _boxes(data, listed + (8 if data[listed] else 6), last, b"infe"):
                at = item + (10 if data[item] > 2 else 8)
                if bytes(data[at : at + 4]) in (b"Exif", b"mime"):
                    bare[at : at + 4] = b"skip"
    return bytes(bare)


def _boxes(data: bytes, position: int, end: int, name: bytes) -> Iterator[tuple[int, int]]:
    """(where its content begins, where it ends) of each box of this name that is not empty."""
    for _ in range(MAX_PARTS):
        size, head = _number(data, position, 4), 8
        if size == 1:
            size, head = _number(data, position + 8, 8), 16
        last = position + size if size else end
        if data[position + 4 : position + 8] == name and position + head < min(last, end):
            yield position + head, min(last, end)
        if 0 < size < head or last >= end:
            return
        position = last
    raise Refusal(Outcome.ODD)


def _number(data: bytes, position: int, size: int) -> int:
    """A big-endian number; what is behind the end counts as zeros are not there."""
    return int.from_bytes(data[position : position + size])
