"""What any request may cost the server, whichever route it is for, and how every error looks.

A body is refused by its announced size before it is read, by its real size while it is read, and when it comes too
slowly. Whatever goes wrong, the answer is {"error": a sentence}; what says 503 says when to come back.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .pictures import MAX_BYTES, TOO_LARGE

FORM = 1 << 16  # bytes beside the picture in an upload
ELSE = 1 << 14  # bytes of any other body; the page's own have a few hundred, and as Python's lists many times as much
ARRIVAL = 60.0  # seconds within which a body has to be here
GRACE, RATE = 5.0, 4096  # seconds after which it has to have come with so many bytes a second
ARRIVING = 128  # bodies on their way at a time
BODILESS = ("GET", "HEAD", "OPTIONS")
BUSY = "Many pictures are being looked at just now. Try again in a few seconds."
SLOW = "The picture did not arrive in time, or far too slowly. Try a smaller copy."
NO_ROOM = "The server has no room for another picture just now. Try again in a few minutes."
WRONG = "Something went wrong here, not with you. Try again; if it stays, tell whoever runs this page."
SENTENCES = {
    400: "That request has not the form that this page understands: see /?view=api.",
    404: "There is nothing at this address.",
    405: "This address is for another kind of request.",
    422: "That request has not the form that this page understands: see /?view=api.",
    503: BUSY,
}


class Refused(Exception):
    """A request that is not read any further."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


def refusal(status: int, sentence: str) -> JSONResponse:
    """What is wrong, in a sentence."""
    return JSONResponse({"error": sentence}, status, {"Retry-After": "5"} if status == 503 else None)


class Bounds:
    """ASGI middleware that holds every request to the bounds above."""

    def __init__(self, app: ASGIApp):
        self.app, self.arriving = app, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = Exchange(self, scope, receive, send)
        try:
            exchange.check_announced()
            await self.app(scope, exchange.receive, exchange.send)
        except Refused as refused:
            await exchange.say(refused)
        except ClientDisconnect:
            pass  # nobody is there to read an answer
        except OSError:
            await exchange.say(Refused(507, NO_ROOM))
            raise
        except Exception:
            await exchange.say(Refused(500, WRONG))
            raise
        finally:
            exchange.has_arrived()


class Exchange:
    """One request whose body is bounded, and its answer, which is a sentence if it is an error."""

    def __init__(self, bounds: Bounds, scope: Scope, receive: Receive, send: Send):
        self._bounds, self._scope, self._receive, self._send = bounds, scope, receive, send
        path = scope["path"]
        picture = path.endswith(("/verdict", "/upload", "/wrong"))
        self._limit = (MAX_BYTES + (FORM if path.endswith("/upload") else 0)) if picture else ELSE
        self._too_large = TOO_LARGE if picture else "That request is larger than any that this page makes."
        self._begun, self._bytes = 0.0, 0
        self._arriving = False
        self._refused: Refused | None = None  # what was raised, should somebody on the way have caught it
        self._error: Message | None = None  # the beginning of an answer that is one
        self._body = b""
        self._answered = False

    def check_announced(self) -> None:
        """Raise Refused if the request says itself that it is too large."""
        with suppress(ValueError):
            if int(Headers(scope=self._scope).get("Content-Length", "0")) > self._limit:
                raise Refused(413, self._too_large)

    async def receive(self) -> Message:
        """The next part of the body. Raises Refused if it comes too late or is too much."""
        if self._scope["method"] in BODILESS or (self._begun and not self._arriving):
            return await self._receive()  # waits for the visitor to go
        loop = asyncio.get_running_loop()
        try:
            if not self._begun:
                if self._bounds.arriving >= ARRIVING:
                    raise Refused(503, BUSY)
                self._begun, self._arriving = loop.time(), True
                self._bounds.arriving += 1
            patience = min(ARRIVAL, max(GRACE, self._bytes / RATE))
            async with asyncio.timeout_at(self._begun + patience):
                message = await self._receive()
            self._bytes += len(message.get("body", b""))
            if self._bytes > self._limit:
                raise Refused(413, self._too_large)
        except TimeoutError:
            self._refused = Refused(408, SLOW)
            raise self._refused from None
        except Refused as refused:
            self._refused = refused
            raise
        if not message.get("more_body", False):
            self.has_arrived()
        return message

    def has_arrived(self) -> None:
        """Leave the place of those that are on their way."""
        if self._arriving:
            self._arriving = False
            self._bounds.arriving -= 1

    async def send(self, message: Message) -> None:
        """Pass an answer on; one that is an error is held until all of it is there, and then said in our way."""
        if message["type"] == "http.response.start" and (message["status"] >= 400 or self._refused):
            self._error = message
        elif self._error is None:
            self._answered = True
            await self._send(message)
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._say_again(self._error)

    async def _say_again(self, error: Message) -> None:
        status, said = error["status"], {}
        with suppress(ValueError):
            said = json.loads(self._body)
        if not self._refused and isinstance(said, dict) and isinstance(said.get("error"), str):  # it is one of ours
            self._answered = True
            await self._send(error)
            await self._send({"type": "http.response.body", "body": self._body})
            return
        detail = said.get("detail") if isinstance(said, dict) else None
        in_words = detail if isinstance(detail, str) and " " in detail else SENTENCES.get(status, WRONG)
        await self.say(self._refused or Refused(status, in_words))

    async def say(self, refused: Refused) -> None:
        """Answer with an error, unless an answer has begun."""
        if not self._answered:
            self._answered = True
            await refusal(refused.status, refused.sentence)(self._scope, self._receive, self._send)
