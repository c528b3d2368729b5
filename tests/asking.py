"""A client of POST /verdict that knows when the server has begun."""

from __future__ import annotations

import http.client
import socket

import httpx


def begun(url: str, picture: bytes, answers: list[bytes]) -> None:
    """Ask until nobody is there; each time the server takes the picture, it owes an answer."""
    head = f"POST /verdict HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: {len(picture)}\r\n\r\n"
    while True:
        try:
            with socket.create_connection(("127.0.0.1", httpx.URL(url).port), timeout=60) as connection:
                connection.sendall(head.encode())
                if b"100 Continue" not in connection.recv(1000):
                    return
                mine = len(answers)
                answers.append(b"")
                connection.sendall(picture)
                (response := http.client.HTTPResponse(connection)).begin()
                answers[mine] = response.read()
        except (OSError, http.client.HTTPException):  # refused, or reset before it was taken
            return
