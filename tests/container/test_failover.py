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
SECONDS, EVERY, CLIENTS = 60, 5, 8


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
        port, answers, failed, kills = free_port(), [], [], 0
        with caddy(CADDY, tmp_path, port, [page.port for page in pages], "", tls=False):
            picture, end = draw("bacon").read_bytes(), time.monotonic() + SECONDS

            def visit():
                with httpx.Client(base_url=f"http://localhost:{port}", timeout=60) as client:
                    while time.monotonic() < end:
                        try:
                            answer = client.post("/verdict", content=picture)
                            answers.append(answer.json()["verdict"])
                        except Exception as error:
                            failed.append(repr(error))

            threads = [threading.Thread(target=visit) for _ in range(CLIENTS)]
            for thread in threads:
                thread.start()
            while time.monotonic() < end - EVERY:
                time.sleep(EVERY)
                victim, other = pages[kills % 2], pages[(kills + 1) % 2]
                if other.is_ready():  # somebody has to be there
                    victim.kill()
                    victim.start()
                    kills += 1
            for thread in threads:
                thread.join()
    finally:
        for page in pages:
            page.kill()
    print(f"{len(answers)} answers to {CLIENTS} clients in {SECONDS} s, {kills} kills, {len(failed)} failed")
    assert kills >= 3
    assert not failed
    assert set(answers) == {"bacon"}
