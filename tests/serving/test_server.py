"""The page for those who run it: where it listens, its health, its log, its metrics, and how it stops."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from asking import begun
from conftest import ROOT, free_port, wait_for
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.middleware import Middleware

from beercan_or_bacon.errors import ServerError
from beercan_or_bacon.serving.api import verdict_route
from beercan_or_bacon.serving.classifier import Classifier
from beercan_or_bacon.serving.health import Health
from beercan_or_bacon.serving.server import STOPPING, Settings, read_settings
from beercan_or_bacon.serving.traffic import Traffic


@contextmanager
def running(model: Path, temporary: Path, **environment: str):
    """app.py with this environment; its address and its process, which prints to a file."""
    port = free_port()
    own = {"MODEL": str(model), "PORT": str(port), "TMPDIR": str(temporary), **environment}
    with (temporary.parent / "log").open("w") as log:
        command = [sys.executable, "app.py"]
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **own}, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            url = f"http://{environment.get('HOST', '127.0.0.1')}:{port}"
            wait_for(url, process)
            while not httpx.get(f"{url}/readyz").is_success:
                time.sleep(0.05)
            yield url, process
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def temporary(tmp_path) -> Path:
    """A folder for the page's temporary files; beside it lies its log."""
    (folder := tmp_path / "temporary").mkdir()
    return folder


def test_the_environment_says_where_and_what():
    assert read_settings({}) == Settings(None, None, False, False)
    assert read_settings({"HOST": "::", "PORT": "80", "METRICS": "1", "LOG_REQUESTS": "0"}) == Settings(
        "[::]", 80, log_requests=False, metrics=True
    )


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "http"), ("PORT", "0"), ("PORT", "65536"), ("PORT", "-1"), ("METRICS", "yes")]
)
def test_what_makes_no_sense_is_told_before_anything_is_loaded(name, value):
    with pytest.raises(ServerError, match=f"^{name} is '{value}': "):
        read_settings({name: value})


