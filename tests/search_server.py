"""A small image search on loopback for the tests: real HTTP, with the faults that pictures on the web have."""

from __future__ import annotations

import io
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
from PIL import Image

Fault = Callable[["Handler", bytes, int], None]  # (handler, the picture's bytes, how often it was asked for)


def picture(seed: int = 0, size: tuple[int, int] = (64, 48), form: str = "JPEG", **save) -> bytes:
    """A picture of noise, another for every seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, form, **save)
    return file.getvalue()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: SearchServer

    def log_message(self, *args):
        pass

    def reply(self, status: int, body: bytes = b"", **headers):
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self):
        server, url = self.server, urlsplit(self.path)
        with server.lock:
            server.requests.append(self.path)
            server.headers.append(self.headers)
            server.tries[self.path] += 1
            server.busy += 1
            server.busiest = max(server.busiest, server.busy)
            tries = server.tries[self.path]
        try:
            time.sleep(server.latency)
            name = unquote(url.path.removeprefix("/images/"))
            if url.path in server.answers:
                server.answers[url.path](self, b"", tries)
            elif url.path == "/v1/images/":
                self.openverse({key: values[-1] for key, values in parse_qs(url.query).items()})
            elif url.path == "/w/api.php":
                self.commons({key: values[-1] for key, values in parse_qs(url.query).items()})
            elif name in server.pictures:
                fault = server.faults.get(name)
                fault(self, server.pictures[name], tries) if fault else self.reply(200, server.pictures[name])
            else:
                self.reply(404, b"no such page")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with server.lock:
                server.busy -= 1

    def openverse(self, query: dict):
        page, size = int(query["page"]), int(query["page_size"])
        if size > 20 and "Authorization" not in self.headers:
            return self.reply(401, b"{}")
        found = self.server.search(query["q"])
        results = [
            {
                "title": name, "url": f"{self.server.url}/images/{name}", "creator": f"Painter of {name}",
                "license": "by", "license_version": "4.0", "foreign_landing_url": f"{self.server.url}/page/{name}",
            }
            for name in found[(page - 1) * size : page * size]
        ]  # fmt: skip
        self.reply(200, json.dumps({"page_count": -(-len(found) // size), "results": results}).encode())

    def commons(self, query: dict):
        start, limit = int(query["gsroffset"]), int(query["gsrlimit"])
        found = self.server.search(query["gsrsearch"].replace("filetype:bitmap", ""))
        pages = [
            {
                "title": f"File:{name}", "index": start + n, "imageinfo": [{
                    "url": f"{self.server.url}/originals/{name}", "thumburl": f"{self.server.url}/images/{name}",
                    "descriptionurl": f"{self.server.url}/page/{name}",
                    "extmetadata": {
                        "Artist": {"value": f'<a href="#">Painter of {name}</a>'},
                        "LicenseShortName": {"value": "CC BY 4.0"},
                    },
                }],
            }
            for n, name in enumerate(found[start : start + limit])
        ]  # fmt: skip
        answer = {"batchcomplete": True, "query": {"pages": pages[::-1]}}  # by page number, as the real one
        if start + limit < len(found):
            answer["continue"] = {"gsroffset": start + limit, "continue": "gsroffset||"}
        self.reply(200, json.dumps(answer).encode())


class SearchServer(ThreadingHTTPServer):
    """The server. Use as `with SearchServer() as server`.

    pictures: name -> bytes; a search finds those whose names hold the first word of the search term.
    faults: name of a picture -> how it misbehaves; answers: path -> how to answer it.
    requests, headers: what was asked, in order; tries: path -> how often; busiest: most requests at one time.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int = 0):
        super().__init__(("127.0.0.1", port), Handler)
        self.pictures: dict[str, bytes] = {}
        self.faults: dict[str, Fault] = {}
        self.answers: dict[str, Fault] = {}
        self.requests, self.headers, self.tries = [], [], Counter()
        self.latency, self.busy, self.busiest = 0.0, 0, 0
        self.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def search(self, query: str) -> list[str]:
        return [name for name in self.pictures if query.split()[0] in name]

    def asked(self, name: str) -> int:
        """How often the picture of this name was asked for, whatever came after a question mark."""
        return sum(unquote(urlsplit(path).path) == f"/images/{name}" for path in self.requests)

    def handle_error(self, *_):  # clients that hang up are what some tests are about
        pass

    def __enter__(self) -> SearchServer:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()


def status(code: int, **headers) -> Fault:
    return lambda handler, _body, _tries: handler.reply(code, b"sorry", **headers)


def once(fault: Fault) -> Fault:
    """Misbehaves the first time only."""
    return lambda handler, body, tries: fault(handler, body, tries) if tries == 1 else handler.reply(200, body)


def redirect(location: str) -> Fault:
    return lambda handler, _body, _tries: handler.reply(302, Location=location)


def instead(other: bytes, **headers) -> Fault:
    return lambda handler, _body, _tries: handler.reply(200, other, **headers)


def cut_short(handler: Handler, body: bytes, _tries: int):
    handler.close_connection = True
    handler.reply(200, body[: len(body) // 2], Content_Length=str(len(body)))


def cut_short_unannounced(handler: Handler, body: bytes, _tries: int):
    """No Content-Length: the end of the connection is the end of the body."""
    handler.close_connection = True
    handler.reply(200, body[: len(body) // 2], Content_Length=None)


def hang_up(handler: Handler, _body: bytes, _tries: int):
    handler.close_connection = True


def stall(handler: Handler, body: bytes, _tries: int):
    """Half a body, and then silence until the client hangs up."""
    handler.reply(200, body[: len(body) // 2], Content_Length=str(len(body)))
    handler.wfile.flush()
    handler.connection.recv(1)
    handler.close_connection = True


def silence(handler: Handler, _body: bytes, _tries: int):
    """Not a word until the client hangs up."""
    handler.connection.recv(1)
    handler.close_connection = True


def drip(handler: Handler, body: bytes, _tries: int):
    """A byte now and then: never silent for long, never done."""
    handler.reply(200, b"", Content_Length=str(len(body)))
    for byte in body:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(0.05)


def drip_headers(handler: Handler, _body: bytes, _tries: int):
    """The same before the body has even begun."""
    handler.close_connection = True
    for byte in b"HTTP/1.1 200 OK\r\nX-Wait: " + b"a" * 10_000:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(0.05)


def endless(handler: Handler, body: bytes, _tries: int):
    """A body without end; server.poured counts what went out."""
    handler.close_connection = True
    handler.reply(200, body, Content_Length=None)
    handler.server.poured = len(body)
    for _ in range(4000):  # 260 MB
        handler.wfile.write(bytes(65536))
        handler.server.poured += 65536
