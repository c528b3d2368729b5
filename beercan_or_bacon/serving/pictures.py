"""Any upload -> an upright RGB picture, or a PictureError a person can read.

What is sent is not trusted: the header is checked before a pixel is decoded, large photographs are decoded at reduced
size, and large decodings take turns, so that the memory and the time this takes are bounded.
"""

from __future__ import annotations

import os
import threading
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pillow_heif
from PIL import Image, ImageFile, ImageOps

from ..errors import PictureError

pillow_heif.register_heif_opener(thumbnails=False)

# What is tried, in Pillow's names. Pillow reads many more, which nobody drops on a page, and some that run Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "BMP", "TIFF")
MAX_BYTES = 20 * 1024 * 1024
TOO_LARGE = f"That file is larger than {MAX_BYTES >> 20} MB. Try a smaller copy of the picture."
# What is decoded, in pixels: phones take photographs of 12, 24 and 48 megapixels. At their peak the decoders take 9
# bytes a pixel for AVIF, 15 for WebP, 8 for a JPEG in several scans, 7 or less for the others (measured at 50 Mpx).
MAX_PIXELS = {"AVIF": 40_000_000, "WEBP": 25_000_000, "JPEG": 40_000_000, "MPO": 40_000_000}
MAX_PIXELS_ELSE = 50_000_000
MAX_JPEG_PIXELS = 220_000_000  # what is decoded line by line, at an eighth; the largest phones reach 200 megapixels
MAX_JPEG_SCANS = 100  # a progressive JPEG has about 10; each one takes time again, and next to no bytes
LARGE_PIXELS = 4_000_000  # decodings above this take turns
KEEP_SIDE = 320  # pixels; no less than the model's input

Image.MAX_IMAGE_PIXELS = None  # the limits above speak first, and in sentences

_one_large_at_a_time = threading.Lock()


def open_picture(path: Path, keep: int = KEEP_SIDE) -> Image.Image:
    """Read a picture file: first frame, EXIF rotation applied, alpha on white, mode RGB.

    JPEG, PNG, APNG, WebP, AVIF, HEIC, GIF, BMP and TIFF of any mode, known by their content and not by their name.
    keep: pixels; a longer side of twice as many or more is averaged down, and stays this long at least.
    Raises PictureError with a sentence for the person who sent it.
    """
    try:
        file = path.open("rb")
    except OSError:
        raise PictureError(f"There is no file {path}.") from None
    with file:
        return read_picture(file, keep)


def read_picture(file: BinaryIO, keep: int = KEEP_SIDE) -> Image.Image:
    """What `open_picture` does, for a file that is open already, on the disk or in memory."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size == 0:
        raise PictureError("That file is empty. Try saving or downloading it again.")
    if size > MAX_BYTES:
        raise PictureError(TOO_LARGE)
    try:
        image = Image.open(file, formats=FORMATS)
    except Exception:  # decoders raise nearly anything when the bytes are made to upset them
        raise PictureError("That file is not a picture we can read. Try a JPEG, PNG or WebP.") from None
    try:
        with image:
            return _decode(image, keep)
    except PictureError:
        raise
    except Exception:
        raise PictureError("That picture is damaged or incomplete. Try saving or downloading it again.") from None


def _decode(image: ImageFile.ImageFile, keep: int) -> Image.Image:
    limit = MAX_PIXELS.get(image.format, MAX_PIXELS_ELSE)
    is_jpeg = image.format in ("JPEG", "MPO")
    if is_jpeg and _has_one_scan(image):
        limit = MAX_JPEG_PIXELS
    pixels = image.width * image.height
    if pixels > limit:
        raise PictureError(f"That picture has more than {limit // 1_000_000} megapixels. Try a smaller copy.")
    if is_jpeg:
        # the decoder itself reduces to a half, a quarter or an eighth, which saves most of the time; the last halving
        # is left to the mean, since the static page can take that to the bit, and cannot reduce as a decoder does
        image.draft(None, tuple(max(1, side * 2 * keep // max(image.size)) for side in image.size))
    with _one_large_at_a_time if pixels > LARGE_PIXELS else nullcontext():
        image.load()
        small = _flatten(image, keep)
    with suppress(Exception):  # broken EXIF turns nothing
        small.getexif()[0x0112] = image.getexif().get(0x0112, 1)
        small = ImageOps.exif_transpose(small)
    return small


def _has_one_scan(image: ImageFile.ImageFile) -> bool:
    """Whether a JPEG can be decoded line by line. If not, the decoder holds all its coefficients, 6 to 8 bytes a pixel.

    Raises PictureError when it has more scans than any honest one.
    """
    image.fp.seek(0)
    data = image.fp.read()
    if data.count(b"\xff\xda") > MAX_JPEG_SCANS:
        raise PictureError("That JPEG is built in a way that we do not read. Try saving it again as a JPEG or PNG.")
    if image.info.get("progressive"):
        return False
    position = 2
    while (marker := data[position + 1]) != 0xDA:  # start of scan
        position += 2 if marker == 0xFF else 2 + int.from_bytes(data[position + 2 : position + 4])
    return data[position + 4] == image.layers  # the first scan has all components


def _flatten(image: Image.Image, keep: int) -> Image.Image:
    """A decoded picture of any mode -> RGB on white; a large one reduced, strip by strip, to save memory."""
    span = _span(image)
    factor = max(1, max(image.size) // keep)
    if factor == 1:
        return _to_rgb(image, span)
    flat = Image.new("RGB", tuple(-(-side // factor) for side in image.size))
    rows = 16  # of the result
    for top in range(0, flat.height, rows):
        strip = image.crop((0, top * factor, image.width, min((top + rows) * factor, image.height)))
        flat.paste(_to_rgb(strip, span).reduce(factor), (0, top))
    return flat


def _span(image: Image.Image) -> tuple[float, float] | None:
    """What is black and white in a picture of more than 8 bits of grey; Pillow's own conversion clips at 255."""
    if image.mode.startswith("I;16"):
        return 0, 65535
    return image.getextrema() if image.mode in ("I", "F") else None


def _to_rgb(image: Image.Image, span: tuple[float, float] | None) -> Image.Image:
    if span:
        low, high = span
        grey = (np.asarray(image, np.float32) - low) / max(high - low, 1e-6)
        image = Image.fromarray((grey.clip(0, 1) * 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
