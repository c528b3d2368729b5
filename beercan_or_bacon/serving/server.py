"""The page, and the routes beside it, on an address: from the first request to the last answer."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import gradio as gr
from gradio.route_utils import FnIndexInferError
from starlette.middleware import Middleware

from ..errors import ServerError
from .api import AT_ONCE, WAITING, verdict_route
from .bounds import SENTENCES, Bounds, refusal
from .classifier import Classifier
from .gradio_internals import UploadsOnly, end_heartbeats, forgetting, owes_answers
from .health import Health
from .keep import Keeper, wrong_route
from .one_write import WholeAnswers
from .pictures import MAX_BYTES, workers
from .preview import Unfolds, preview_route
from .traffic import Served, Traffic, log_request

HERE = Path(__file__).parent
SESSIONS = 256  # that Gradio keeps 20 KB each of, though this page has no state; each call of the API is one
# Seconds a connection may idle: longer than balancers in front allow (nginx, ALB: 60), so that it is they who close it,
# and none of them sends a request into a connection that is just being closed here
IDLE = 75
FILES = 1 << 16  # open ones, a connection each; enough that who opens them without a word runs out of ports first
LATER = 3.0  # seconds after which the process for large pictures starts, so that the first visitor's answer is not late
# Seconds from the signal to the end. Docker kills after 10. Until DELIVERY, visitors may come back for answers that are
# being made: Gradio's are fetched by a request of their own
STOPPING, DELIVERY = 9.0, 5.0


@dataclass(frozen=True)
class Settings:
    """What the environment says of the server.

    host: the address to listen on, None for Gradio's default, this machine only.
    port: 1..65535, None for the first free one from 7860.
    log_requests: one line of JSON a request, on standard output. metrics: Prometheus text at /metrics.
    """

    host: str | None = None
    port: int | None = None
    log_requests: bool = False
    metrics: bool = False


def read_settings(environment: Mapping[str, str]) -> Settings:
    """HOST, PORT, LOG_REQUESTS and METRICS (on: 1). Raises ServerError for values that make no sense."""
    port = environment.get("PORT", "")
    if port and not (port.isascii() and port.isdecimal() and 1 <= int(port) <= 65535):
        raise ServerError(f"PORT is {port!r}: it has to be a number from 1 to 65535.")
    host = environment.get("HOST", "").strip("[]")
    return Settings(
        host=f"[{host}]" if ":" in host else host or None,
        port=int(port) if port else None,
        log_requests=_switch(environment, "LOG_REQUESTS"),
        metrics=_switch(environment, "METRICS"),
    )


def _switch(environment: Mapping[str, str], name: str) -> bool:
    value = environment.get(name, "")
    if value not in ("", "0", "1"):
        raise ServerError(f"{name} is {value!r}: 1 turns it on, 0 or nothing leaves it off.")
    return value == "1"


def launch(
    page: UploadsOnly, classifier: Classifier, settings: Settings | None = None, keeper: Keeper | None = None
) -> None:
    """Serve the page, and `/verdict` and the routes for machines beside it, until SIGTERM or SIGINT.

    The page has its look, and nothing that follows, records or keeps visitors.
    Raises ServerError when the address is taken or not this machine's.
    """
    settings = settings or Settings()
    health = Health(classifier)
    page.queue(max_size=WAITING, default_concurrency_limit=AT_ONCE, api_open=False)
    try:
        page.launch(
            server_name=settings.host,
            server_port=settings.port,
            css_paths=HERE / "page.css",
            theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
            footer_links=["api", "gradio"],
            max_file_size=MAX_BYTES,
            state_session_capacity=SESSIONS,
            run_history=False,
            enable_monitoring=False,
            quiet=settings.log_requests,  # who reads lines of JSON reads nothing else
            ssr_mode=False,
            pwa=False,
            app_kwargs=_app_kwargs(page, classifier, health, settings, keeper),
            prevent_thread_lock=True,
            _frontend=False,  # does not ask itself for the page first, and give up when the machine is too busy for it
        )
    except OSError:
        where = f"{settings.host or 'this machine'}, port {settings.port or '7860 or the hundred above'}"
        raise ServerError(f"Nothing can listen on {where}: taken, or not ours. Choose another HOST or PORT.") from None
    page.server.config.timeout_keep_alive = IDLE
    page.server.config.http_protocol_class = WholeAnswers
    _allow_connections()
    health.unready = ""
    later = threading.Timer(LATER, workers.start, ["large"])
    later.daemon = True
    later.start()
    _wait_for_signal()
    stop(page, health)


def _app_kwargs(
    page: UploadsOnly, classifier: Classifier, health: Health, settings: Settings, keeper: Keeper | None
) -> dict[str, Any]:
    """What of ours goes into Gradio's server: routes, what watches the requests, what deletes the uploads."""
    examples = [Path(path) for path in sorted(page.own)]
    routes = [verdict_route(classifier), preview_route(classifier.description, examples), *health.routes()]
    if keeper:
        routes.append(wrong_route(keeper, classifier.description.labels))
    tell: list[Callable[[Served], None]] = []
    if settings.log_requests:
        tell.append(log_request)
    if settings.metrics:
        from .metrics import Metrics  # what few ask for is not in everybody's start

        metrics = Metrics()
        tell.append(metrics.count)
        routes.append(metrics.route())
    own = frozenset(route.path for route in routes)
    middleware = [Middleware(Traffic, tell=tell, own=own)] if tell else []
    return {
        "lifespan": forgetting,
        "routes": routes,
        "middleware": [*middleware, Middleware(Bounds), Middleware(Unfolds, about=classifier.description)],
        "exception_handlers": {FnIndexInferError: lambda *_: refusal(404, SENTENCES[404])},  # no such function
    }


def _allow_connections() -> None:
    """Each holds an open file, of which a process has 1,024 unless it asks for more; where the system knows that."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = FILES if most == resource.RLIM_INFINITY else min(FILES, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(few, wanted), most))


def _wait_for_signal() -> None:
    """Return at the first SIGTERM or SIGINT; the next one ends the process at once."""
    asked = threading.Event()

    def ask(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    asked.wait()


def stop(page: gr.Blocks, health: Health) -> None:
    """Take no more visitors, finish what has begun, delete the uploads; all within STOPPING seconds.

    Gradio's own way leaves visitors' open heartbeats to time out, and with them everything behind.
    """
    health.unready = "The page is stopping."
    end = time.monotonic() + STOPPING
    if owes_answers(page):
        while owes_answers(page) and time.monotonic() < end - STOPPING + DELIVERY:
            time.sleep(0.02)
        time.sleep(0.5)  # for the heat map's picture, which the browser hears of with the answer
    end_heartbeats(page)
    page.server.should_exit = True  # closes the door and idle connections at once, the others after their answers
    page.server.thread.join(end - time.monotonic())
