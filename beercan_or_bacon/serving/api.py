"""POST /verdict: a picture in, its verdict out, in one request that makes no file and waits in no queue of Gradio's.

    curl --data-binary @picture.jpg http://127.0.0.1:7860/verdict
    {"verdict": "bacon", "labels": ["bacon"], "probabilities": {"beer can": 0.0012, "bacon": 0.9871}}

Anything else than status 200 comes with {"error": a sentence}. For the heat map there is Gradio's `/predict`.
"""

from __future__ import annotations

import asyncio
import tempfile
from typing import BinaryIO

from anyio import CapacityLimiter, to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..errors import PictureError
from .classifier import Classifier, as_json
from .pictures import MAX_BYTES, TOO_LARGE, read_picture

AT_ONCE = 2  # pictures looked at at the same time, as on the page
WAITING = 64  # requests that may be on their way, as on the page; one more is told to come back
ARRIVAL = 60  # seconds within which a picture has to be here
IN_MEMORY = 1 << 20  # bytes; a larger picture waits for its turn in a temporary file


def verdict_route(classifier: Classifier) -> Route:
    """The route, for the page's own server."""
    turns, waiting = CapacityLimiter(AT_ONCE), 0

    def look(file: BinaryIO) -> dict:
        return as_json(classifier.predict(read_picture(file).picture))

    async def verdict(request: Request) -> Response:
        nonlocal waiting
        if waiting >= WAITING:
            return refusal(503, "Many pictures are being looked at just now. Try again in a few seconds.")
        if request.headers.get("Content-Type", "").startswith("multipart/"):
            return refusal(415, "Send the picture itself, not a form with it: curl --data-binary @picture.jpg …")
        if int(request.headers.get("Content-Length", 0)) > MAX_BYTES:  # before it is sent: curl waits for a word
            return refusal(413, TOO_LARGE)
        waiting += 1
        try:
            with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
                async with asyncio.timeout(ARRIVAL):
                    async for chunk in request.stream():
                        file.write(chunk)
                        if file.tell() > MAX_BYTES:
                            return refusal(413, TOO_LARGE)
                return JSONResponse(await to_thread.run_sync(look, file, limiter=turns))
        except PictureError as error:
            return refusal(400, str(error))
        except TimeoutError:
            return refusal(408, f"The picture did not arrive within {ARRIVAL} seconds. Try a smaller copy.")
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        finally:
            waiting -= 1

    return Route("/verdict", verdict, methods=["POST"])


def refusal(status: int, sentence: str) -> JSONResponse:
    """What is wrong, in a sentence."""
    return JSONResponse({"error": sentence}, status, {"Retry-After": "5"} if status == 503 else None)
