"""What the page leans on inside Gradio is where it was; a newer Gradio fails here, with the name of what it moved."""

import inspect

import gradio as gr
import pytest
from gradio import route_utils

from beercan_or_bacon.serving import gradio_internals as internals

MOVED = "has moved what serving/gradio_internals.py leans on"
NEWER = f"Gradio {gr.__version__} {MOVED} (written for {internals.WRITTEN_FOR}): "


def test_the_gradio_here_is_the_one_that_it_was_written_for():
    assert gr.__version__ == internals.WRITTEN_FOR, NEWER + "go through that file, then change WRITTEN_FOR."


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (gr.Image, "preprocess"),
        (gr.Image, "postprocess"),
        (gr.HTML, "postprocess"),
        (gr.HTML, "api_info"),
        (gr.Blocks, "preprocess_data"),
        (gr.component_meta, "create_or_modify_pyi"),
        (route_utils.GradioMultiPartParser.__mro__[1], "parse"),
        (route_utils, "FnIndexInferError"),
        (gr.routes, "App"),
        (gr.routes.App, "get_blocks"),
    ],
    ids=lambda part: getattr(part, "__name__", part),
)
def test_what_is_overridden_is_there(owner, name):
    assert hasattr(owner, name), f"{NEWER}{owner.__name__}.{name} is gone."


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (gr.Blocks.preprocess_data, ["self", "block_fn", "inputs", "state", "explicit_call"]),
        (gr.Image.preprocess, ["self", "payload"]),
        (gr.HTML.postprocess, ["self", "value"]),
    ],
)
def test_what_is_overridden_is_asked_as_before(function, parameters):
    assert list(inspect.signature(function).parameters) == parameters, NEWER + function.__qualname__


def test_gradio_takes_uploads_with_our_parser():
    assert "GradioMultiPartParser(" in inspect.getsource(gr.routes), NEWER + "uploads are parsed by something else."
    assert route_utils.GradioMultiPartParser is internals.OnePicture


def test_what_stopping_and_forgetting_read_is_there():
    page = gr.Blocks()
    for owner, name in [(page, "temp_file_sets"), (page._queue, "pending_event_ids_session")]:
        assert hasattr(owner, name), f"{NEWER}{name} is gone."
    assert hasattr(gr.routes.App(), "stop_event"), f"{NEWER}App.stop_event is gone."
