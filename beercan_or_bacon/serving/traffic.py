"""Every request, as what may be told of it: no address, no file's name, no picture."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
PROBES = ("/livez", "/readyz", "/metrics")  # asked every few seconds; an answer without an error is no news


@dataclass(frozen=True)
class Served:
    """One request and its answer.

    method: upper case, "other" for one that HTTP does not know.
    route: as the server declares it, with {names} for what varies, or "none" when there is no such route: what
        visitors put into an address is not repeated, and there are only as many values as there are routes.
    status: of the answer. seconds: from the request's head to the answer's last byte.
    """

    method: str
    route: str
    status: int
    seconds: float


class Traffic:
    """ASGI middleware: tells each of `tell` of every request served.

    own: the paths of plain Starlette routes, which FastAPI serves without leaving their name in the scope.
    """

    def __init__(self, app: ASGIApp, tell: Sequence[Callable[[Served], None]], own: Collection[str]):
        self.app = app
        self.tell = tell
        self.own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and watch it."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        start, status = time.perf_counter(), 500  # what the server sends when the app raises before it answers

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            route = scope["path"] if scope["path"] in self.own else getattr(scope.get("route"), "path", "none")
            served = Served(method, route, status, round(time.perf_counter() - start, 4))
            for told in self.tell:
                told(served)


def log_request(served: Served) -> None:
    """One line of JSON on standard output: time (UTC), method, route, status, seconds."""
    if served.route in PROBES and served.status < 400:
        return
    line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **asdict(served)}
    sys.stdout.write(json.dumps(line) + "\n")  # in one piece, for print() lets other threads in before the line ends
    sys.stdout.flush()
