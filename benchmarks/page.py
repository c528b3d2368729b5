"""The page against what people build today (fastai behind gr.Interface) and against a Gradio page that does nothing.

    python benchmarks/page.py [--model FOLDER] [--arch NAME] [--seconds N]

All three run side by side and take turns, so that a busy machine slows them alike; what counts is the ratio.
Ours is asked in both of its ways: by Gradio's steps, which give the heat map too, and by one POST, which like the
fastai app gives the answer alone.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from packaging.requirements import Requirement
from PIL import Image

HERE = Path(__file__).parent


def free_port() -> int:
    """A port that nothing listens on: another benchmark may run beside this one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


PORTS = {name: free_port() for name in ("ours", "fastai", "empty")}
CLIENTS = 32
ROUNDS = 40  # predictions each for a median


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="", help="a model folder (default: the embedded one)")
    parser.add_argument(
        "--arch", default="tf_efficientnet_lite2", help="the fastai app's network; the blog's was a resnet"
    )
    parser.add_argument("--seconds", type=float, default=10, help="of load, twice for each app")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "ours": [HERE.parent / "app.py"],
            "fastai": [HERE / "fastai_app.py", export_learner(Path(folder), args.arch)],
            "empty": [HERE / "empty_app.py"],
        }
        small, large = draw(Path(folder), 640, 480), draw(Path(folder), 4000, 3000)
        launches = {name: [] for name in commands}
        for _ in range(3):
            for name, command in commands.items():
                start = time.perf_counter()
                with serve(name, command, args.model) as (client, _):
                    predict(client, small)
                    launches[name].append(time.perf_counter() - start)
        with ExitStack() as stack:
            apps = {name: stack.enter_context(serve(name, command, args.model)) for name, command in commands.items()}
            clients = {name: client for name, (client, _) in apps.items()}
            rows = {
                "launch to first answer, s": {name: statistics.median(times) for name, times in launches.items()},
                "640 px JPEG, ms (median): Gradio's steps": latency(clients, small, GRADIO),
                "640 px JPEG, ms (median): ours by one POST": latency(clients, small, POST),
                "12-megapixel JPEG, ms: Gradio's steps": latency(clients, large, GRADIO),
                "12-megapixel JPEG, ms: ours by one POST": latency(clients, large, POST),
                f"{CLIENTS} clients, answers/s: Gradio's steps": throughput(clients, small, GRADIO, args.seconds),
                f"{CLIENTS} clients, answers/s: ours by one POST": throughput(clients, small, POST, args.seconds),
                "resident memory after that, MB": {
                    name: process.memory_info().rss / 1e6 for name, (_, process) in apps.items()
                },
            }
    rows["installed, MB"] = {
        "ours": installed((HERE.parent / "requirements.txt").read_text().splitlines()),
        "fastai": installed(["fastai", "gradio"]),
        "empty": installed(["gradio"]),
    }
    print(f"| {'':46} |     ours |   fastai |    empty | ours/fastai | ours/empty |\n|{'-' * 48}|" + "---------:|" * 5)
    for title, row in rows.items():
        ours, fastai, empty = row["ours"], row["fastai"], row["empty"]
        figures = f"{ours:8.1f} | {fastai:8.1f} | {empty:8.1f} | {ours / fastai:11.2f} | {ours / empty:10.2f}"
        print(f"| {title:46} | {figures} |")


def export_learner(folder: Path, arch: str) -> Path:
    """A fastai learner as people export it, with a timm network; its weights do not matter here."""
    code = (
        "from fastai.vision.all import *; import sys; from pathlib import Path; folder = Path(sys.argv[1])\n"
        "for i in range(8): Image.new('RGB', (64, 64)).save(folder / f'{\"ab\"[i % 2]}_{i}.png')\n"
        "dls = ImageDataLoaders.from_name_re(folder, get_image_files(folder), r'(\\w)_', item_tfms=Resize(224), bs=2)\n"
        "vision_learner(dls, sys.argv[2], pretrained=False).export(folder / 'export.pkl')"
    )
    subprocess.run([sys.executable, "-c", code, folder, arch], check=True, capture_output=True)
    return folder / "export.pkl"


