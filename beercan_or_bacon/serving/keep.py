"""POST /wrong?right=LABEL: a picture that was judged wrong, kept if the page's owner has asked for such pictures.

KEEP_WRONG is a folder, or USER/REPO: a data set on the Hugging Face Hub, to which they are pushed every few minutes.
What is kept is a picture of at most SIDE pixels without anything that the file said beside it (place, time, camera),
and a word out of the model's own; `train.py review --from` reads it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import secrets
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..errors import BusyError, PictureError, ServerError
from ..files import write_whole
from .bounds import refusal
from .classifier import NEITHER
from .pictures import read_picture

if TYPE_CHECKING:
    from huggingface_hub import CommitScheduler

SIDE = 1024  # pixels, the longer side of what is kept; training looks at a quarter of it
MOST = 2000  # pictures in all, about 300 MB
MINUTES = 5  # between two pushes to the Hub
COLUMNS = ("file", "right")
IN_MEMORY = 1 << 20  # bytes; a larger picture waits for its turn in a temporary file


def answers(labels: tuple[str, ...]) -> tuple[str, ...]:
    """What a visitor may say that a picture is."""
    both = ("both",) if len(labels) == 2 else ()
    return (*labels, *both, NEITHER)


@dataclass
class Keeper:
    """Where such pictures go. where: for visitors, in words. lock: held while files change, so that no half is pushed.

    Each process writes a table of its own, since a Space forgets its files and would replace the last one's.
    """

    folder: Path
    where: str
    lock: AbstractContextManager[object] = field(default_factory=threading.Lock)
    scheduler: CommitScheduler | None = None
    table: str = field(default_factory=lambda: f"wrong-{secrets.token_hex(4)}.csv")

    def keep(self, file: BinaryIO, right: str) -> None:
        """Keep one picture under the visitor's word; the same picture again only once. Raises PictureError."""
        picture = read_picture(file, keep=SIDE).picture
        picture.thumbnail((SIDE, SIDE))
        picture.info.clear()
        written = io.BytesIO()
        picture.save(written, "JPEG", quality=90)
        name = f"pictures/{hashlib.sha256(written.getvalue()).hexdigest()}.jpg"
        with self.lock:
            kept = self.folder / name
            if kept.exists():
                return
            if sum(1 for _ in kept.parent.glob("*")) >= MOST:
                raise PictureError("Enough pictures have been kept for now. Thank you!", "too_much")
            write_whole(kept, written.getvalue())
            with (self.folder / self.table).open("a", newline="", encoding="utf-8") as table:
                rows = csv.writer(table)
                if table.tell() == 0:
                    rows.writerow(COLUMNS)
                rows.writerow((name, right))


def open_keeper(environment: Mapping[str, str]) -> Keeper | None:
    """What KEEP_WRONG asks for, or None. Raises ServerError when it cannot be had."""
    wanted = environment.get("KEEP_WRONG", "")
    if not wanted:
        return None
    if re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", wanted) and not Path(wanted).is_dir():
        return _on_the_hub(wanted)
    folder = Path(wanted)
    try:
        (folder / "pictures").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ServerError(f"KEEP_WRONG is {wanted}, where nothing can be kept: {error.strerror}.") from None
    return Keeper(folder, "in a folder of this page's owner")


def _on_the_hub(repo: str) -> Keeper:
    from huggingface_hub import CommitScheduler  # what few ask for is not in everybody's start

    folder = Path(tempfile.mkdtemp(prefix="kept-"))
    try:
        scheduler = CommitScheduler(repo_id=repo, repo_type="dataset", folder_path=folder, every=MINUTES, private=True)
    except Exception as error:  # the client raises nearly anything when there is no token, network or permission
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ServerError(f"KEEP_WRONG is {repo}, a data set that cannot be written: {first}") from None
    print(f"Pictures that visitors say were judged wrong go to https://huggingface.co/datasets/{repo}", file=sys.stderr)
    return Keeper(folder, f"in the data set {repo} on the Hugging Face Hub", scheduler.lock, scheduler)


def wrong_route(keeper: Keeper, labels: tuple[str, ...]) -> Route:
    """The route, for the page's own server, whose `Bounds` look after the request's body."""
    turns, allowed = CapacityLimiter(1), answers(labels)

    async def wrong(request: Request) -> Response:
        right = request.query_params.get("right", "")
        if request.query_params.multi_items() != [("right", right)] or right not in allowed:
            return refusal(400, f"Say what it is, and nothing else: ?right= one of {', '.join(allowed)}.")
        if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            return refusal(403, "Only this page itself may keep a visitor's picture.")
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
            async for chunk in request.stream():
                file.write(chunk)
            return await _answer(lambda: keeper.keep(cast(BinaryIO, file), right), turns)

    return Route("/wrong", wrong, methods=["POST"])


async def _answer(keep: Callable[[], None], turns: CapacityLimiter) -> Response:
    try:
        await to_thread.run_sync(keep, limiter=turns)
    except PictureError as error:
        return refusal(503 if isinstance(error, BusyError) else 400, str(error))
    except OSError:
        return refusal(507, "There is no room to keep it just now.")
    return JSONResponse({"kept": True})
