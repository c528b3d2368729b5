"""The static page on a plain web server, in Chromium: what its tests have in common."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VERDICTS = ("beer can", "bacon", "both", "neither")


class Site:
    """A folder on a plain static server, without special headers; sent: the bytes of each answer's body by path."""

    def __init__(self, folder: Path):
        self.sent: dict[str, int] = {}
        self.missing: set[str] = set()  # paths that are answered with a 404
        self.instead: dict[str, bytes] = {}  # paths that are answered with status 200 and these bytes
        self.gate = threading.Event()  # the model is sent only while it is set
        self.gate.set()
        self.gzip_header = False
        site = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = self.path.split("?")[0]
                if path in site.missing:
                    return self.send_error(404)
                if path == "/model.onnx":
                    site.gate.wait(30)
                if path in site.instead:
                    return self.other(site.instead[path])
                super().do_GET()

            def other(self, body):
                self.send_response(200)
                self.send_header("Content-Type", self.guess_type(self.path.split("?")[0]))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def end_headers(self):
                if site.gzip_header and ".gz" in self.path:
                    self.send_header("Content-Encoding", "gzip")
                super().end_headers()

            def copyfile(self, source, outputfile):
                body = source.read()
                site.sent[self.path] = site.sent.get(self.path, 0) + len(body)
                outputfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def blog(folder: Path, iframe: str) -> Iterator[str]:
    """Somebody's page with an iframe in it; its address, which is another origin than a page on 127.0.0.1."""
    (folder / "index.html").write_text(f"<!doctype html><title>A blog</title>{iframe}")
    site = Site(folder)
    yield f"http://localhost:{site.port}/"
    site.close()


@contextmanager
def visit(browser, url: str, complaints: tuple[str, ...] = (), **options) -> Iterator:
    """The page, open and painted, as people see it before they press a key, in a browser profile of its own.

    An error in its console that contains none of `complaints`, or a request to another origin, fails the test.
    """
    context = browser.new_context(**options)
    errors, requested = [], []
    context.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: errors.append(str(error.error)))
    context.on("request", lambda request: requested.append(request.url))
    try:
        page = context.new_page()
        page.goto(url)
        page.wait_for_selector("#bars li, #retry:not([hidden])")
        page.evaluate("new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)))")
        yield page
    finally:
        context.close()
    others = [error for error in errors if not any(known in error for known in complaints)]
    assert not others, others  # said here: pytest explains asserts of test files alone
    elsewhere = [address for address in requested if not address.startswith((url.split("?")[0], "blob:", "data:"))]
    assert not elsewhere, elsewhere


def answer(page, give) -> dict:
    """Do what gives the page a picture; the prediction that it shows then."""
    page.evaluate(
        "window.answer = null, document.addEventListener('prediction', (e) => window.answer = e.detail, {once: true})"
    )
    give()
    return page.wait_for_function("() => window.answer", polling=50).json_value()


def choose(page, path: Path) -> dict:
    return answer(page, lambda: page.set_input_files("#file", path))
