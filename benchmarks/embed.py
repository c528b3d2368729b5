"""The static page in Chromium: first verdict cold and warm, bytes fetched, time per prediction, agreement with Python.

    python -m benchmarks.embed [PICTURES] [--model model] [--count 200]

PICTURES is a folder of real pictures; `--count` of them, drawn by a fixed seed, go through the page and through Python.
Times are milliseconds; compare them with one another, not with another machine's.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import random
import shutil
import statistics
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from beercan_or_bacon.errors import PictureError
from beercan_or_bacon.serving.classifier import Classifier
from beercan_or_bacon.serving.pictures import open_picture
from beercan_or_bacon.training.publish.static import build_embed

ROOT = Path(__file__).parent.parent
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]

# In the page: the last answer and its time, from the choice of the file; the first one's from the start of the visit.
LISTEN = """
addEventListener("change", () => { window.begun = performance.now(); window.answer = null; }, true);
document.addEventListener("prediction", ({detail}) => {
  const {verdict, probabilities} = detail, now = performance.now();
  window.answer = {verdict, probabilities, visit: now, choice: now - window.begun};
});
"""


class Server(http.server.ThreadingHTTPServer):
    """A plain static server; `sent` counts the bytes of the bodies."""

    def __init__(self, folder: Path):
        self.sent = 0
        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def copyfile(self, source, outputfile):
        body = source.read()
        self.server.sent += len(body)
        outputfile.write(body)

    def log_message(self, *_):
        pass


def answer(page: Page, path: Path) -> dict | None:
    """Give the page a picture; its answer, or None if it cannot read it."""
    page.set_input_files("#file", path)
    page.wait_for_function("() => window.answer || document.getElementById('word').textContent == 'Hm.'", polling=5)
    return page.evaluate("window.answer")


def visit(context, server: Server, picture: Path) -> tuple[Page, float, int]:
    """Open the page and give it a picture at once: the page, milliseconds to the verdict, bytes fetched."""
    server.sent = 0
    page = context.new_page()
    page.add_init_script(LISTEN)
    page.goto(f"http://127.0.0.1:{server.server_port}/", wait_until="commit")
    page.wait_for_selector("#bars li", state="attached")
    first = answer(page, picture)
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    return page, first["visit"], server.sent


def timings(page: Page, classifier: Classifier, path: Path, repeats: int = 15) -> tuple[float, float]:
    """Median milliseconds from file to verdict in the page and in Python, in turns."""
    here, there = [], []
    for _ in range(repeats):
        here.append(answer(page, path)["choice"])
        begun = time.perf_counter()
        classifier.predict(open_picture(path))
        there.append((time.perf_counter() - begun) * 1000)
    return statistics.median(here), statistics.median(there)


def agreement(page: Page, classifier: Classifier, paths: list[Path]) -> None:
    """Print how far the page's probabilities are from Python's."""
    differences, unread, other, other_close = [], [], [], 0
    for path in paths:
        try:
            expected = classifier.predict(open_picture(path))
        except PictureError:
            continue
        got = answer(page, path)
        if got is None:
            unread.append(path.name)
            continue
        differences.append(np.abs(np.array(got["probabilities"]) - list(expected.probabilities.values())).max())
        if got["verdict"] != expected.verdict:
            if expected.close:
                other_close += 1
            else:
                other.append(path.name)
    at = {f"{q} %": f"{np.percentile(differences, q):.1e}" for q in (50, 90, 95, 99, 100)}
    print(f"agreement on {len(differences)} pictures, largest difference of a probability, percentiles: {at}")
    print(f"  other verdicts: {len(other)} clear {other}, {other_close} close; not read by the page: {unread}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, nargs="?", metavar="PICTURES")
    parser.add_argument("--model", type=Path, default=ROOT / "model")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--visits", type=int, default=5, help="cold and warm ones each; the median counts")
    args = parser.parse_args()
    classifier = Classifier(args.model)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        out = build_embed(args.model, Path(folder) / "page", sorted((ROOT / "examples").glob("*.jpg")))
        small, large = Path(folder) / "small.jpg", Path(folder) / "large.jpg"
        photo = Image.effect_mandelbrot((4032, 3024), (-2, -1.2, 1, 1.2), 60).convert("RGB")  # detail at every scale
        photo.save(large, quality=90)
        photo.resize((640, 480)).save(small, quality=90)
        server = Server(out)
        cold, warm = [], []
        for number in range(args.visits):
            context = playwright.chromium.launch_persistent_context(
                f"{folder}/profile-{number}", executable_path=shutil.which("chromium"), args=CHROMIUM
            )
            page, milliseconds, cold_bytes = visit(context, server, small)
            page.close()
            cold.append(milliseconds)
            page, milliseconds, warm_bytes = visit(context, server, small)
            warm.append(milliseconds)
            if number < args.visits - 1:
                context.close()
        print(f"first verdict: cold {statistics.median(cold):.0f} ms, {cold_bytes / 1e6:.2f} MB; ", end="")
        print(f"warm {statistics.median(warm):.0f} ms, {warm_bytes / 1e3:.1f} kB")
        for name, path in (("640 x 480", small), ("12 megapixels", large)):
            here, there = timings(page, classifier, path)
            print(f"file to verdict, {name} JPEG: page {here:.0f} ms, Python {there:.0f} ms, ratio {here / there:.2f}")
        if args.pictures:
            found = sorted(
                path
                for path in args.pictures.rglob("*")
                if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".bmp"}
            )
            agreement(page, classifier, random.Random(0).sample(found, min(args.count, len(found))))
        context.close()


if __name__ == "__main__":
    main()
