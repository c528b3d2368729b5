"""Files that are built to hurt who decodes them: a script each, no file of others.

HOSTILE: name -> what makes the file. Small files that ask for gigabytes or minutes, and large ones at every limit.
GOOD: name -> a JPEG that only looks broken.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()
SIZE, RED = (320, 240), (240, 20, 20)


def written(kind: str, size: tuple[int, int] = SIZE, mode: str = "RGB", **save) -> bytes:
    """A red picture in a format of Pillow's."""
    into = io.BytesIO()
    Image.new("RGB", size, RED).convert(mode).save(into, kind, **save)
    return into.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    """A part of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, depth: int, colours: int, pixels: bytes, extra: bytes = b"") -> bytes:
    """A PNG by hand; `pixels` are its compressed rows."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def zeros(size: int) -> bytes:
    """So many zero bytes, compressed, without having them all."""
    squeeze = zlib.compressobj(9)
    parts = [squeeze.compress(bytes(min(1 << 20, size - done))) for done in range(0, size, 1 << 20)]
    return b"".join(parts) + squeeze.flush()


# TIFF and EXIF: tags that share one value


def directory(tags: int, shared: int, start: int = 8, known: bytes = b"") -> bytes:
    """A TIFF directory of `tags` tags that all have the same `shared` bytes for their value.

    known: entries before them, 12 bytes each. The value lies behind the directory.
    """
    count = tags + len(known) // 12
    value = start + 2 + 12 * count + 4
    many = b"".join(struct.pack("<HHII", 40000 + tag % 25000, 1, shared, value) for tag in range(tags))
    return struct.pack("<H", count) + known + many + bytes(4) + bytes(range(256)) * (shared // 256)


def tiff_bomb(tags: int, shared: int) -> bytes:
    """A TIFF of one grey pixel with such a directory."""
    base = {256: (4, 1), 257: (4, 1), 258: (3, 8), 259: (3, 1), 262: (3, 1), 273: (4, 0), 277: (3, 1), 279: (4, 1)}
    known = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in base.items())
    return b"II*\0" + struct.pack("<I", 8) + directory(tags, shared, known=known)


def exif_bomb(tags: int = 8000, shared: int = 96_000) -> bytes:
    """An EXIF block of 190 kB that means 770 MB; and some more as numbers of Python's."""
    return b"II*\0" + struct.pack("<I", 8) + directory(tags, shared)


def png_with_exif() -> bytes:
    return png(8, 8, 8, 2, zlib.compress(bytes(25 * 8)), chunk(b"eXIf", exif_bomb()))


def webp_with_exif() -> bytes:
    return written("WEBP", exif=b"Exif\0\0" + exif_bomb())


def avif_with_exif() -> bytes:
    return written("AVIF", speed=10, exif=b"Exif\0\0" + exif_bomb())


def heic_with_exif() -> bytes:
    return written("HEIF", exif=b"Exif\0\0" + exif_bomb())


def jpeg_with_exif() -> bytes:
    """In several segments, which are put together to one block."""
    return with_segments([(0xE1, b"Exif\0\0" + exif_bomb()[at : at + 65000]) for at in range(0, 192_000, 65000)])


# Parts without end


def gif_comment(blocks: int) -> bytes:
    """A comment of sub-blocks of one byte."""
    data = written("GIF")
    at = 13 + (3 << (data[10] & 7) + 1)
    return data[:at] + b"!\xfe" + b"\x01x" * blocks + b"\0" + data[at:]


def gif_pieces(blocks: int) -> bytes:
    """Pixels in sub-blocks of one byte."""
    data = written("GIF")
    return data[:-2] + b"\x01\0" * blocks + b"\0;"


