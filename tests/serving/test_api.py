"""POST /verdict when it is crowded, slow or misunderstood; what it makes of pictures is in test_pictures.py."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from conftest import ROOT, SERVE, free_port, wait_for
from starlette.applications import Starlette
from starlette.middleware import Middleware

from beercan_or_bacon.serving import api, bounds
from beercan_or_bacon.serving.classifier import Classifier


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_the_command_of_the_readme(server):
    command = re.search(r"^curl .*/verdict$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)[0]
    command = shlex.split(command.replace("http://127.0.0.1:7860", server.url))
    answer = json.loads(subprocess.run([*command, "-s"], cwd=ROOT, capture_output=True, check=True).stdout)
    assert set(answer) == {"verdict", "labels", "probabilities"}


def test_a_form_is_told_how_to_send_a_picture(server, draw):
    answer = httpx.post(f"{server.url}/verdict", files={"file": draw("bacon").read_bytes()})
    assert answer.status_code == 415
    assert "--data-binary @picture.jpg" in answer.json()["error"]


def test_a_picture_is_posted_not_fetched(server):
    assert httpx.get(f"{server.url}/verdict").status_code == 405


STARTED = b"POST /verdict HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n"


@contextmanager
def slow_visitors(server, count: int) -> Iterator[list[socket.socket]]:
    """So many who announce a picture and do not send it."""
    address = (urlsplit(server.url).hostname, urlsplit(server.url).port)
    with ExitStack() as crowd:
        visitors = [crowd.enter_context(socket.create_connection(address, timeout=60)) for _ in range(count)]
        for visitor in visitors:
            visitor.sendall(STARTED)
            assert b"100 Continue" in visitor.recv(1000)  # it is being waited for
        yield visitors


def test_who_sends_slowly_takes_nobodys_place_and_is_not_waited_for(server, draw):
    content = draw("bacon").read_bytes()
    with slow_visitors(server, api.WAITING) as visitors:
        assert httpx.post(f"{server.url}/verdict", content=content).json()["verdict"] == "bacon"
        visitors[0].sendall(b"\xff")
        said = b""
        while b"}" not in said:
            said += visitors[0].recv(1000)
        assert said.startswith(b"HTTP/1.1 408")
        assert b"Try a smaller copy." in said


def test_a_crowd_is_told_to_come_back_and_the_next_one_is_served(server, draw):
    content = draw("bacon").read_bytes()
    with slow_visitors(server, bounds.ARRIVING):
        answer = httpx.post(f"{server.url}/verdict", content=content)
        assert answer.status_code == 503
        assert "Try again" in answer.json()["error"]
        assert int(answer.headers["Retry-After"]) > 0
    # the crowd has left; the server hears of it connection by connection
    while (answer := httpx.post(f"{server.url}/verdict", content=content)).status_code == 503:
        pass
    assert answer.json()["verdict"] == "bacon"


def test_more_connections_than_a_process_may_open_by_default_starve_nobody(server, draw):
    resource = pytest.importorskip("resource")
    few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != most < 4096:
        pytest.skip("so many may not be opened here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(few, 4096), most))
    address = (urlsplit(server.url).hostname, urlsplit(server.url).port)
    with ExitStack() as crowd:
        for _ in range(1200):
            crowd.enter_context(socket.create_connection(address, timeout=60))
        answer = httpx.post(f"{server.url}/verdict", content=draw("bacon").read_bytes(), timeout=60)
    assert answer.json()["verdict"] == "bacon"


def test_a_hundred_at_once_are_answered_or_told_when_to_come_back(server, draw):
    content = draw("bacon", "large.jpg", (2000, 1500)).read_bytes()
    with ThreadPoolExecutor(100) as visitors, httpx.Client(base_url=server.url, timeout=60) as client:
        answers = list(visitors.map(lambda _: client.post("/verdict", content=content), range(100)))
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert all(answer.json()["verdict"] == "bacon" for answer in answers if answer.status_code == 200)
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers if answer.status_code == 503)


def test_a_picture_that_never_arrives_is_not_waited_for(tiny_model, monkeypatch):
    monkeypatch.setattr(bounds, "ARRIVAL", 0.2)
    app = Starlette(routes=[api.verdict_route(Classifier(tiny_model))], middleware=[Middleware(bounds.Bounds)])

    async def never():
        yield b"\xff\xd8"
        await asyncio.Event().wait()

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return await client.post("/verdict", content=never())

    answer = asyncio.run(ask())
    assert answer.status_code == 408
    assert answer.json()["error"].endswith(".")


def test_an_upload_is_one_picture(server):
    """Refused by what it announces, before it is sent; and where it announces nothing, by what comes."""
    several = [("files", (f"{n}.jpg", bytes(5 << 20))) for n in range(5)]
    answer = httpx.post(f"{server.url}/gradio_api/upload", files=several, timeout=60)
    assert answer.status_code == 413
    assert "larger than 20 MB" in answer.json()["error"]
    answer = httpx.post(
        f"{server.url}/gradio_api/upload", files=[("files", ("a.jpg", b"a")), ("files", ("b.jpg", b"b"))]
    )
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


def test_whatever_goes_wrong_is_said_in_a_sentence(server):
    ask, own = httpx.Client(base_url=server.url, timeout=60), "/gradio_api"
    with ask:
        answers = {
            "no such address": ask.get("/nothing/here"),
            "no such method": ask.get("/verdict"),
            "no form": ask.post(f"{own}/upload", content=b"words"),
            "no such function": ask.post(f"{own}/call/nothing", json={"data": []}),
            "no JSON": ask.post(f"{own}/call/predict", content=b"{"),
            "no list": ask.post(f"{own}/call/predict", json={"data": "x"}),
            "too much": ask.post(f"{own}/call/predict", json={"data": [[]] * (1 << 14)}),
            "a form": ask.post("/verdict", files={"file": b"x"}),
            "no file": ask.get(f"{own}/file=/etc/passwd"),
        }
    for what, answer in answers.items():
        assert 400 <= answer.status_code < 500, what
        assert set(answer.json()) == {"error"}, what
        assert re.fullmatch(r"[A-Z].* .*[.…?a-z]", answer.json()["error"]), (what, answer.text)
        assert "Traceback" not in answer.text, what


def test_a_full_disk_is_said_and_nothing_is_left(tiny_model, tmp_path, draw):
    """The server may write files of 100 kB: larger pictures meet what a full disk says."""
    (tmp_path / "temporary").mkdir()
    port = free_port()
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port), "TMPDIR": str(tmp_path / "temporary")}
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n" + SERVE
    process = subprocess.Popen([sys.executable, "-c", limited, tiny_model, tmp_path], cwd=ROOT, env=environment)
    url, large = f"http://127.0.0.1:{port}", draw("bacon", "large.bmp", (640, 480)).read_bytes()
    try:
        wait_for(url, process)
        for answer in (
            httpx.post(f"{url}/verdict", content=large, timeout=60),
            httpx.post(f"{url}/gradio_api/upload", files={"files": large}, timeout=60),
        ):
            assert answer.status_code == 507
            assert answer.json()["error"] == bounds.NO_ROOM
        assert not [path for path in (tmp_path / "temporary").rglob("*") if path.is_file()]
        small = draw("bacon").read_bytes()
        assert httpx.post(f"{url}/verdict", content=small, timeout=60).json()["verdict"] == "bacon"
    finally:
        process.terminate()
        process.wait()
