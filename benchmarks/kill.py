"""The whole pipeline killed with SIGKILL at random moments, beside one that nobody disturbs: is the end the same?

    python -m benchmarks.kill 'python3 serve.py --corpus CORPUS --faults realistic --port {port}' [--kills 10]

The command starts an image search behind Openverse's API; {port} becomes a free one. The pipeline runs over it from
nothing, once undisturbed, and once killed again and again at moments that are drawn evenly over its time. After each
kill a copy of what is there is left alone too, to see that the next run finishes and does the same. All runs tell of
every piece of work as it is done: a picture fetched, one that cleaning looked at, one that the fit looked at, a
training begun. Printed as one JSON line: whether pictures.csv and the model are the same to the byte, and how much work
of each kind was done twice.
"""

from __future__ import annotations

import argparse
import bisect
import hashlib
import json
import os
import random
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent
CLASSES = """
title = "Salad or wine?"
[[class]]
label = "salad"
search = ["salad"]
[[class]]
label = "wine"
search = ["wine"]
[neither]
search = ["coffee", "dog", "cat", "sushi", "street"]
"""
KINDS = ("fetched", "cleaning looked", "fit looked", "trained")
# What must be the same: all that a later stage, a person or the Hub reads.
COMPARED = (
    "data/pictures.csv", "data/clean.html", "data/fit/model.safetensors", "data/fit/fit.json", "data/fit/losses.csv",
    "model/model.onnx", "model/classifier.json", "model/model.safetensors", "model/config.json",
)  # fmt: skip


def told(log: Path) -> None:
    """Make the pipeline in this process append a line to the log for each piece of work that it has done."""
    from beercan_or_bacon.training.clean import embeddings
    from beercan_or_bacon.training.collect import scrape
    from beercan_or_bacon.training.learn import cross_validate, features, fit

    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def tell(kind: str, what: object) -> None:
        os.write(file, f"{time.time()} {kind} {hashlib.sha256(str(what).encode()).hexdigest()[:16]}\n".encode())

    class Downloader(scrape.Downloader):
        async def fetch(self, url: str):
            picture = await super().fetch(url)
            tell("fetched", url)
            return picture

    look, look_at, train_late = embeddings.Network.look, features.look_at, fit.train_late

    def counted_look(self, paths):
        for sha256, seen in look(self, paths):
            tell("cleaning looked", sha256)
            yield sha256, seen

    def counted_look_at(early, examples, settings):
        for example, seen in zip(examples, look_at(early, examples, settings), strict=True):
            tell("fit looked", example.record.sha256)
            yield seen

    def counted_train(model, maps, targets, train, *rest, **settings):
        tell("trained", train.tolist())
        return train_late(model, maps, targets, train, *rest, **settings)

    scrape.Downloader, embeddings.Network.look = Downloader, counted_look
    features.look_at = counted_look_at
    cross_validate.train_late = fit.train_late = counted_train


@contextmanager
def search(command: str, port: int):
    """The image search, at that port; it has forgotten what it was asked before."""
    server = subprocess.Popen(shlex.split(command.format(port=port)), stdout=subprocess.PIPE)
    try:
        server.stdout.readline()  # it says when it is ready
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


