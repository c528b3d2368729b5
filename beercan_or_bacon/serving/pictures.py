"""Any upload -> an upright RGB picture, or a PictureError a person can read."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import PictureError


def open_picture(path: Path) -> Image.Image:
    """Read a picture file: first frame, EXIF rotation applied, alpha on white, mode RGB.

    Raises PictureError with a sentence for the person who sent it.
    """
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except FileNotFoundError:
        raise PictureError(f"There is no file {path}.") from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise PictureError("That file is not a picture we can read. Try a JPEG, PNG or WebP.") from None
