"""Answers whose head and body leave together, so that no proxy has passed on the head of an answer that never comes.

uvicorn writes them one after the other. A page that is killed in between leaves a balancer with a head that it has
passed on already, and nothing to do but to cut the visitor off; with neither, it asks the next page.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 1 << 16  # bytes that wait for each other; a file on its way to a slow visitor is not gathered in memory


class OneWrite:
    """A transport that sends what is written in one turn of the event loop by one system call."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop):
        self._transport, self._loop = transport, loop
        self._held = bytearray()

    def write(self, data: bytes) -> None:
        """Send the bytes at the end of this turn."""
        if data and not self._held:
            self._loop.call_soon(self._send)
        self._held += data
        if len(self._held) >= MOST:
            self._send()

    def writelines(self, parts: Iterable[bytes]) -> None:
        """Send them all at the end of this turn."""
        self.write(b"".join(parts))

    def write_eof(self) -> None:
        """Send what is held, and that no more comes."""
        self._send()
        self._transport.write_eof()

    def close(self) -> None:
        """Send what is held, and close the connection."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._held:
            self._transport.write(bytes(self._held))
            self._held.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class WholeAnswers(H11Protocol):
    """uvicorn's protocol, for `uvicorn.Config.http_protocol_class`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin with a visitor, whom each answer reaches in one piece."""
        super().connection_made(cast(asyncio.Transport, OneWrite(transport, self.loop)))
