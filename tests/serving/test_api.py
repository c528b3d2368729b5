"""POST /verdict when it is crowded, slow or misunderstood; what it makes of pictures is in test_pictures.py."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import shutil
import socket
import subprocess
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest
from conftest import ROOT
from starlette.applications import Starlette

from beercan_or_bacon.serving import api
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


def test_a_crowd_is_told_to_come_back_and_the_next_one_is_served(server, draw):
    content, address = draw("bacon").read_bytes(), (urlsplit(server.url).hostname, urlsplit(server.url).port)
    started = b"POST /verdict HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n"
    with ExitStack() as crowd:
        for _ in range(api.WAITING):
            visitor = crowd.enter_context(socket.create_connection(address, timeout=60))
            visitor.sendall(started)
            assert b"100 Continue" in visitor.recv(1000)  # it is being waited for
        answer = httpx.post(f"{server.url}/verdict", content=content)
        assert answer.status_code == 503
        assert "Try again" in answer.json()["error"]
        assert int(answer.headers["Retry-After"]) > 0
    # the crowd has left; the server hears of it connection by connection
    while (answer := httpx.post(f"{server.url}/verdict", content=content)).status_code == 503:
        pass
    assert answer.json()["verdict"] == "bacon"


def test_a_picture_that_never_arrives_is_not_waited_for(tiny_model, monkeypatch):
    monkeypatch.setattr(api, "ARRIVAL", 0.2)
    app = Starlette(routes=[api.verdict_route(Classifier(tiny_model))])

    async def never():
        yield b"\xff\xd8"
        await asyncio.Event().wait()

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return await client.post("/verdict", content=never())

    answer = asyncio.run(ask())
    assert answer.status_code == 408
    assert answer.json()["error"].endswith(".")
