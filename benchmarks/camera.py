"""The static page's camera in Chromium: time to the right verdict, answers a second beside the page, memory.

    python -m benchmarks.camera [--model model] [--minutes 5]

The camera plays one of our examples. An answer's time is compared with that of one picture of the camera's size, taken
in the same visit; the page's own frames are counted with the camera off and on. Memory is that of the tab's process.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from beercan_or_bacon.training.publish.static import build_embed

from .embed import LISTEN, Server, answer

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from fake_camera import camera_browser, write_film  # noqa: E402

FRAMES = """(seconds) => new Promise((done) => {
  let count = 0;
  const begun = performance.now();
  const step = (now) => (now - begun < seconds * 1000 ? (count++, requestAnimationFrame(step)) : done(count / seconds));
  requestAnimationFrame(step);
})"""
VERDICT = """(wanted) => new Promise((done) => {
  const begun = performance.now();
  document.addEventListener("frame", ({detail}) => detail.steady.verdict === wanted && done(performance.now() - begun));
  document.getElementById("camera").click();
})"""
COUNT = "window.looks = 0; document.addEventListener('frame', () => window.looks++);"


def tab_memory(browser_pid: int) -> float:
    """MB that the largest of the browser's tabs holds for itself."""
    children = psutil.Process(browser_pid).children(recursive=True)
    return max(child.memory_full_info().uss for child in children if "--type=renderer" in child.cmdline()) / 1e6


def browser_pid(flag: str) -> int:
    """The browser that was started with this flag."""
    mine = [p for p in psutil.process_iter(["cmdline"]) if flag in (p.info["cmdline"] or ())]
    return next(process.pid for process in mine if not any(a.startswith("--type=") for a in process.cmdline()))


def rates(page: Page, seconds: int = 10) -> tuple[float, float]:
    """The page's own frames a second and the camera's answers a second, at the same time."""
    before = page.evaluate("window.looks")
    begun = time.perf_counter()
    frames = page.evaluate(FRAMES, seconds)
    return frames, (page.evaluate("window.looks") - before) / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "model")
    parser.add_argument("--minutes", type=float, default=5, help="how long memory is watched")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        with Image.open(ROOT / "examples/beer_can_1.jpg") as picture:
            film = write_film(Path(folder) / "film.mjpeg", [picture])
            (still := Path(folder) / "still.jpg").write_bytes(film.read_bytes()[: film.stat().st_size // 30])
        server = Server(build_embed(args.model, Path(folder) / "page", []))
        with camera_browser(playwright, film) as browser:
            page = browser.new_page()
            page.add_init_script(LISTEN)
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.wait_for_selector("#loading", state="hidden")
            one = statistics.median(answer(page, still)["choice"] for _ in range(15))
            idle = page.evaluate(FRAMES, 5)
            page.evaluate(COUNT)
            print(f"right verdict {page.evaluate(VERDICT, 'beer can'):.0f} ms after the button is pressed")
            frames, looks = rates(page)
            print(f"{looks:.1f} answers a second; one takes {1000 / looks / one:.2f} of a still's {one:.0f} ms")
            print(f"beside it the page draws {frames:.0f} frames a second, {idle:.0f} without the camera")
            watched = []
            pid = browser_pid(f"--use-file-for-fake-video-capture={film}")
            for _ in range(max(2, round(args.minutes * 6))):
                page.wait_for_timeout(10_000)
                watched.append(tab_memory(pid))
            third = len(watched) // 3 or 1
            first, last = statistics.median(watched[:third]), statistics.median(watched[-third:])
            print(
                f"the tab holds {first:.0f} MB in the first third of {args.minutes} minutes, {last:.0f} MB in the last"
            )


if __name__ == "__main__":
    main()
