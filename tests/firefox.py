"""Firefox, spoken to by WebDriver BiDi over its own websocket: Playwright drives no Firefox that Debian has."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

SECONDS = 60  # for an answer, on a busy machine


class Firefox:
    """One tab. errors: what its console complained of."""

    def __init__(self, socket: ClientConnection):
        self._socket, self._numbers = socket, itertools.count()
        self.errors: list[str] = []
        self._call("session.new", capabilities={})
        self._call("session.subscribe", events=["log.entryAdded"])
        self._tab = self._call("browsingContext.getTree")["contexts"][0]["context"]

    def open(self, url: str) -> None:
        self._call("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """What a JavaScript expression comes to, after waiting where it is a promise."""
        answer = self._evaluate(f"(async () => JSON.stringify(await ({expression})) ?? 'null')()")
        return json.loads(answer["value"])

    def wait(self, expression: str) -> Any:
        """What an expression comes to once that is true, or anything."""
        look = f"const value = {expression}; value ? done(value) : setTimeout(look, 20);"
        return self.evaluate(f"new Promise((done) => {{ const look = () => {{ {look} }}; look(); }})")

    def set_files(self, selector: str, paths: Iterable[Path]) -> None:
        element = self._evaluate(f"document.querySelector({json.dumps(selector)})")
        chosen = {"sharedId": element["sharedId"]}
        self._call("input.setFiles", context=self._tab, element=chosen, files=[str(path) for path in paths])

    def _evaluate(self, expression: str) -> dict[str, Any]:
        target = {"context": self._tab}
        answer = self._call("script.evaluate", expression=expression, target=target, awaitPromise=True)
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        return answer["result"]

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._socket.send(json.dumps({"id": (number := next(self._numbers)), "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=SECONDS))
            if message.get("method") == "log.entryAdded" and message["params"]["level"] == "error":
                self.errors.append(message["params"]["text"])
            if message.get("id") == number:
                assert message["type"] == "success", message
                return message["result"]


@contextmanager
def firefox(profile: Path) -> Iterator[Firefox]:
    """A Firefox without a window. profile: an empty folder; it outlives the browser."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    command = [program, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(f"{_address(profile, process)}/session", max_size=None) as socket:
            yield Firefox(socket)
    finally:
        process.terminate()
        process.wait()


def _address(profile: Path, process: subprocess.Popen) -> str:
    """Where it listens, which it writes into its profile."""
    while True:
        try:
            told = json.loads((profile / "WebDriverBiDiServer.json").read_text())
            return f"ws://{told['ws_host']}:{told['ws_port']}"
        except (OSError, ValueError):
            assert process.poll() is None, "Firefox did not start"
            time.sleep(0.1)
