"""The page's functions see pictures that were uploaded to it, and its own examples; no other file of this machine."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

import gradio as gr
from gradio import route_utils
from starlette.datastructures import FormData

from ..errors import PictureError

NOT_HERE = "That picture is not here, or no longer. Send it as a file."  # whatever was asked for: it is no oracle


class OnePicture(route_utils.GradioMultiPartParser):
    """Gradio's parser of an upload, for one file, of which nothing stays when it does not arrive whole."""

    def __init__(self, *args, **more):
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


route_utils.GradioMultiPartParser = OnePicture


class UploadsOnly(gr.Blocks):
    """A page that takes a path for what its upload handed out, word by word, and every other for nothing.

    Gradio itself looks only at paths that come in the shape it expects, and lets the others through.
    """

    own: frozenset[str] = frozenset()  # paths of the page's own pictures

    async def preprocess_data(self, block_fn, inputs: list[Any], state, explicit_call: bool = False) -> list:
        """What Gradio's own does, with what is no upload replaced by an empty payload."""
        if len(inputs) != len(block_fn.inputs):
            inputs = [{}] * len(block_fn.inputs)
        checked = [
            self._checked(value) if isinstance(block, gr.Image) else value
            for block, value in zip(block_fn.inputs, inputs, strict=True)
        ]
        return await super().preprocess_data(block_fn, checked, state, explicit_call)

    def _checked(self, payload: Any) -> dict[str, Any] | None:
        if payload is None:
            return None
        path = payload.get("path") if isinstance(payload, dict) else None
        if isinstance(path, str) and (path in self.upload_file_set or path in self.own):
            return {"path": path, "meta": {"_type": "gradio.FileData"}}
        return {}


def open_upload(path: str | None) -> BinaryIO:
    """The file of a checked payload. Raises PictureError if it is gone, or something else lies there by now."""
    try:
        flags = ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")  # no links, and no waiting for pipes
        descriptor = os.open(Path(path or ""), sum(getattr(os, flag, 0) for flag in flags))
    except OSError:
        raise PictureError(NOT_HERE) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise PictureError(NOT_HERE)
    return os.fdopen(descriptor, "rb")
