"""What the page leans on inside Gradio is where it was; a newer Gradio fails here, with the name of what it moved."""

import inspect
import socket
import threading
import time
from concurrent.futures import Future
from contextlib import ExitStack

import gradio as gr
import pytest
import uvicorn
from gradio import route_utils

from beercan_or_bacon.serving import gradio_internals as internals

MOVED = "has moved what serving/gradio_internals.py leans on"
NEWER = f"Gradio {gr.__version__} {MOVED} (written for {internals.WRITTEN_FOR}): "


def test_the_gradio_here_is_the_one_that_it_was_written_for():
    assert gr.__version__ == internals.WRITTEN_FOR, NEWER + "go through that file, then change WRITTEN_FOR."


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (gr.Image, "preprocess"),
        (gr.Image, "postprocess"),
        (gr.HTML, "postprocess"),
        (gr.HTML, "api_info"),
        (gr.Blocks, "preprocess_data"),
        (gr.component_meta, "create_or_modify_pyi"),
        (route_utils.GradioMultiPartParser.__mro__[1], "parse"),
        (route_utils, "FnIndexInferError"),
        (gr.routes, "App"),
        (gr.routes.App, "get_blocks"),
    ],
    ids=lambda part: getattr(part, "__name__", part),
)
def test_what_is_overridden_is_there(owner, name):
    assert hasattr(owner, name), f"{NEWER}{owner.__name__}.{name} is gone."


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (gr.Blocks.preprocess_data, ["self", "block_fn", "inputs", "state", "explicit_call"]),
        (gr.Image.preprocess, ["self", "payload"]),
        (gr.HTML.postprocess, ["self", "value"]),
    ],
)
def test_what_is_overridden_is_asked_as_before(function, parameters):
    assert list(inspect.signature(function).parameters) == parameters, NEWER + function.__qualname__


def test_gradio_takes_uploads_with_our_parser():
    assert "GradioMultiPartParser(" in inspect.getsource(gr.routes), NEWER + "uploads are parsed by something else."
    assert route_utils.GradioMultiPartParser is internals.OnePicture


def test_what_stopping_and_forgetting_read_is_there():
    page = gr.Blocks()
    for owner, name in [(page, "temp_file_sets"), (page._queue, "pending_event_ids_session")]:
        assert hasattr(owner, name), f"{NEWER}{name} is gone."
    assert hasattr(gr.routes.App(), "stop_event"), f"{NEWER}App.stop_event is gone."


class Connected:
    """A Uvicorn that serves, and what one client after the other sent to it."""

    def __init__(self) -> None:
        async def app(scope, receive, send):
            while scope["path"] == "/slow" and (await receive())["type"] != "http.disconnect":
                pass
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})

        self.server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_level="warning"))
        self.thread = threading.Thread(target=self.server.run)

    def __enter__(self):
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *error):
        self.server.should_exit = self.server.force_exit = True
        self.thread.join()

    def send(self, data: bytes, answered: bool = False) -> socket.socket:
        client = socket.create_connection(self.server.servers[0].sockets[0].getsockname(), timeout=30)
        client.sendall(data)
        if answered:
            assert client.recv(1000).startswith(b"HTTP/1.1 204")
        return client

    def look(self, before: dict) -> dict:
        done = Future()
        loop = self.server.servers[0].get_loop()
        loop.call_soon_threadsafe(lambda: done.set_result(internals.close_silent(self, before)))
        return done.result()


def test_who_connects_and_never_asks_is_closed_and_nobody_else():
    ask, whole = b"GET %b HTTP/1.1\r\nHost: here\r\n", b"\r\n"
    with Connected() as page, ExitStack() as clients:
        silent, begun = (clients.enter_context(page.send(data)) for data in (b"", ask % b"/"))
        again = clients.enter_context(page.send(ask % b"/" + whole, answered=True))
        idle = clients.enter_context(page.send(ask % b"/" + whole, answered=True))
        served = clients.enter_context(page.send(ask % b"/slow" + whole))
        again.sendall(ask % b"/")
        while len(seen := page.look({})) != 3:
            time.sleep(0.01)
        begun.sendall(b"X: a byte\r\n")
        page.look(seen)
        for client in (silent, begun, again):
            assert client.recv(1000) == b""
        idle.sendall(ask % b"/" + whole)
        assert idle.recv(1000).startswith(b"HTTP/1.1 204")
        served.setblocking(False)
        with pytest.raises(BlockingIOError):
            served.recv(1000)
