"""Visitors beside those who send what is built to hurt: does anyone notice?

python benchmarks/hostile.py [--minutes 10] [--files FOLDER]

Eight visitors ask for verdicts, half of them by Gradio's steps; alone for a fifth of the time, and for the rest beside
eight who send the files of tests/hostile.py, paths of this machine, and bodies that come byte by byte. First each file
alone: what is said of it, after how long, and the most that the service held. --files keeps the files for another run.

What a page holds is what it holds as deployed in an environment of requirements.txt, psutil and httpx: where fastai is
installed there is matplotlib too, which Gradio imports at the first request and which takes 36 MB.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
from page import HERE, draw, post, predict, serve

sys.path.insert(0, str(HERE.parent / "tests"))

from hostile import HOSTILE

VISITORS = 8
ROUNDS = 5  # of a time alone and a time with the others


class Memory:
    """Watches what the page and its decoders hold together, in bytes; pages that they share are counted once."""

    def __init__(self, process: psutil.Process):
        self.process, self.most = process, 0
        threading.Thread(target=self._watch, daemon=True).start()

    def now(self) -> int:
        """Bytes at this moment."""
        total = 0
        for process in (self.process, *self.process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                total += process.memory_full_info().pss
        return total

    def processor(self) -> float:
        """Seconds of it that all of them have used, those included that have ended."""
        used = sum(self.process.cpu_times()[:4])
        for process in self.process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                used += sum(process.cpu_times()[:2])
        return used

    def _watch(self) -> None:
        with suppress(psutil.NoSuchProcess):
            while True:
                self.most = max(self.most, self.now())
                time.sleep(0.02)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--files", type=Path, help="a folder to keep the hostile files in")
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        serve("ours", [HERE.parent / "app.py"], "") as (client, process),
    ):
        files = made(args.files or Path(folder))
        pictures = [draw(Path(folder), width, width * 3 // 4) for width in (640, 800, 1600)]
        memory = Memory(process)
        one_by_one(client, files, memory)
        together(client, files, pictures, memory, 60 * args.minutes)


def made(folder: Path) -> dict[str, Path]:
    """The hostile files, those that are not there yet made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in HOSTILE.items():
        if not (folder / name).exists():
            (folder / name).write_bytes(make())
    return {name: folder / name for name in HOSTILE}


def one_by_one(client: httpx.Client, files: dict[str, Path], memory: Memory) -> None:
    """A table: each file alone, and a visitor beside it."""
    print("| file | kB | s | processor s | most MB | the next visitor, s | said |", flush=True)
    print("|---|---:|---:|---:|---:|---:|---|", flush=True)
    small = files["exif.jpg"].read_bytes()
    for name, path in files.items():
        said: list[httpx.Response] = []
        content, memory.most = path.read_bytes(), 0
        sender = threading.Thread(target=tell, args=(client, content, said))
        begun, used = time.perf_counter(), memory.processor()
        sender.start()
        time.sleep(0.05)
        asked = time.perf_counter()
        httpx.post(f"{client.base_url}/verdict", content=small, timeout=60).raise_for_status()
        neighbour = time.perf_counter() - asked
        sender.join()
        took = (time.perf_counter() - begun, memory.processor() - used, memory.most / 1e6, neighbour)
        words = said[0].json().get("verdict") or said[0].json()["error"]
        print(
            f"| {name} | {len(content) // 1000} | {' | '.join(f'{figure:.2f}' for figure in took)} | {words} |",
            flush=True,
        )


def tell(client: httpx.Client, content: bytes, said: list[httpx.Response]) -> None:
    """Send a picture and keep the answer."""
    said.append(client.post("/verdict", content=content))


def together(
    client: httpx.Client, files: dict[str, Path], pictures: list[Path], memory: Memory, seconds: float
) -> None:
    """A table: what the visitors got, alone and beside the others."""
    answers: dict[bool, list[float]] = {False: [], True: []}
    errors, hostile, crowded, done = Counter(), Counter(), threading.Event(), threading.Event()

    def visit(number: int) -> None:
        ask = (predict, post)[number % 2]
        with httpx.Client(base_url=client.base_url, timeout=120) as own:
            for turn in count(done):
                beside, begun = crowded.is_set(), time.perf_counter()
                try:
                    ask(own, pictures[(number + turn) % len(pictures)])
                    answers[beside].append(time.perf_counter() - begun)
                except Exception as error:
                    errors[repr(error)] += 1

    def hurt(number: int) -> None:
        chance = random.Random(number)
        with httpx.Client(base_url=client.base_url, timeout=120) as own:
            for _ in count(done):
                if crowded.wait(0.1):
                    try:
                        hostile[attack(own, chance, list(files.values()))] += 1
                    except Exception as error:
                        hostile[type(error).__name__] += 1

    threads = [threading.Thread(target=work, args=(n,)) for work in (visit, hurt) for n in range(VISITORS)]
    for thread in threads:
        thread.start()
    print("\n| minute | alone: answers, median ms | beside: answers, median ms | errors | MB now | most MB |")
    print("|---:|---:|---:|---:|---:|---:|", flush=True)
    begun, memory.most = time.monotonic(), 0
    for _ in range(ROUNDS):
        crowded.clear()
        time.sleep(seconds / ROUNDS / 5)
        crowded.set()
        time.sleep(seconds / ROUNDS * 4 / 5)
        told = (f"{len(times)}, {1000 * statistics.median(times or [0]):.0f}" for times in answers.values())
        print(
            f"| {(time.monotonic() - begun) / 60:.1f} | {' | '.join(told)} | {errors.total()} "
            f"| {memory.now() / 1e6:.0f} | {memory.most / 1e6:.0f} |",
            flush=True,
        )
    done.set()
    crowded.set()
    for thread in threads:
        thread.join()
    time.sleep(5)
    print(f"five seconds after: {memory.now() / 1e6:.0f} MB; the others were told: {dict(hostile)}")
    print("\n".join(errors) or "no visitor lost an answer")


def count(done: threading.Event) -> Iterator[int]:
    """0, 1, 2 ... until it is done."""
    turn = 0
    while not done.is_set():
        yield turn
        turn += 1


def attack(client: httpx.Client, chance: random.Random, files: list[Path]) -> str:
    """One of the ways to hurt; returns what came of it."""
    way = chance.random()
    if way < 0.1:
        data = [{"path": chance.choice(["/etc/passwd", "/dev/zero", "/proc/self/environ", str(files[0])])}]
        event = client.post("/gradio_api/call/predict", json={"data": data}).json().get("event_id", "none")
        return client.get(f"/gradio_api/call/predict/{event}").text[:12]
    if way < 0.2:

        def slowly() -> Iterator[bytes]:
            for _ in range(7):
                yield b"\xff"
                time.sleep(1)

        return str(client.post("/verdict", content=slowly()).status_code)
    content = chance.choice(files).read_bytes()
    if way < 0.6:
        return str(client.post("/verdict", content=content).status_code)
    paths = client.post("/gradio_api/upload", files={"files": content})
    if paths.status_code != 200:
        return str(paths.status_code)
    event = (
        client.post("/gradio_api/call/predict", json={"data": [{"path": paths.json()[0]}]})
        .json()
        .get("event_id", "none")
    )
    return client.get(f"/gradio_api/call/predict/{event}").text[:12]


if __name__ == "__main__":
    main()
