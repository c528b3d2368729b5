"""Two pages behind Caddy, of which one is killed every five seconds.

CONTAINER=1 pytest -s tests/container/test_failover.py
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from conftest import ROOT, free_port, wait_for
from test_proxies import CADDY, caddy

pytestmark = [
    pytest.mark.skipif(os.environ.get("CONTAINER") != "1", reason="takes minutes; CONTAINER=1 runs it"),
    pytest.mark.timeout(900),
]
KILLS, EVERY, CLIENTS = 12, 5, 8  # seconds apart; further where a page takes longer to start again


class Page:
    """app.py on a port; killed without a warning, and started again."""

    def __init__(self, model: Path, temporary: Path):
        self.port = free_port()
        self.environment = {**os.environ, "MODEL": str(model), "PORT": str(self.port), "TMPDIR": str(temporary)}
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=self.environment, stdout=subprocess.DEVNULL
        )

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5).is_success
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def test_no_answer_fails_while_one_page_is_killed_again_and_again(tiny_model, tmp_path, draw):
    pages = [Page(tiny_model, tmp_path) for _ in range(2)]
    try:
        for page in pages:
            wait_for(f"http://127.0.0.1:{page.port}/readyz", page.process)
        port, answers, failed, over = free_port(), [], [], threading.Event()
        with caddy(CADDY, tmp_path, port, [page.port for page in pages], "", tls=False):
            picture = draw("bacon").read_bytes()

            def visit():
                with httpx.Client(base_url=f"http://localhost:{port}", timeout=60) as client:
                    while not over.is_set():
                        try:
                            answers.append(client.post("/verdict", content=picture).json()["verdict"])
                        except Exception as error:
                            failed.append(repr(error))

            threads = [threading.Thread(target=visit) for _ in range(CLIENTS)]
            start = time.monotonic()
            for thread in threads:
                thread.start()
            for kill in range(KILLS):
                time.sleep(EVERY)
                victim, other = pages[kill % 2], pages[(kill + 1) % 2]
                while not other.is_ready():  # somebody has to be there
                    time.sleep(0.1)
                victim.kill()
                victim.start()
            time.sleep(EVERY)
            over.set()
            for thread in threads:
                thread.join()
            took = time.monotonic() - start
    finally:
        for page in pages:
            page.kill()
    print(f"{len(answers)} answers to {CLIENTS} clients in {took:.0f} s, {KILLS} kills, {len(failed)} failed")
    assert not failed
    assert set(answers) == {"bacon"}
