"""The process that decodes: `python -m beercan_or_bacon.serving.decode.worker LANE`, fed and read by `workers.py`.

It imports Pillow and nothing of the page. Before the first byte of a picture arrives it gives up what decoding does not
need, as far as the system has such limits: memory beyond its lane's, and opening any further file or connection.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

from .decoder import decode
from .protocol import ANSWER, FORMATS, LANES, READY, REQUEST, Lane, Outcome, Refusal


def main() -> None:
    """Answer requests until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the page, which then ends this
    lane = LANES[sys.argv[1]]
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stderr.fileno())  # decoders print what they think of a picture
    give_up_rights(lane)
    answers.write(READY)
    answers.flush()
    while len(head := requests.read(REQUEST.size)) == REQUEST.size:
        size, keep = REQUEST.unpack(head)
        data = requests.read(size)
        if len(data) < size:
            break
        allow(lane.seconds)
        answers.write(answer(data, keep, lane))
        del data  # not kept while waiting for the next
        answers.flush()
        allow(0)


def answer(data: bytes, keep: int, lane: Lane) -> bytes:
    """What became of one file, as ANSWER and the small picture's RGB bytes."""
    try:
        decoded = decode(data, keep, lane)
        small = decoded.picture
        numbers = (FORMATS.index(decoded.format), decoded.width, decoded.height, *small.size)
        return ANSWER.pack(Outcome.PICTURE, *numbers) + small.tobytes()
    except Refusal as refusal:
        return ANSWER.pack(refusal.outcome, 0, refusal.number, 0, 0, 0)
    except MemoryError:
        return ANSWER.pack(Outcome.TOO_MUCH, 0, 0, 0, 0, 0)


def give_up_rights(lane: Lane) -> None:
    """Bind this process for good. Where a limit is not known (Windows knows none), the others have to do."""
    with suppress(ImportError):
        import resource

        def limit(what: int, number: int) -> None:
            with suppress(ValueError, OSError):  # a stricter one is set already, or it cannot be set here
                resource.setrlimit(what, (number, number))

        if lane is not LANES["quick"]:
            os.nice(5)  # others first
        with suppress(OSError), open("/proc/self/statm") as file:  # Linux
            limit(resource.RLIMIT_AS, int(file.read().split()[0]) * resource.getpagesize() + lane.memory)
        limit(resource.RLIMIT_CORE, 0)
        limit(resource.RLIMIT_FSIZE, 0)
        limit(resource.RLIMIT_NOFILE, 0)  # those that are open stay open: the two pipes


def allow(seconds: float) -> None:
    """End this process when it has used that much more of the processor's time; 0: never."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


if __name__ == "__main__":
    main()
