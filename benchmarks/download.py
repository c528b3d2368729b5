"""The download stage beside fastai's download_images and a plain loop, from the same loopback server, in one run.

    python -m benchmarks.download [--pictures 200] [--latency-ms 50] [--rounds 3]

The server answers every picture after the latency. The three take turns; what counts is the ratio of the medians.
Ours does more for each picture: it checks where it connects to, that all of it came, and that it decodes to its end.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import multiprocessing
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (450, 340)  # pixels; with the noise below some 40 kB as JPEG, like the web's previews


def serve(port: multiprocessing.Queue, count: int, latency: float) -> None:
    """Serve /0.jpg ... /COUNT-1.jpg for ever, each after the latency (seconds)."""
    pictures = []
    for seed in range(count):
        coarse = np.random.default_rng(seed).integers(0, 256, (SIZE[1] // 4, SIZE[0] // 4, 3), np.uint8)
        file = io.BytesIO()
        Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
        pictures.append(file.getvalue())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def do_GET(self):
            time.sleep(latency)
            body = pictures[int(self.path.strip("/").removesuffix(".jpg"))]
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port.put((server.server_port, statistics.mean(map(len, pictures))))
    server.serve_forever()


def ours(urls: list[str], folder: Path) -> None:
    """This project's Downloader."""
    from beercan_or_bacon.training.collect.download import Downloader

    async def run():
        async with Downloader(folder, frozenset({"127.0.0.1"})) as downloader:
            await asyncio.gather(*map(downloader.fetch, urls))

    asyncio.run(run())


def fastai(urls: list[str], folder: Path) -> None:
    """fastai.vision.utils.download_images, as it comes: eight threads."""
    from fastai.vision.utils import download_images

    download_images(folder, urls=urls)


def one_by_one(urls: list[str], folder: Path) -> None:
    """The loop that everybody writes first."""
    for number, url in enumerate(urls):
        with urllib.request.urlopen(url, timeout=10) as response:
            (folder / f"{number}.jpg").write_bytes(response.read())


def measure(way: Callable[[list[str], Path], None], urls: list[str]) -> float:
    """Seconds that one way takes for all pictures."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        way(urls, Path(folder))
        took = time.perf_counter() - start
        arrived = sum(path.is_file() for path in Path(folder).rglob("*.jpg"))
    if arrived != len(urls):
        raise SystemExit(f"{way.__name__} brought {arrived} of {len(urls)} pictures: no comparison.")
    return took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    port = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(port, args.pictures, args.latency_ms / 1000), daemon=True)
    server.start()
    number, size = port.get()
    urls = [f"http://127.0.0.1:{number}/{n}.jpg" for n in range(args.pictures)]
    ways = (ours, fastai, one_by_one)
    for way in ways[:2]:
        measure(way, urls[:8])  # imports
    seconds = {way: [] for way in ways}
    for _ in range(args.rounds):
        for way in ways:
            seconds[way].append(measure(way, urls))
    server.terminate()
    print(f"{args.pictures} pictures of {size / 1000:.0f} kB, {args.latency_ms:.0f} ms latency, {args.rounds} rounds")
    print(f"{'':<14}{'median s':>10}{'spread':>16}{'ours is':>12}")
    mine = statistics.median(seconds[ours])
    for way, took in seconds.items():
        faster = f"{statistics.median(took) / mine:.2f} x"
        spread = f"{min(took):.2f}-{max(took):.2f}"
        print(f"{way.__name__:<14}{statistics.median(took):>10.2f}{spread:>16}{faster:>12}")


if __name__ == "__main__":
    main()
