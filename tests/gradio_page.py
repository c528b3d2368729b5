"""The Gradio page in Chromium: what its tests have in common."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import ROOT, free_port, wait_for
from playwright.sync_api import expect

# Fires real events with a real file at an element, as a drop or a paste does.
GIVE = """(target, [kind, name, type, data]) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type }));
  const how = { bubbles: true, cancelable: true };
  if (kind == "paste") target.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, ...how }));
  else for (const step of ["dragenter", "dragover", "drop"])
    target.dispatchEvent(new DragEvent(step, { dataTransfer: transfer, ...how }));
}"""
expect.set_options(timeout=20_000)


def give(frame, path, how: str = "drop", on: str = "#bcob-upload button", kind: str = "image/jpeg") -> None:
    """To the element, once it is there: Gradio draws the page in several steps."""
    frame.locator(on).first.evaluate(GIVE, [how, path.name, kind, base64.b64encode(path.read_bytes()).decode()])


def word(page):
    return page.locator(".bcob-word")


SERVE = """
import sys
from pathlib import Path
from beercan_or_bacon.serving.classifier import Classifier
from beercan_or_bacon.serving.keep import open_keeper
from beercan_or_bacon.serving.page import build_page
from beercan_or_bacon.serving.server import launch
classifier, keeper = Classifier(Path(sys.argv[1])), open_keeper({"KEEP_WRONG": sys.argv[2]})
examples = sorted(Path(sys.argv[3]).glob("*.jpg"))
launch(build_page(classifier, examples, keeps=keeper.where), classifier, keeper=keeper)
"""


@contextmanager
def keeping_page(model: Path, folder: Path, temporary: Path) -> Iterator[str]:
    """A page whose owner keeps what was judged wrong in `folder`; its address. temporary: where examples may be too."""
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port := free_port()), "TMPDIR": str(temporary)}
    process = subprocess.Popen([sys.executable, "-c", SERVE, model, folder, temporary], cwd=ROOT, env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url, process)
        yield url
    finally:
        process.terminate()
        process.wait()
