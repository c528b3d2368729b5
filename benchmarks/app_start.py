"""Start app.py under all that can be wrong with the Hub, beside the embedded default alone, in one run.

    python -m benchmarks.app_start [--rounds 3]

For each: seconds from launch to the first page served, and how much more that is than the embedded default took just
before (medians), and what the page says. The Hub is that of the tests, on loopback.
"""

from __future__ import annotations

import argparse
import html
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from hub_server import HANG, Hub  # noqa: E402

REPO = "user/beercan"


class Gigabyte(bytes):
    """A file that says it is 1 GB."""

    def __len__(self) -> int:
        return 1_000_000_000


@dataclass(frozen=True)
class Scenario:
    """A name, what MODEL and MODEL_REVISION are ("SHA": the repository's newest commit), and what is wrong.

    warm: the model is in the cache before anything goes wrong. spoil: (hub, its files) -> None.
    """

    name: str
    model: str = REPO
    revision: str = ""
    warm: bool = False
    spoil: Callable[[Hub, dict[str, bytes]], None] = lambda hub, files: None  # noqa: ARG005


def hang(prefix: str) -> Callable:
    return lambda hub, files: hub.faults.update({prefix: HANG})  # noqa: ARG005


def dead(hub: Hub, files: dict[str, bytes]) -> None:  # noqa: ARG001
    hub.__exit__()


def holds(**changes: Callable[[dict[str, bytes]], bytes | None]) -> Callable:
    """The repository's files with some changed, or gone (None)."""

    def spoil(hub: Hub, files: dict[str, bytes]) -> None:  # noqa: ARG001
        for name, change in changes.items():
            name = {"onnx": "model.onnx", "pickle": "export.pkl"}[name]
            content = change(files)
            if content is None:
                del files[name]
            else:
                files[name] = content

    return spoil


SCENARIOS = [
    Scenario("embedded default alone", model=""),
    Scenario("Hub in order, cold cache"),
    Scenario("Hub in order, warm cache", warm=True),
    Scenario("dead Hub, warm cache, full sha", revision="SHA", warm=True, spoil=dead),
    Scenario("dead Hub, warm cache, branch", warm=True, spoil=dead),
    Scenario("dead Hub, cold cache", spoil=dead),
    Scenario("accepts and never answers, cold cache", spoil=hang("GET /")),
    Scenario("accepts and never answers, warm cache, branch", warm=True, spoil=hang("GET /")),
    Scenario("answers, but the file never arrives", spoil=hang(f"GET /{REPO}/resolve")),
    Scenario("no such revision", revision="0" * 40),
    Scenario("wrong graph", spoil=holds(onnx=lambda files: files["model.onnx"].replace(b"heatmap", b"hotmess"))),
    Scenario("truncated file", spoil=holds(onnx=lambda files: files["model.onnx"][:-1000])),
    Scenario("a file of 1 GB", spoil=holds(onnx=lambda files: Gigabyte())),  # noqa: ARG005
    Scenario("a pickle", spoil=holds(onnx=lambda files: None, pickle=lambda files: b"\x80")),  # noqa: ARG005
]


def start(scenario: Scenario, folder: Path) -> tuple[float, str]:
    """Launch app.py; seconds until its page is there, and the note on it."""
    with Hub() as hub, socket.socket() as probe:
        files = {path.name: path.read_bytes() for path in (ROOT / "model").iterdir()}
        commit = hub.add(REPO, files).head
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        environment = {
            **os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(folder),
            "MODEL": scenario.model, "MODEL_REVISION": scenario.revision.replace("SHA", commit.sha),
            "GRADIO_SERVER_PORT": str(port),
        }  # fmt: skip
        if scenario.warm:
            pull = f"from beercan_or_bacon.serving.hub import find_model; find_model({REPO!r}, {commit.sha!r}, 60, 60)"
            pull += f"; find_model({REPO!r}, '', 60, 60)"
            subprocess.run([sys.executable, "-c", pull], cwd=ROOT, env=environment, check=True)
        scenario.spoil(hub, commit.files)
        began = time.perf_counter()
        server = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while True:
                try:
                    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/config", timeout=60).read()
                    break
                except OSError:
                    if server.poll() is not None:
                        raise SystemExit(f"{scenario.name}: app.py ended with status {server.returncode}") from None
                    time.sleep(0.02)
            seconds = time.perf_counter() - began
        finally:
            server.terminate()
            server.wait()
    said = re.search(r"The built-in model answers[^<\"]*", page.decode())
    return seconds, html.unescape(said[0]) if said else ""


def main() -> None:
    """Take turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    alone, *others = SCENARIOS
    print("| the Hub | seconds | more | the page says |\n| --- | --- | --- | --- |")
    for scenario in others:
        taken, more, note = [], [], ""
        for _ in range(args.rounds):
            with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
                before, _ = start(alone, Path(one))
                seconds, note = start(scenario, Path(two))
            taken.append(seconds)
            more.append(seconds - before)
        said = note or "nothing: the model asked for serves"
        print(
            f"| {scenario.name} | {statistics.median(taken):.1f} | {statistics.median(more):+.1f} | {said} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