class Run:
    """The pipeline in a folder of its own, started as often as need be."""

    def __init__(self, folder: Path, url: str, epochs: int):
        self.folder, self.log, self.url, self.epochs = folder, folder / "work.log", url, epochs
        folder.mkdir(exist_ok=True)
        self.log.touch()
        (folder / "classes.toml").write_text(CLASSES)
        self.arguments = [
            "--classes", str(folder / "classes.toml"), "--data", str(folder / "data"), "--out", str(folder / "model"),
            "--openverse", url, "--epochs", str(epochs), "--arch", "tf_efficientnet_lite0", "--device", "cpu",
        ]  # fmt: skip

    def start(self) -> subprocess.Popen:
        command = [sys.executable, "-m", "benchmarks.kill", "--work", str(self.log), *self.arguments]
        errors = (self.folder / "said.txt").open("ab")
        return subprocess.Popen(command, cwd=ROOT, stdout=errors, stderr=errors)

    def copy(self, name: str) -> Run:
        """What is there now, in a folder beside this one."""
        return Run(shutil.copytree(self.folder, self.folder.parent / name), self.url, self.epochs)

    def work(self) -> list[str]:
        """The pieces of work, as they were done."""
        return [line.partition(" ")[2] for line in self.log.read_text().splitlines()]

    def moments(self, count: int, chance: random.Random) -> list[tuple[int, float]]:
        """Moments of a run that has ended, evenly over its time: how many pieces had been done, and how long ago."""
        begun = (self.folder / "classes.toml").stat().st_mtime
        times = [begun, *(float(line.partition(" ")[0]) for line in self.log.read_text().splitlines())]
        ended = (self.folder / "model" / "classifier.json").stat().st_mtime
        drawn = sorted(chance.uniform(begun, ended) for _ in range(count))
        done = [bisect.bisect(times, moment) - 1 for moment in drawn]
        return [(pieces, moment - times[pieces]) for pieces, moment in zip(done, drawn, strict=True)]

    def finish(self, patience: int = 5) -> int:
        """Until it ends well; how many runs that took: pictures that stall are asked for again by the next."""
        for runs in range(1, patience + 1):
            if self.start().wait() == 0:
                return runs
        raise SystemExit(f"It does not end: {self.folder / 'said.txt'}")

    def files(self) -> dict[str, str]:
        return {name: hashlib.sha256((self.folder / name).read_bytes()).hexdigest() for name in COMPARED}

    def twice(self) -> dict[str, int]:
        """Pieces of work done more than once, by kind."""
        found = Counter(self.work())
        return {kind: sum(n - 1 for line, n in found.items() if line.startswith(kind))
                for kind in KINDS}  # fmt: skip


def killed(run: Run, moments: list[tuple[int, float]]) -> tuple[list[str], list[Run]]:
    """Start the run and kill it once for each moment: after so many pieces of work, and so many seconds.

    Returns the last piece before each kill, and a copy of what the kill left.
    """
    last, left = [], []
    for pieces, seconds in moments:
        process = run.start()
        while process.poll() is None and len(run.work()) < pieces:
            time.sleep(0.005)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.kill()
        if process.wait() == 0:
            break
        last.append((run.work() or ["nothing yet"])[-1].rsplit(" ", 1)[0])
        left.append(run.copy(f"kill-{len(last)}"))
    return last, left


def main() -> None:
    """Print one JSON line."""
    if sys.argv[1:2] == ["--work"]:  # the pipeline itself, in a process to be killed
        import train

        told(Path(sys.argv[2]))
        sys.exit(train.main(sys.argv[3:]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("search", metavar="COMMAND")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--keep", type=Path, help="a new folder for both runs, to look at afterwards")
    args = parser.parse_args()
    chance = random.Random(args.seed)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        with search(args.search, port) as url:
            calm = Run(folder / "calm", url, args.epochs)
            runs = calm.finish()
        with search(args.search, port) as url:
            disturbed = Run(folder / "disturbed", url, args.epochs)
            last, left = killed(disturbed, calm.moments(args.kills, chance))
            disturbed.finish()
            twice, took = [], []  # of each copy: what was done again, and how many runs it took
            for run in left:
                before = run.twice()
                took.append(run.finish())
                twice.append({kind: number - before[kind] for kind, number in run.twice().items()})
        same = calm.files()
        ends = [disturbed, *left]
        print(json.dumps({
            "kills": dict(Counter(last)),
            "ended the same": sum(run.files() == same for run in ends), "of": len(ends),
            "other files": {run.folder.name: [name for name in COMPARED if run.files()[name] != same[name]]
                            for run in ends if run.files() != same},
            "work": dict(Counter(line.rsplit(" ", 1)[0] for line in set(calm.work()))),
            "twice, undisturbed": calm.twice(), 
            "runs, undisturbed": runs, "runs after one kill, at most": max(took),
            f"twice, of {len(last)} kills": disturbed.twice(),
            "twice, of one kill, at most": {kind: max(each[kind] for each in twice) for kind in KINDS},
        }))  # fmt: skip


if __name__ == "__main__":
    main()