def png_profiles(count: int = 20_825) -> bytes:
    profile = chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(900_000), 9))
    return png(8, 8, 8, 2, zlib.compress(bytes(25 * 8)), profile * (count * 975 // len(profile)))


def png_texts() -> bytes:
    text = chunk(b"zTXt", b"t\0\0" + zlib.compress(bytes(1_000_000), 9))
    return png(8, 8, 8, 2, zlib.compress(bytes(25 * 8)), text * 3000)


def png_empty_chunks() -> bytes:
    return png(8, 8, 8, 2, zlib.compress(bytes(25 * 8)), chunk(b"IDAT", b"") * 1_600_000)


def with_segments(segments: list[tuple[int, bytes]], data: bytes = b"") -> bytes:
    """A JPEG with these segments, (marker, content), behind its first marker."""
    data = data or written("JPEG")
    parts = [b"\xff" + bytes([marker]) + struct.pack(">H", 2 + len(body)) + body for marker, body in segments]
    return data[:2] + b"".join(parts) + data[2:]


def jpeg_segments() -> bytes:
    data = written("JPEG")
    return data[:2] + b"\xff\xe1\0\x04ab" * 1_600_000 + data[2:]


def jpeg_fill() -> bytes:
    """20 MB of what is skipped between two segments."""
    data = written("JPEG")
    return data[:2] + b"\xff" * 10_000_000 + b"\xff\x01" * 4_000_000 + data[2:]


def jpeg_scans() -> bytes:
    """A progressive JPEG of 10 megapixels that asks for its last scan without end."""
    data = written("JPEG", (4000, 2500), progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * ((19 << 20) // (len(data) - 2 - last)) + b"\xff\xd9"


def webp_frames() -> bytes:
    """As many frames as fit."""
    into = io.BytesIO()
    frames = [Image.new("RGB", (16, 16), (shade, 0, 0)) for shade in (0, 200)]
    frames[0].save(into, "WEBP", save_all=True, append_images=frames[1:])
    data = into.getvalue()
    frame = data[data.index(b"ANMF", data.index(b"ANMF") + 4) :]
    body = data[8:] + frame * ((19 << 20) // len(frame))
    return b"RIFF" + struct.pack("<I", len(body)) + body


def boxes() -> bytes:
    """An AVIF that begins with boxes of nothing."""
    data = written("AVIF", speed=10)
    size = int.from_bytes(data[:4])
    return data[:size] + b"\0\0\0\x08free" * 2_000_000 + data[size:]


def bmp_runs() -> bytes:
    """Compressed rows in runs of one pixel, which Pillow takes apart in Python."""
    side = 3000
    pixels = b"\x01\x00" * (side * side)
    head = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(pixels), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 1024 + len(pixels), 0, 0, 54 + 1024) + head + bytes(1024) + pixels


def tiff_strips() -> bytes:
    """A strip each for a million rows, all of the same byte."""
    rows = 1_000_000
    base = {256: (4, 1), 257: (4, rows), 258: (3, 8), 259: (3, 1), 262: (3, 1), 277: (3, 1), 278: (3, 1)}
    entries = {tag: struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in base.items()}
    behind = 8 + 2 + 12 * (len(base) + 2) + 4
    entries[273] = struct.pack("<HHII", 273, 4, rows, behind)
    entries[279] = struct.pack("<HHII", 279, 4, rows, behind + 4 * rows)
    table = struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8) + table + bytes(4 * rows) + b"\1\0\0\0" * rows


# Pixels, up to the limits of what is read


def large(kind: str, width: int, height: int, mode: str = "RGB", **save) -> Callable[[], bytes]:
    return lambda: written(kind, (width, height), mode, **save)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "tags-190-kB.tif": lambda: tiff_bomb(8000, 94_000),
    "tags-540-kB.tif": lambda: tiff_bomb(20_000, 300_000),
    "exif.png": png_with_exif,
    "exif.webp": webp_with_exif,
    "exif.avif": avif_with_exif,
    "exif.heic": heic_with_exif,
    "exif.jpg": jpeg_with_exif,
    "comment-190-kB.gif": lambda: gif_comment(95_000),
    "comment-2-MB.gif": lambda: gif_comment(1_000_000),
    "comment-20-MB.gif": lambda: gif_comment(10_000_000),
    "pieces.gif": lambda: gif_pieces(9_000_000),
    "profiles.png": png_profiles,
    "texts.png": png_texts,
    "empty-chunks.png": png_empty_chunks,
    "segments.jpg": jpeg_segments,
    "fill.jpg": jpeg_fill,
    "scans.jpg": jpeg_scans,
    "frames.webp": webp_frames,
    "boxes.avif": boxes,
    "runs.bmp": bmp_runs,
    "strips.tif": tiff_strips,
    "49-megapixels.heic": large("HEIF", 7000, 7000, quality=10),
    "39-megapixels.avif": large("AVIF", 6250, 6250, quality=10, speed=10),
    "24-megapixels.webp": large("WEBP", 4960, 4960, quality=10, method=0),
    "39-megapixels-progressive-cmyk.jpg": large("JPEG", 6300, 6300, "CMYK", progressive=True),
    "49-megapixels-progressive.jpg": large("JPEG", 7000, 7000, progressive=True),
    "200-megapixels.jpg": large("JPEG", 16300, 12300, "L"),
    "line.png": lambda: png(49_999_999, 1, 8, 2, zeros(3 * 49_999_999 + 1)),
    "column.png": lambda: png(1, 49_999_999, 8, 2, zeros(4 * 49_999_999)),
    "grey-line.png": lambda: png(49_999_999, 1, 8, 0, zeros(49_999_999 + 1)),
    "50-megapixels-alpha.png": lambda: png(7070, 7070, 16, 6, zeros((8 * 7070 + 1) * 7070)),
    "50-megapixels.tif": large("TIFF", 7070, 7070, compression="tiff_deflate"),
    "50-megapixels.gif": large("GIF", 7070, 7070, "P"),
}


# What looks odd and is good: every browser shows it


def photoshop(broken: bytes) -> bytes:
    return b"Photoshop 3.0\0" + broken


PLAIN = written("JPEG", quality=88)
TRAILER = b"\0\0\0\x18ftypmp42" + b"\xff\xda\0\x08" * 2_000_000  # a film: to it, a JPEG's markers are any bytes
# name -> a JPEG that every browser shows, and the decoder reads as its twin, PLAIN
GOOD = {
    "motion photo": PLAIN + TRAILER,
    "large profile": with_segments(
        [(0xE2, b"ICC_PROFILE\0" + bytes([n + 1, 110]) + bytes(65000)) for n in range(110)], PLAIN
    ),
    "much XMP": with_segments([(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(65000))] * 200, PLAIN),
    "broken Photoshop block": with_segments([(0xED, photoshop(b"8BIM\x04\x04"))], PLAIN),
    "Photoshop block beyond its end": with_segments([(0xED, photoshop(b"8BIM\x04\x04\0\0\xff\xff\xff\xff"))], PLAIN),
    "cut-short APP14": with_segments([(0xEE, b"Adobe")], PLAIN),
    "cut-short JFIF": with_segments([(0xE0, b"JFIF\0")], PLAIN),
    "broken EXIF": with_segments([(0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff")], PLAIN),
    "broken pictures behind": with_segments([(0xE2, b"MPF\0II*\0\xff\xff\xff\xff")], PLAIN),
    "junk between segments": PLAIN[:20] + b"junk, no marker" + PLAIN[20:],
    "stuffed junk": PLAIN[:20] + b"\xff\0\xff\0ab" + PLAIN[20:],
    "fill bytes": PLAIN[:20] + b"\xff" * 5000 + PLAIN[20:],
    "fill bytes before no marker": PLAIN[:20] + b"\xff" * 300_000 + b"\0" + PLAIN[20:],
    "lone markers": PLAIN[:20] + b"\xff\x01\xff\xd0" + PLAIN[20:],
    "length of nothing": PLAIN[:20] + b"\xff\xe5\0\0" + PLAIN[20:],
    "a comment that looks like scans": with_segments([(0xFE, b"\xff\xda" * 30000)], PLAIN),
}
