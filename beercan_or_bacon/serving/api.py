"""POST /verdict: a picture in, its verdict out, in one request that makes no file and waits in no queue of Gradio's.

    curl --data-binary @picture.jpg http://127.0.0.1:7860/verdict
    {"verdict": "A", "labels": ["A"], "probabilities": {"A": 0.9871, "B": 0.0012}}

Anything else than status 200 comes with {"error": a sentence}. For the heat map there is Gradio's `/predict`.
"""

from __future__ import annotations

import tempfile
from typing import Any, BinaryIO, cast

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..errors import BusyError, PictureError
from .bounds import BUSY, refusal
from .classifier import Classifier, as_json
from .pictures import read_picture

AT_ONCE = 16  # pictures taken up at the same time, as on the page: most of them wait for the decoder or the model
WAITING = 64  # pictures that are here and may wait, as on the page; one more is told to come back
IN_MEMORY = 1 << 18  # bytes; a larger picture waits for its turn in a temporary file


def verdict_route(classifier: Classifier) -> Route:
    """The route, for the page's own server, whose `Bounds` look after the request's body."""
    turns, waiting = CapacityLimiter(AT_ONCE), 0

    def look(file: BinaryIO) -> dict[str, Any]:
        return as_json(classifier.predict(read_picture(file, classifier.description.input.keep).picture))

    async def verdict(request: Request) -> Response:
        nonlocal waiting
        if request.headers.get("Content-Type", "").startswith("multipart/"):
            return refusal(415, "Send the picture itself, not a form with it: curl --data-binary @picture.jpg …")
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
            async for chunk in request.stream():
                file.write(chunk)
            if waiting >= WAITING:  # only whole pictures count: who sends slowly takes nobody's place
                return refusal(503, BUSY)
            waiting += 1
            try:
                return JSONResponse(await to_thread.run_sync(look, cast(BinaryIO, file), limiter=turns))
            except PictureError as error:
                return refusal(503 if isinstance(error, BusyError) else 400, str(error))
            finally:
                waiting -= 1

    return Route("/verdict", verdict, methods=["POST"])
