"""Hundreds of photographs in the static page's grid, in Chromium: the tab's memory, and the time of each.

    python -m benchmarks.many [--count 300] [--model model]

Each is a JPEG of twelve megapixels. Memory is that of the tab's process, worker included, looked at twice a second.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from beercan_or_bacon.training.publish.static import build_embed

from .camera import ROOT, browser_pid, tab_memory
from .embed import CHROMIUM, LISTEN, Server, answer

SIZE = (4032, 3024)
DONE = "document.getElementById('looked-at').value"


def photographs(folder: Path, count: int) -> list[Path]:
    """Files of one content and names of their own: the page treats each as a picture of its own."""
    first = folder / "0.jpg"
    detail = Image.effect_mandelbrot(SIZE, (-2, -1.2, 1, 1.2), 60).convert("RGB")  # at every scale
    detail.save(first, quality=90)
    for number in range(1, count):
        os.link(first, folder / f"{number}.jpg")
    return sorted(folder.iterdir())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "model")
    parser.add_argument("--count", type=int, default=300)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        (album := Path(folder) / "album").mkdir()
        paths = photographs(album, args.count)
        server = Server(build_embed(args.model, Path(folder) / "page", []))
        profile = f"{folder}/profile"
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=shutil.which("chromium"), args=CHROMIUM
        )
        pid, page = browser_pid(f"--user-data-dir={profile}"), context.new_page()
        page.add_init_script(LISTEN)
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.wait_for_selector("#loading", state="hidden")
        idle = tab_memory(pid)
        one = statistics.median(answer(page, paths[0])["choice"] for _ in range(5))
        begun, watched, told = time.perf_counter(), [], 0
        page.set_input_files("#file", paths)
        page.wait_for_selector("#looked-at", state="attached")
        while (done := page.evaluate(DONE)) < args.count:
            watched.append(tab_memory(pid))
            if done >= told + 50:
                told = done
                print(f"{done} of {args.count}: {watched[-1]:.0f} MB, {max(watched):.0f} at most", flush=True)
            page.wait_for_timeout(500)
        each = (time.perf_counter() - begun) * 1000 / args.count
        page.wait_for_timeout(3000)
        print(f"{args.count} pictures: the tab holds {max(watched):.0f} MB at most, {tab_memory(pid):.0f} MB with")
        print(f"  the grid full, {idle:.0f} MB before the first picture")
        print(f"{each:.0f} ms a picture, {each / one:.2f} of one alone ({one:.0f} ms)")
        context.close()


if __name__ == "__main__":
    main()
