"""Two questions that a balancer asks: are you alive, and may I send you visitors?

GET /livez     200 while requests are taken at all; no answer, and only a new start will help
GET /readyz    200 while the model answers; 503 with a sentence when it does not, or when the page is stopping
"""

from __future__ import annotations

import asyncio
import io
import time

from anyio import CapacityLimiter, to_thread
from PIL import Image
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from .classifier import Classifier, Prediction
from .pictures import read_picture

PATIENCE = 30.0  # seconds that the answer may take: a machine full of visitors is slow, and no less ready for it
FRESH = 2.0  # seconds that an answer holds, so that asking often costs nothing


class Health:
    """Whether this process can answer a visitor; `unready` is why not, for as long as it starts or stops."""

    def __init__(self, classifier: Classifier):
        self.unready = "The page is starting."
        self._classifier = classifier
        Image.new("RGB", (64, 64), "grey").save(file := io.BytesIO(), "JPEG")
        self._test_picture = file.getvalue()
        self._wrong = ""  # why the model did not answer when it was last asked, or ""
        self._asked = -FRESH  # when that was, by the monotonic clock
        self._one_at_a_time = asyncio.Lock()
        self._thread = CapacityLimiter(1)  # of its own: visitors who wait for theirs make nobody unready

    def routes(self) -> list[Route]:
        """The two routes, for the page's own server."""
        return [Route("/livez", self.live), Route("/readyz", self.ready)]

    async def live(self, _: Request) -> JSONResponse:
        """That this answer is sent is all it says."""
        return JSONResponse({"alive": True})

    async def ready(self, _: Request) -> JSONResponse:
        """Ask the model, unless that was done just now."""
        async with self._one_at_a_time:
            if not self.unready and time.monotonic() - self._asked >= FRESH:
                self._wrong = await self._ask()
                self._asked = time.monotonic()
        wrong = self.unready or self._wrong
        return JSONResponse({"ready": False, "error": wrong} if wrong else {"ready": True}, 503 if wrong else 200)

    async def _ask(self) -> str:
        """Have a test picture looked at; why it was not answered, or ""."""
        try:
            async with asyncio.timeout(PATIENCE):
                prediction = await to_thread.run_sync(self._look, limiter=self._thread, abandon_on_cancel=True)
        except TimeoutError:
            return f"The model did not answer within {PATIENCE:g} seconds."
        except Exception as error:  # ONNX Runtime raises a class of its own for each way to fail
            return f"The model fails on a test picture ({type(error).__name__})."
        if not all(0 <= p <= 1 for p in prediction.probabilities.values()):  # NaN is neither
            return "The model's answers are not probabilities."
        return ""

    def _look(self) -> Prediction:
        """What becomes of a visitor's picture: opened in a process of its own, then shown to the model."""
        return self._classifier.predict(read_picture(io.BytesIO(self._test_picture)).picture)
