"""A folder of pictures on Ray, beside one process without it: `beercan_or_bacon.batch` and `beercan_or_bacon --csv`.

    pip install -r requirements-ray.txt
    python -m benchmarks.batch FOLDER [--pictures 400] [--workers 2] [--rounds 3]

Both look at the same pictures of the folder and take turns. Starting Ray takes long, which counts for nothing beside
a million pictures, so each is timed over a few pictures too: what counts is the time that a picture more takes. In the
end Ray is killed (SIGKILL) when it has written its first rows, and started again: are all rows there, each once, and
are its answers those of the one process?
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet

ROOT = Path(__file__).parent.parent
FEW = 40
PROCESS, RAY = "one process", "Ray"


def main() -> None:
    """Print a table, and what the interruption left."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=400)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        pictures = sorted(args.folder.glob("*.jpg"))[: args.pictures]
        for name, some in (("all", pictures), ("few", pictures[:FEW])):
            (work / name).mkdir()
            for path in some:
                shutil.copy(path, work / name)
        rows = []
        for number in range(args.rounds):
            few = {PROCESS: alone(work / "few")[0], RAY: on_ray(work / "few", work / f"few-{number}", args.workers)}
            every = {PROCESS: alone(work / "all")[0], RAY: on_ray(work / "all", work / f"all-{number}", args.workers)}
            more = {name: 1000 * (every[name] - few[name]) / (len(pictures) - FEW) for name in few}
            rows.append({f"{FEW} pictures, s": few, f"{len(pictures)} pictures, s": every, "a picture more, ms": more})
        print(f"| {'':20} | {PROCESS:>11} | Ray, {args.workers} workers | ratio |")
        print("|----------------------|------------:|---------------:|------:|")
        for title in rows[0]:
            process, ray = (statistics.median(row[title][name] for row in rows) for name in (PROCESS, RAY))
            print(f"| {title:20} | {process:11.1f} | {ray:14.1f} | {ray / process:5.2f} |", flush=True)
        interrupt(work, args.workers)


def alone(folder: Path) -> tuple[float, dict[str, dict[str, str]]]:
    """Seconds that one process takes, and its row for every picture by name."""
    start = time.perf_counter()
    text = subprocess.run(
        [sys.executable, "-m", "beercan_or_bacon", folder, "--csv"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ).stdout
    took = time.perf_counter() - start
    return took, {Path(row["file"]).name: row for row in csv.DictReader(io.StringIO(text))}


def begin(folder: Path, out: Path, workers: int) -> subprocess.Popen:
    """Ray over the folder, in a process that is on its way."""
    command = [sys.executable, "-m", "beercan_or_bacon.batch", folder, out, "--workers", str(workers)]
    # as important as the one process: Ray's workers are nicer than all else on the machine unless told otherwise
    environment = {**os.environ, "RAY_worker_niceness": "0"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def on_ray(folder: Path, out: Path, workers: int) -> float:
    """Seconds that Ray takes. Raises SystemExit when it fails, as it does on a machine too busy for its start."""
    start = time.perf_counter()
    if begin(folder, out, workers).wait():
        raise SystemExit("Ray failed. python -m beercan_or_bacon.batch says why; try again when it is quieter here.")
    return time.perf_counter() - start


def interrupt(work: Path, workers: int) -> None:
    """Kill Ray half-way, start it again, and print what became of the rows."""
    out = work / "interrupted"
    first = begin(work / "all", out, workers)
    while not list(out.glob("*.parquet")) and first.poll() is None:
        time.sleep(0.05)
    first.kill()
    first.wait()
    before = len(read(out))
    on_ray(work / "all", out, workers)
    found, expected = read(out), alone(work / "all")[1]
    names = [Path(row["path"]).name for row in found]
    apart, other = 0.0, 0
    for name, row in zip(names, found, strict=True):
        other += (row["verdict"], row["error"]) != (expected[name]["verdict"], expected[name]["error"])
        if not row["error"]:
            labels = row.keys() - {"path", "verdict", "error"}
            apart = max(apart, *(abs(row[label] - float(expected[name][label])) for label in labels))
    print(
        f"killed with {before} of {len(expected)} rows; after the restart {len(names)} rows, {len(set(names))} pictures"
    )
    print(f"{other} verdicts unlike the one process's, probabilities {apart:.4f} apart at most (it rounds to 4 places)")


def read(out: Path) -> list[dict]:
    """The rows of all files."""
    return [row for file in sorted(out.glob("*.parquet")) for row in pyarrow.parquet.read_table(file).to_pylist()]


if __name__ == "__main__":
    main()
