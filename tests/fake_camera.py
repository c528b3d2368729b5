"""A Chromium whose camera plays pictures: its fake capture device reads a file of JPEGs, one after the other."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageOps
from playwright.sync_api import Browser, Playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
SIZE = (640, 480)


def write_film(path: Path, pictures: Iterable[Image.Image], frames: int = 30) -> Path:
    """An MJPEG file in which each picture stands still for this many frames; Chromium plays it again and again."""
    with path.open("wb") as file:
        for picture in pictures:
            still = ImageOps.pad(picture.convert("RGB"), SIZE, color="white")
            for _ in range(frames):
                still.save(file, "JPEG", quality=90)
    return path


@contextmanager
def camera_browser(playwright: Playwright, film: Path | None, ask: bool = False) -> Iterator[Browser]:
    """film: what the camera sees; None: there is no camera. ask: nobody is there to allow it."""
    flags = list(FLAGS)
    if film:
        flags += ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}"]
    if not ask:
        flags.append("--use-fake-ui-for-media-stream")
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
    try:
        yield browser
    finally:
        browser.close()
