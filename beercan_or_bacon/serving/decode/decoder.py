"""A file's bytes -> a small upright RGB picture, in memory that is known from the header before a pixel is decoded."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import pillow_heif
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from .containers import Bare, strip
from .protocol import LANES, Lane, Outcome, Refusal

PLUGINS = {
    "JPEG": JpegImagePlugin.JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
}
# Bytes a pixel that the decoders hold at their peak, the picture itself included; measured at 20 megapixels and more.
BYTES_A_PIXEL = {"AVIF": 11, "WEBP": 17, "HEIF": 5}
BYTES_A_PIXEL_ELSE = 4
MAX_PIXELS = 50_000_000  # phones take photographs of 12, 24 and 48 megapixels
MAX_LINE_PIXELS = 220_000_000  # of a JPEG decoded line by line, at an eighth; the largest phones reach 200 megapixels
ROWS = 16  # of the small picture, made at a time; fewer where they would be made of more pixels than STRIP
STRIP = 1_000_000
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip

pillow_heif.options.DECODE_THREADS = 2  # each has a stack that counts
Image.MAX_IMAGE_PIXELS = None  # the bounds above speak first


@dataclass(frozen=True)
class Decoded:
    """A small RGB picture, upright, and the size that the whole one has when it is upright, in pixels."""

    format: str
    width: int
    height: int
    picture: Image.Image


@dataclass(frozen=True)
class Pixels:
    """A decoded picture, row by row: strip(top, bottom) gives these rows of it, in any of Pillow's modes."""

    width: int
    height: int
    strip: Callable[[int, int], Image.Image]
    span: tuple[float, float] | None = None  # what is black and white, where there are more than 8 bits of grey


def decode(data: bytes, keep: int, lane: Lane) -> Decoded:
    """The first frame, rotation applied, alpha on white.

    keep: pixels; a longer side of twice as many or more is averaged down, and stays this long at least.
    Raises Refusal; TOO_MUCH means: for this lane.
    """
    bare = strip(data)
    try:
        if bare.format == "HEIF":
            (width, height), turn, pixels = _with_pillow_heif(bare, lane)
        else:
            (width, height), turn, pixels = _with_pillow(bare, keep, lane)
        small = _flatten(pixels, keep)
        if turn in TURNS:  # a TIFF's may be no number
            small = small.transpose(TURNS[turn])
            width, height = (height, width) if turn >= 5 else (width, height)
    except Refusal:
        raise
    except MemoryError:
        raise Refusal(Outcome.TOO_MUCH) from None
    except Exception:  # decoders raise nearly anything when the bytes are made to upset them
        raise Refusal(Outcome.DAMAGED) from None
    return Decoded(bare.format, width, height, small)


Opened = tuple[tuple[int, int], int, Pixels]  # the whole picture's size as stored, its orientation, what is decoded


def _with_pillow(bare: Bare, keep: int, lane: Lane) -> Opened:
    if bare.size:
        _within_bounds(bare, bare.size, bare.size[0] * bare.size[1], lane)
    try:
        image = PLUGINS[bare.format](io.BytesIO(bare.data))
    except MemoryError:
        raise
    except Exception:
        raise Refusal(Outcome.UNREADABLE) from None
    with image:
        size = image.size
        if bare.format == "JPEG":
            # the decoder itself reduces to a half, a quarter or an eighth, which saves most of the time; the last
            # halving is left to the mean, since the static page can take that to the bit, and cannot reduce as a
            # decoder does
            image.draft(None, (max(1, size[0] * 2 * keep // max(size)), max(1, size[1] * 2 * keep // max(size))))
        _within_bounds(bare, size, image.width * image.height, lane)
        image.load()
        span = _span(image)
        turn = bare.orientation or image.getexif().get(0x0112, 1)
        return size, turn, Pixels(image.width, image.height, lambda top, end: _rows(image, top, end), span)


def _rows(image: ImageFile.ImageFile, top: int, end: int) -> Image.Image:
    return image.crop((0, top, image.width, end))


def _with_pillow_heif(bare: Bare, lane: Lane) -> Opened:
    """Not through Pillow, which would copy all pixels at once. libheif has turned the picture itself."""
    try:
        file = pillow_heif.HeifFile(io.BytesIO(bare.data), convert_hdr_to_8bit=True, remove_stride=False)
        image = file[file.primary_index]
    except MemoryError:
        raise
    except Exception:
        raise Refusal(Outcome.UNREADABLE) from None
    _within_bounds(bare, image.size, image.size[0] * image.size[1], lane)
    rows, stride, (width, height) = memoryview(image.data), image.stride, image.size  # which decoding may correct

    def strip(top: int, end: int) -> Image.Image:
        part = rows[top * stride : end * stride]
        return Image.frombytes(image.mode, (width, end - top), part, "raw", image.mode, stride)

    return (width, height), 1, Pixels(width, height, strip)


def _within_bounds(bare: Bare, size: tuple[int, int], decoded: int, lane: Lane) -> None:
    """Raise Refusal if it is not for this lane. decoded: pixels that will be in memory."""
    pixels = size[0] * size[1]
    limit = MAX_LINE_PIXELS if bare.one_scan else MAX_PIXELS
    cost = bare.buffered + decoded * BYTES_A_PIXEL.get(bare.format, BYTES_A_PIXEL_ELSE) + 2 * len(bare.data)
    limit = min(limit, pixels * LANES["large"].memory // max(1, cost))
    if pixels > limit:
        raise Refusal(Outcome.TOO_MANY_PIXELS, limit // 1_000_000)
    if cost > lane.memory or pixels > lane.pixels:
        raise Refusal(Outcome.TOO_MUCH)


def _flatten(pixels: Pixels, keep: int) -> Image.Image:
    """RGB on white; a large picture reduced, strip by strip, to save memory."""
    factor = max(1, max(pixels.width, pixels.height) // keep)
    flat = Image.new("RGB", (-(-pixels.width // factor), -(-pixels.height // factor)))
    rows = max(1, min(ROWS, STRIP // (pixels.width * factor)))
    for top in range(0, flat.height, rows):
        strip = pixels.strip(top * factor, min((top + rows) * factor, pixels.height))
        flat.paste(_to_rgb(strip, pixels.span).reduce(factor), (0, top))
    return flat


def _span(image: Image.Image) -> tuple[float, float] | None:
    """What is black and white in a picture of more than 8 bits of grey; Pillow's own conversion clips at 255."""
    if image.mode.startswith("I;16"):
        return 0, 65535
    return cast(tuple[float, float], image.getextrema()) if image.mode in ("I", "F") else None  # they have one band


def _to_rgb(image: Image.Image, span: tuple[float, float] | None) -> Image.Image:
    if span:
        low, scale = span[0], 255 / max(span[1] - span[0], 1e-6)
        image = image.convert("F").point(lambda grey: (grey - low) * scale).convert("L")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
