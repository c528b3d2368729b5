"""Prometheus text at /metrics: how many requests, how they ended, how long they took, and what the process uses."""

from __future__ import annotations

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .traffic import Served

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds; a picture takes 0.03 on a free core


class Metrics:
    """A registry of this page's own; an error is a request whose status is 500 or more."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # as many lines again, of interest to nobody
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "beercan_or_bacon_requests",
            "Requests answered, by the status of the answer",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._errors = Counter(
            "beercan_or_bacon_errors",
            "Requests that the page failed to answer: status 500 and above",
            ["method", "route"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "beercan_or_bacon_request_seconds",
            "From the head of a request to the last byte of its answer",
            ["method", "route"],
            buckets=BUCKETS,
            registry=self._registry,
        )

    def count(self, served: Served) -> None:
        """Add a request."""
        self._requests.labels(served.method, served.route, str(served.status)).inc()
        self._seconds.labels(served.method, served.route).observe(served.seconds)
        if served.status >= 500:
            self._errors.labels(served.method, served.route).inc()

    def route(self) -> Route:
        """The route, for the page's own server."""
        return Route("/metrics", self._text)

    async def _text(self, _: Request) -> Response:
        return Response(generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
