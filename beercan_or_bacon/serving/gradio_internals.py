"""What leans on Gradio's inside: its components, its upload, its sessions, and how it stops and forgets.

Gradio promises none of this. WRITTEN_FOR is the version it was written against; tests/serving/test_gradio_internals.py
says, name by name, what a newer one has moved. The page's look leans on Gradio's DOM in one file too: page.css.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import gradio as gr
import gradio.component_meta
from gradio import route_utils
from gradio.block_function import BlockFunction
from gradio.components.label import LabelConfidence, LabelData
from gradio.data_classes import ImageData
from gradio.routes import App
from gradio.state_holder import SessionState
from PIL import Image
from starlette.datastructures import FormData

from ..errors import PictureError
from .classifier import Prediction
from .pictures import KEEP_SIDE, read_picture
from .uploads import open_upload

WRITTEN_FOR = "6.31.0"
KEEP_SECONDS = 300  # how long an upload and its answer can be shown again

Silent = dict[Any, Any]  # Uvicorn's connections, each with its last request

ANSWER_SCHEMA = LabelData.model_json_schema()  # made once: Gradio asks for it at every answer

# Gradio writes a type stub beside the source of every component class; this page writes to the temporary folder only.
gradio.component_meta.create_or_modify_pyi = lambda *_: None


class Picture(gr.Image):
    """A picture from the visitor, decoded by `read_picture` instead of Gradio."""

    is_template = True  # the browser's part is gr.Image's
    keep = KEEP_SIDE  # pixels, as the model needs it

    def preprocess(  # type: ignore[override]  # an error is an answer too
        self, payload: ImageData | None
    ) -> Image.Image | PictureError | None:
        """The upload as an RGB picture, or what is wrong with it."""
        if payload is None:
            return None
        try:
            with open_upload(payload.path) as file:
                return read_picture(file, self.keep).picture
        except PictureError as error:
            return error


class HeatMap(gr.Image):
    """A picture for the visitor, in a file of its own.

    Gradio's are shared by all to whom the same picture is shown, and rewritten while one of them reads.
    """

    is_template = True

    def postprocess(self, value: Image.Image | None) -> ImageData | None:  # type: ignore[override]
        """An RGB picture -> a JPEG file in Gradio's temporary folder."""
        if value is None:
            return None
        path = Path(self.GRADIO_CACHE, f"{secrets.token_hex(16)}.jpg")
        path.parent.mkdir(parents=True, exist_ok=True)
        value.save(path, quality=80)
        return ImageData(path=str(path), orig_name="where-it-looked.jpg")


class Verdict(gr.HTML):
    """The answer, drawn by a script in a panel of our own; its value is gr.Label's. props: what the script reads."""

    def __init__(self, panel: str, script: str, props: dict[str, Any], **more: Any) -> None:
        super().__init__(
            html_template="${panel}",  # constant, so that a new value moves the bars instead of replacing them
            js_on_load=script,
            panel=panel,
            apply_default_css=False,
            **props,
            **more,
        )

    def postprocess(self, value: Prediction | PictureError | None) -> dict[str, Any] | None:  # type: ignore[override]
        """Prediction -> {"label": the verdict, "confidences": [{"label", "confidence"}, ...] in the model's order}."""
        if value is None:
            return None
        if isinstance(value, PictureError):
            return {"error": str(value)}
        shares = [LabelConfidence(label=label, confidence=round(p, 4)) for label, p in value.probabilities.items()]
        return LabelData(label=value.verdict, confidences=shares).model_dump()

    def api_info(self) -> dict[str, Any]:
        """The JSON schema of the answer, for the API page and its clients."""
        return ANSWER_SCHEMA


class OnePicture(route_utils.GradioMultiPartParser):
    """Gradio's parser of an upload, for one file, of which nothing stays when it does not arrive whole."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **{**more, "max_files": 1, "max_fields": 10})

    async def parse(self) -> FormData:
        """Gradio's own deletes what came before an error only if the form is to blame."""
        try:
            return await super().parse()
        except BaseException:
            for file in self._files_to_close_on_error:
                file.close()
                Path(file.name).unlink(missing_ok=True)
            raise


route_utils.GradioMultiPartParser = OnePicture  # type: ignore[misc]


class UploadsOnly(gr.Blocks):
    """A page that takes a path for what its upload handed out, word by word, and every other for nothing.

    Gradio itself looks only at paths that come in the shape it expects, and lets the others through.
    """

    own: frozenset[str] = frozenset()  # paths of the page's own pictures

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], state: SessionState | None, explicit_call: bool = False
    ) -> list[Any]:
        """What Gradio's own does, with what is no upload replaced by an empty payload."""
        if len(inputs) != len(block_fn.inputs):
            inputs = [{}] * len(block_fn.inputs)
        checked = [
            self._checked(value) if isinstance(block, gr.Image) else value
            for block, value in zip(block_fn.inputs, inputs, strict=True)
        ]
        return list(await super().preprocess_data(block_fn, checked, state, explicit_call))

    def _checked(self, payload: Any) -> dict[str, Any] | None:
        if payload is None:
            return None
        path = payload.get("path") if isinstance(payload, dict) else None
        if isinstance(path, str) and (path in self.upload_file_set or path in self.own):
            return {"path": path, "meta": {"_type": "gradio.FileData"}}
        return {}


def owes_answers(page: gr.Blocks) -> bool:
    """Whether an answer is being made, or is made and not fetched yet: that takes a request of its own."""
    return any(page._queue.pending_event_ids_session.values())


def end_heartbeats(page: gr.Blocks) -> None:
    """End the requests that visitors' pages keep open; Gradio's own way leaves them to time out. From any thread."""
    page.app.state.loop.call_soon_threadsafe(page.app.stop_event.set)


@asynccontextmanager
async def forgetting(app: App) -> AsyncIterator[None]:
    """While the app runs, delete uploads and answers after KEEP_SECONDS; at its end, delete what is left.

    Gradio's own `delete_cache` gives up for good when a picture arrives while it deletes.
    """

    async def sweep() -> None:
        silent: Silent = {}
        while True:
            await asyncio.sleep(KEEP_SECONDS / 20)
            delete_older(app.get_blocks(), KEEP_SECONDS)
            silent = close_silent(app.get_blocks(), silent)

    app.state.loop = asyncio.get_running_loop()
    task = asyncio.create_task(sweep())
    try:
        yield
    finally:
        task.cancel()
        delete_older(app.get_blocks(), -1)


def close_silent(page: gr.Blocks, before: Silent) -> Silent:
    """Close connections that owed a request at the last look and still owe the same one; return those that owe one now.

    Uvicorn waits for ever for the first byte of a request and for the last one of its head, and for each it holds one
    of the files that the system grants; a connection that idles between requests it closes itself.
    """
    connections: set[Any] = page.server.server_state.connections
    silent: Silent = {
        connection: connection.cycle
        for connection in connections
        if hasattr(connection, "cycle")  # HTTP's
        and (connection.cycle is None or connection.cycle.response_complete)
        and not connection.timeout_keep_alive_task
    }
    for connection, cycle in silent.items():
        if before.get(connection, connection) is cycle:
            connection.transport.close()
    return silent


def delete_older(page: gr.Blocks, seconds: float) -> None:
    """Delete the files that came in or were made more than this many seconds ago."""
    latest = time.time() - seconds
    for paths in page.temp_file_sets:
        for path in list(paths):
            with suppress(FileNotFoundError):
                if os.lstat(path).st_ctime > latest:
                    continue
                os.remove(path)
            paths.discard(path)
