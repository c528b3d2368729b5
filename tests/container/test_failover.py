"""Two pages behind Caddy, one of which is killed every five seconds: fifteen of them, or with CONTAINER=1 a minute.

CONTAINER=1 pytest -s tests/container/test_failover.py       the image that build.sh made too
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from conftest import ROOT, free_port
from containers import container, podman
from test_proxies import CADDY, caddy

WHOLE = os.environ.get("CONTAINER") == "1"
KILLS = 12 if WHOLE else 3
EVERY, CLIENTS = 5, 8  # seconds from kill to kill, whether the page that was killed before listens again or not
BUILT = pytest.mark.skipif(not WHOLE, reason="the image has to be built; CONTAINER=1 runs it")
pytestmark = pytest.mark.timeout(600)


class Page:
    """app.py with a model on a port; killed without a warning, and started again."""

    def __init__(self, port: int, model: Path, temporary: Path):
        self.environment = {**os.environ, "MODEL": str(model), "PORT": str(port), "TMPDIR": str(temporary)}
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=self.environment, stdout=subprocess.DEVNULL
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        self.kill()
        self.start()


class Contained:
    """The same of a container with its own model."""

    def __init__(self, name: str):
        self.name = name

    def restart(self) -> None:
        podman("restart", "--time=0", self.name)


@contextmanager
def started(kind: str, ports: list[int], model: Path, temporary: Path) -> Iterator[list[Page] | list[Contained]]:
    """A page on every port, ended afterwards."""
    with ExitStack() as stack:
        if kind == "image":
            here = ("--network=host", "--env=HOST=127.0.0.1")
            pages = [stack.enter_context(container(*here, f"--env=PORT={port}")) for port in ports]
            yield [Contained(page.name) for page in pages]
        else:
            pages = [Page(port, model, temporary) for port in ports]
            for page in pages:
                stack.callback(page.kill)
            yield pages


def listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


class Visitors:
    """Clients who ask without a pause until the block ends: verdicts, what failed, and the longest wait in seconds."""

    def __init__(self, url: str, picture: bytes):
        self.url, self.picture = url, picture
        self.answers, self.failed, self.longest = [], [], 0.0
        self.over = threading.Event()

    def visit(self) -> None:
        with httpx.Client(base_url=self.url, timeout=60) as client:
            while not self.over.is_set():
                start = time.monotonic()
                try:
                    self.answers.append(client.post("/verdict", content=self.picture).json()["verdict"])
                except Exception as error:
                    self.failed.append(repr(error))
                self.longest = max(self.longest, time.monotonic() - start)

    def __enter__(self) -> Visitors:
        self.threads = [threading.Thread(target=self.visit) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()


@pytest.mark.parametrize("kind", ["app.py", pytest.param("image", marks=BUILT)])
def test_no_answer_fails_while_one_page_is_killed_again_and_again(kind, tiny_model, tmp_path, draw):
    ports, port = [free_port(), free_port()], free_port()
    picture = ROOT / "examples/bacon_1.jpg" if kind == "image" else draw("bacon")
    nobody, late = 0, 0.0
    with started(kind, ports, tiny_model, tmp_path) as pages, caddy(CADDY, tmp_path, port, ports, "", tls=False):
        for each in ports:
            while not listens(each):
                time.sleep(0.1)
        with Visitors(f"http://localhost:{port}", picture.read_bytes()) as visitors:
            start = time.monotonic()
            for kill in range(KILLS):
                due = start + EVERY * (kill + 1)
                time.sleep(max(0.0, due - time.monotonic()))
                late = max(late, time.monotonic() - due)
                nobody += not listens(ports[(kill + 1) % 2])  # the other one is still starting: all have to wait
                pages[kill % 2].restart()
            time.sleep(max(0.0, due + EVERY - time.monotonic()))
    print(f"\n{kind}: {KILLS} kills, {late:.2f} s late at most; {nobody} of them left no page that listened")
    print(f"{len(visitors.answers)} answers, the slowest after {visitors.longest:.1f} s; {len(visitors.failed)} failed")
    assert not visitors.failed
    assert set(visitors.answers) == {"bacon"}
    assert late < EVERY / 2
