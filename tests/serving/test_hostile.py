"""What is built to hurt: refused or answered, the whole service in bounded memory, and the next visitor is served."""

from __future__ import annotations

import threading
import time

import httpx
import psutil
import pytest
from conftest import Server
from hostile import GOOD, HOSTILE, PLAIN, written

MEMORY = 600e6  # bytes that the page and its decoders hold together, pages they share counted once
LARGE = tuple(name for name in HOSTILE if "megapixels" in name or "line" in name or "column" in name)


def held(server: Server) -> int:
    """Bytes that the page and its decoding processes hold."""
    page = psutil.Process(server.process.pid)
    total = 0
    for process in (page, *page.children(recursive=True)):
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total


class Neighbour:
    """A visitor who sends plain pictures while others hurt the page, and somebody who watches its memory."""

    def __init__(self, server: Server):
        self.server, self.answers, self.memory, self.done = server, [], 0, threading.Event()
        self.threads = [threading.Thread(target=work) for work in (self.visit, self.watch)]

    def visit(self) -> None:
        content = written("JPEG")
        with httpx.Client(base_url=self.server.url, timeout=60) as client:
            while not self.done.wait(0.05):
                self.answers.append(client.post("/verdict", content=content).json().get("verdict"))

    def watch(self) -> None:
        while not self.done.wait(0.02):
            self.memory = max(self.memory, held(self.server))

    def __enter__(self) -> Neighbour:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error) -> None:
        self.done.set()
        for thread in self.threads:
            thread.join()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name for name in HOSTILE]
)
def test_nobody_else_notices(server, name):
    content = HOSTILE[name]()
    with Neighbour(server) as neighbour, httpx.Client(base_url=server.url, timeout=60) as client:
        answer = client.post("/verdict", content=content)
        while not neighbour.answers:
            time.sleep(0.01)
    assert set(neighbour.answers) == {"bacon"}
    assert answer.status_code in (200, 400), answer.text
    assert set(answer.json()) in ({"error"}, {"verdict", "labels", "probabilities"})
    assert neighbour.memory < MEMORY, f"{neighbour.memory / 1e6:.0f} MB"


@pytest.mark.parametrize("name", GOOD)
def test_good_jpegs_are_answered_as_their_clean_twins(server, name):
    twin = httpx.post(f"{server.url}/verdict", content=PLAIN, timeout=60).json()
    assert twin["verdict"] == "bacon"
    assert httpx.post(f"{server.url}/verdict", content=GOOD[name], timeout=60).json() == twin
