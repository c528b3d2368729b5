"""Processes that decode pictures, so that what a picture does to its decoder ends there.

A picture goes to a quick process first. What takes more than that one may use goes to another with wider bounds, of
which there is one, so that large pictures take turns and nobody else waits for them. A process that dies is replaced.
"""

from __future__ import annotations

import io
import os
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from .protocol import ANSWER, FORMATS, READY, REQUEST, Outcome

ROOT = Path(__file__).parents[3]  # of the package
PATIENCE = 30.0  # seconds of a clock: a decoder has its own bound of the processor's; this one is for one that hangs
WAITING = 8  # pictures that may wait for the process for large ones
PIPE = 1 << 20  # bytes on their way to or from a process; most pictures and all small ones in one piece
# what Python needs to start; a decoder is to know no tokens
VARIABLES = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
# glibc's: one heap for all threads, as reserved memory counts; and no more than 12 MB of a picture is kept for the
# next, which is a photograph of 12 megapixels: asked for anew each time, its pages cost a tenth of the decoding
MALLOC = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "12582912", "MALLOC_TRIM_THRESHOLD_": "12582912"}

with suppress(ImportError):  # Windows has none
    import fcntl


class CannotDecode(Exception):
    """No decoding process can be had."""


class Busy(CannotDecode):
    """Too many large pictures wait already."""


class Died(Exception):
    """A decoding process ended before it had answered, or answered what it cannot mean."""


@dataclass(frozen=True)
class Answer:
    """What a decoding process said. format, width and height (pixels, upright) are the whole picture's.

    size: (width, height) of the small picture. rgb: uint8 [height, width, 3] of it, as bytes.
    """

    outcome: Outcome
    format: str = ""
    width: int = 0
    height: int = 0
    size: tuple[int, int] = (0, 0)
    rgb: bytes | bytearray = b""


class Worker:
    """One decoding process, for one picture at a time."""

    def __init__(self, lane: str):
        path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])  # all of what `site` would find
        environment = {name: os.environ[name] for name in VARIABLES if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-S", "-m", "beercan_or_bacon.serving.decode.worker", lane],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**environment, "PYTHONPATH": path, **MALLOC},
        )
        self.started = False
        # FileIO, as nothing is buffered
        self._requests, self._answers = cast(io.FileIO, self.process.stdin), cast(io.FileIO, self.process.stdout)
        for pipe in (self._requests, self._answers):
            with suppress(NameError, AttributeError, OSError):  # Linux; not more than a user may have
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE)

    def ask(self, file: BinaryIO, size: int, keep: int) -> Answer:
        """Have a file of `size` bytes decoded. Raises Died, after which this worker is to be killed."""
        watch = threading.Timer(PATIENCE, self.process.kill)
        watch.daemon = True  # at the end of the page nobody waits for it
        watch.start()
        try:
            if not self.started and self._receive(len(READY)) != READY:
                raise Died
            self.started = True
            head = REQUEST.pack(size, keep)
            while size:
                piece = file.read(min(size, PIPE - len(head)))
                if not piece:
                    raise Died
                self._send(head + piece)  # in one go: every wait for each other costs more than the copy
                head, size = b"", size - len(piece)
            return self._answer(keep)
        except OSError:
            raise Died from None
        finally:
            watch.cancel()

    def _answer(self, keep: int) -> Answer:
        try:
            outcome, kind, width, height, *small = ANSWER.unpack(self._receive(ANSWER.size))
            outcome, name = Outcome(outcome), FORMATS[kind]
        except (ValueError, IndexError):
            raise Died from None
        if max(small) >= 2 * keep:
            raise Died
        return Answer(outcome, name, width, height, (small[0], small[1]), self._receive(3 * small[0] * small[1]))

    def _send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._requests.write(view) :]

    def _receive(self, size: int) -> bytearray:
        parts = bytearray(size)
        view = memoryview(parts)
        while view:
            got = self._answers.readinto(view)
            if not got:
                raise Died
            view = view[got:]
        return parts

    def kill(self) -> None:
        """End it, now."""
        self.process.kill()
        self.process.wait()
        for pipe in (self._requests, self._answers):
            pipe.close()


class Workers:
    """The decoding processes of this one; safe to share between threads. They are started when they are needed.

    quick: how many pictures are decoded at a time.
    """

    def __init__(self, quick: int = 1):
        self._idle: dict[str, queue.SimpleQueue[Worker | None]] = {}
        for lane, count in (("quick", quick), ("large", 1)):
            self._idle[lane] = queue.SimpleQueue()
            for _ in range(count):
                self._idle[lane].put(None)
        self._waiting = threading.BoundedSemaphore(WAITING)

    def start(self, lane: str) -> None:
        """Start the lane's processes now, and return at once."""
        idle = self._idle[lane]
        for _ in range(idle.qsize()):
            idle.put(idle.get() or Worker(lane))

    def decode(self, file: BinaryIO, size: int, keep: int) -> Answer:
        """What becomes of a file of `size` bytes; `keep` is explained in decoder.py. Raises CannotDecode."""
        answer = self._ask("quick", file, size, keep)
        if answer.outcome is not Outcome.TOO_MUCH:
            return answer
        if not self._waiting.acquire(blocking=False):
            raise Busy
        try:
            return self._ask("large", file, size, keep)
        finally:
            self._waiting.release()

    def _ask(self, lane: str, file: BinaryIO, size: int, keep: int) -> Answer:
        file.seek(0)
        worker = self._idle[lane].get()
        try:
            worker = worker or Worker(lane)
        except OSError:
            self._idle[lane].put(None)
            raise CannotDecode from None
        whole = False
        try:
            answer = worker.ask(file, size, keep)
            whole = True
            return answer
        except Died:
            if not worker.started:
                raise CannotDecode from None
            return Answer(Outcome.TOO_MUCH)
        finally:
            if not whole:  # whatever it was, the next picture begins with a new process
                worker.kill()
            self._idle[lane].put(worker if whole else self._another(lane, worker))

    def _another(self, lane: str, dead: Worker) -> Worker | None:
        """A new process, now, so that nobody waits for its start; none where the last one did not start either."""
        with suppress(OSError):
            return Worker(lane) if dead.started else None
        return None