def test_a_port_that_is_taken_is_one_sentence(tiny_model):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environment = {**os.environ, "MODEL": str(tiny_model), "PORT": str(taken.getsockname()[1])}
        done = subprocess.run(
            [sys.executable, "app.py"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("Choose another HOST or PORT.")
    assert "Traceback" not in done.stderr


def test_it_listens_where_host_says(tiny_model, temporary):
    with running(tiny_model, temporary, HOST="127.0.0.2") as (url, _):
        assert httpx.get(f"{url}/readyz").json() == {"ready": True}
        with pytest.raises(httpx.ConnectError):
            httpx.get(url.replace("127.0.0.2", "127.0.0.1"))


def test_health_is_asked_in_passing(server):
    assert httpx.get(f"{server.url}/livez").json() == {"alive": True}
    answer = httpx.get(f"{server.url}/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True})


def ask_ready(health: Health, unready: str = "") -> httpx.Response:
    health.unready = unready

    async def ask():
        transport = httpx.ASGITransport(Starlette(routes=health.routes()))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.get("/readyz")

    return asyncio.run(ask())


def test_ready_means_that_the_model_answers(tiny_model, monkeypatch):
    classifier = Classifier(tiny_model)
    assert Health(classifier).unready  # until the page is served
    assert ask_ready(Health(classifier)).status_code == 200
    monkeypatch.setattr(classifier, "session", None)  # its memory is gone, its device, its file ...
    answer = ask_ready(Health(classifier))
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert answer.json()["error"].endswith("(AttributeError).")
    assert ask_ready(Health(classifier), "It is stopping.").json()["error"] == "It is stopping."


def test_a_model_that_hangs_is_not_ready(tiny_model, monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(Classifier, "predict", lambda *_: over.wait(60))
    monkeypatch.setattr("beercan_or_bacon.serving.health.PATIENCE", 0.1)
    answer = ask_ready(Health(Classifier(tiny_model)))
    over.set()
    assert answer.status_code == 503
    assert "did not answer within" in answer.json()["error"]


def test_the_log_is_a_line_a_request_and_names_no_file(tiny_model, temporary, draw):
    picture = draw("bacon", "my-secret-holiday.jpg").read_bytes()
    with running(tiny_model, temporary, LOG_REQUESTS="1") as (url, _), httpx.Client(base_url=url) as client:
        path = client.post("/gradio_api/upload", files={"files": ("my-secret-holiday.jpg", picture)}).json()[0]
        assert "my-secret-holiday" in path
        assert client.get(f"/gradio_api/file={path}").content == picture
        assert client.post("/verdict", content=picture).json()["verdict"] == "bacon"
        assert client.post("/verdict", content=b"?").status_code == 400
        assert client.get("/my-secret/holiday").status_code == 404
        assert client.get("/livez").status_code == 200
        assert client.put("/verdict").status_code == 405
        assert client.get("/metrics").status_code == 404  # nobody asked for it
    text = (temporary.parent / "log").read_text()
    assert "secret" not in text.lower()
    lines = [json.loads(line) for line in text.splitlines()]  # nothing else is among them
    assert [(line["method"], line["route"], line["status"]) for line in lines[-7:]] == [
        ("POST", "/gradio_api/upload", 200),
        ("GET", "/gradio_api/file={path_or_url:path}", 200),
        ("POST", "/verdict", 200),
        ("POST", "/verdict", 400),
        ("GET", "none", 404),
        ("PUT", "/verdict", 405),
        ("GET", "none", 404),
    ]
    assert all(line["seconds"] >= 0 and line["time"].endswith("+00:00") for line in lines)


def test_there_are_only_as_many_names_as_routes(tiny_model):
    """Whoever makes up methods and addresses fills neither the log nor a metrics server with them."""
    served = []
    watch = Middleware(Traffic, tell=[served.append], own=["/verdict"])
    app = Starlette(routes=[verdict_route(Classifier(tiny_model))], middleware=[watch])

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            await client.request("MADEUP", "/verdict")
            await client.get("/made/up")

    asyncio.run(ask())
    assert [(one.method, one.route, one.status) for one in served] == [("other", "/verdict", 405), ("GET", "none", 404)]


def test_metrics_count_what_was_asked(tiny_model, temporary, draw):
    with running(tiny_model, temporary, METRICS="1") as (url, _), httpx.Client(base_url=url) as client:
        for content in (draw("bacon").read_bytes(), draw("both").read_bytes(), b"?"):
            client.post("/verdict", content=content)
        text = client.get("/metrics").raise_for_status().text
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("route", "/verdict") == "/verdict"
    }
    asked = (("method", "POST"), ("route", "/verdict"))
    assert samples["beercan_or_bacon_requests_total", *asked, ("status", "200")] == 2
    assert samples["beercan_or_bacon_requests_total", *asked, ("status", "400")] == 1
    assert samples["beercan_or_bacon_request_seconds_count", *asked] == 3
    assert samples["process_resident_memory_bytes",] > 1e6


def test_a_connection_that_idled_is_still_good(tiny_model, temporary, draw):
    """A proxy keeps its connections for up to a minute; uvicorn alone closes them after five seconds."""
    picture = draw("bacon").read_bytes()
    with running(tiny_model, temporary) as (url, _):
        connection = http.client.HTTPConnection(httpx.URL(url).host, httpx.URL(url).port, timeout=60)
        connection.connect()
        used = connection.sock
        for wait in (0, 6):
            time.sleep(wait)
            connection.request("POST", "/verdict", picture)
            assert json.loads(connection.getresponse().read())["verdict"] == "bacon"
        assert connection.sock is used
        connection.close()


def test_a_picture_that_is_being_answered_is_answered(tiny_model, temporary, tmp_path):
    Image.effect_noise((3000, 3000), 90).save(path := tmp_path / "noise.png")  # takes a while
    clients = [[] for _ in range(8)]
    with running(tiny_model, temporary) as (url, process):
        threads = [threading.Thread(target=begun, args=(url, path.read_bytes(), answers)) for answers in clients]
        for thread in threads:
            thread.start()
        while sum(map(len, clients)) < 20:
            time.sleep(0.05)
        start = time.monotonic()
        process.terminate()
        assert process.wait(timeout=60) == 0
        assert time.monotonic() - start < STOPPING + 1
        for thread in threads:
            thread.join()
    assert all(b'"verdict":' in answer for answers in clients for answer in answers), clients


def test_a_visitor_gets_the_answer_and_leaves_no_file(tiny_model, temporary, draw):
    """By Gradio's steps, the answer is fetched by a second request; an open heartbeat holds nothing up."""
    with running(tiny_model, temporary) as (url, process), httpx.Client(base_url=url, timeout=30) as client:
        beats = []

        def listen():
            with httpx.stream("GET", f"{url}/gradio_api/heartbeat/visitor", timeout=60) as heart:
                beats.extend(heart.iter_lines())

        (listener := threading.Thread(target=listen)).start()
        path = client.post("/gradio_api/upload", files={"files": draw("bacon").read_bytes()}).json()[0]
        data = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}]}
        event = client.post("/gradio_api/call/predict", json=data).json()["event_id"]
        start = time.monotonic()
        process.terminate()
        while client.get("/readyz").status_code == 200:
            pass
        answer = client.get(f"/gradio_api/call/predict/{event}").text
        assert "event: complete" in answer
        heat = json.loads(answer.split("data: ", 1)[1])[1]["path"]
        assert client.get(f"/gradio_api/file={heat}").status_code == 200
        assert process.wait(timeout=60) == 0
        assert time.monotonic() - start < STOPPING + 1
        listener.join()
    assert "data: ALIVE" in beats
    assert not [path for path in temporary.rglob("*") if path.is_file()]


def test_an_answer_comes_in_one_piece(tiny_model, temporary, draw):
    """A balancer that has passed on the head of an answer cannot ask another page for its body."""
    picture = draw("bacon").read_bytes()
    asked = b"POST /verdict HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n%b" % (len(picture), picture)
    with running(tiny_model, temporary) as (url, _):
        address = ("127.0.0.1", httpx.URL(url).port)
        with socket.create_connection(address, timeout=60) as connection:
            for _ in range(50):  # by itself, half of them come in two
                connection.sendall(asked)
                head, _, body = connection.recv(100_000).partition(b"\r\n\r\n")
                assert json.loads(body)["verdict"] == "bacon", head