def draw(folder: Path, width: int, height: int) -> Path:
    """A JPEG with about as much detail as a photograph."""
    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8))
    pixels = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    pixels = (pixels + random.normal(0, 6, pixels.shape)).clip(0, 255).astype(np.uint8)
    path = folder / f"{width}.jpg"
    Image.fromarray(pixels).save(path, quality=88)
    return path


@contextmanager
def started(command: Sequence[str], url: str, **options: Any) -> Iterator[psutil.Process]:
    """Run a server from when it answers at `url` until the block ends. options: as of subprocess.Popen."""
    process = psutil.Popen(command, stdout=subprocess.DEVNULL, **options)
    try:
        with httpx.Client(timeout=120) as client:
            while True:
                try:
                    client.get(url)
                    break
                except httpx.TransportError:
                    if process.poll() is not None:
                        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}.") from None
                    time.sleep(0.02)
        yield process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def serve(name: str, command: list, model: str) -> Iterator[tuple[httpx.Client, psutil.Process]]:
    """Run an app on its port until the block ends."""
    environment = {
        **os.environ,
        "GRADIO_SERVER_PORT": str(PORTS[name]),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "MODEL": model,
    }
    url = f"http://127.0.0.1:{PORTS[name]}"
    with (
        started([sys.executable, *command], f"{url}/gradio_api/startup-events", env=environment) as process,
        httpx.Client(base_url=url, timeout=120) as client,
    ):
        yield client, process


def predict(client: httpx.Client, picture: Path) -> None:
    """One prediction as an HTTP client makes it: upload, call, read the answer."""
    paths = client.post("/gradio_api/upload", files={"files": picture.read_bytes()}).raise_for_status().json()
    data = [{"path": paths[0], "meta": {"_type": "gradio.FileData"}}]
    event = client.post("/gradio_api/call/predict", json={"data": data}).raise_for_status().json()["event_id"]
    answer = client.get(f"/gradio_api/call/predict/{event}").raise_for_status().text
    _, complete, data = answer.partition("event: complete\ndata: ")  # heartbeats come before a late answer
    if not complete or "label" not in json.loads(data)[0]:
        raise RuntimeError(answer)


def post(client: httpx.Client, picture: Path) -> None:
    """One prediction by our own route: a picture in, its verdict out."""
    answer = client.post("/verdict", content=picture.read_bytes()).raise_for_status().json()
    if "verdict" not in answer:
        raise RuntimeError(answer)


Ways = dict[str, Callable[[httpx.Client, Path], None]]  # how each app is asked
GRADIO: Ways = dict.fromkeys(PORTS, predict)
POST: Ways = {**GRADIO, "ours": post}


def latency(clients: dict[str, httpx.Client], picture: Path, ways: Ways) -> dict[str, float]:
    """Median milliseconds of a prediction, the apps taking turns."""
    times = {name: [] for name in clients}
    for round_ in range(ROUNDS + 3):
        for name, client in clients.items():
            start = time.perf_counter()
            ways[name](client, picture)
            if round_ >= 3:  # the first few warm up
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def throughput(clients: dict[str, httpx.Client], picture: Path, ways: Ways, seconds: float) -> dict[str, float]:
    """Answers a second to many clients at once; every failure raises."""
    counts = dict.fromkeys(clients, 0)
    failures = []
    for _ in range(2):
        for name, client in clients.items():
            end = time.monotonic() + seconds

            def visit(name=name, url=client.base_url, end=end):
                with httpx.Client(base_url=url, timeout=120) as own:
                    while time.monotonic() < end:
                        try:
                            ways[name](own, picture)
                        except Exception as error:
                            failures.append(f"{name}: {error!r}")
                            return
                        counts[name] += 1

            threads = [threading.Thread(target=visit) for _ in range(CLIENTS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    if failures:
        raise SystemExit("\n".join(failures))
    return {name: count / seconds / 2 for name, count in counts.items()}


def installed(requirements: list[str]) -> float:
    """MB that these requirements and all that they require take on disk, as installed here."""
    todo, sizes = list(requirements), {}
    while todo:
        line = todo.pop().split("#")[0].strip()
        if not line:
            continue
        requirement = Requirement(line)
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name in sizes or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        files = (Path(distribution.locate_file(file)) for file in distribution.files or ())
        sizes[name] = sum(file.stat().st_size for file in files if file.is_file())
        todo += distribution.requires or ()
    return sum(sizes.values()) / 1e6


if __name__ == "__main__":
    main()
