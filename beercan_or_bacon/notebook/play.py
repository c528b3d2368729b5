"""The classifier as widgets: a picture in, the verdict out; in Jupyter, and in Voilà as a page without its code."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any, BinaryIO

import ipywidgets as widgets
from PIL import Image

from .. import serving
from ..errors import PictureError
from ..serving.classifier import Description, Prediction
from ..serving.examples import credits_html, small_picture
from ..serving.heat import LIGHTS
from ..serving.panel import bars_html
from ..serving.pictures import MAX_BYTES, TOO_LARGE
from .words import sureness

STYLES = (Path(serving.__path__[0]) / "page.css", Path(__file__).parent / "notebook.css")
IDLE = ("Well?", "Choose a picture: the answer comes by itself.")
FAILED = "That did not work, and it is not your picture's fault. Run the notebook again from its first cell."

Looked = tuple[Image.Image, Prediction, Image.Image | None]  # the picture, what it is, and where the classifier looked


class Page:
    """What a notebook shows.

    ways_in: the button for a file and the pictures to click on. answer: the picture and, beside it, the verdict.
    look: an open file -> the picture in it and what the classifier says; raises PictureError.
    """

    def __init__(self, look: Callable[[BinaryIO], Looked], about: Description, examples: Sequence[Path]):
        self._look, self._about, self._examples = look, about, examples
        self._pictures: tuple[bytes, bytes | None] = (b"", None)  # JPEG: the picture, and where the classifier looked
        self._upload = widgets.FileUpload(accept="image/*,.heic,.heif", description="", tooltip="Choose a picture")
        self._upload.add_class("bcob-button").add_class("bcob-choose")
        self._upload.observe(self._uploaded, "value")
        self._picture = widgets.Image(format="jpeg")
        self._verdict = widgets.HTML()
        self._where = widgets.ToggleButton(description="Where it looked", tooltip="Where it looked", disabled=True)
        self._where.add_class("bcob-button")
        self._where.observe(lambda _: self._draw(), "value")
        self._tell(*IDLE)
        self.ways_in = _box("bcob-ways-in", _style(examples), self._upload, *self._strip())
        self.answer = _box(
            "bcob-answer", _box("bcob-frame", self._picture), _box("bcob-told", self._verdict, self._where)
        )
        self._draw()

    def _strip(self) -> list[widgets.Widget]:
        """The pictures to click on, and who made them."""
        buttons = [widgets.Button(description=f"Example {number}") for number, _ in enumerate(self._examples, 1)]
        for index, (button, path) in enumerate(zip(buttons, self._examples, strict=True)):
            button.add_class("bcob-example").add_class(f"bcob-example-{index}")
            button.on_click(lambda _, path=path: self._ask(path.read_bytes()))
        return [_box("bcob-strip", *buttons), widgets.HTML(credits_html(self._examples))] if buttons else []

    def _uploaded(self, change: dict[str, Any]) -> None:
        if change["new"]:
            self._ask(change["new"][0]["content"])
            self._upload.value = ()  # so that the same file may be chosen again

    def _ask(self, content: bytes | memoryview) -> None:
        """Look at a file's content and show what came of it."""
        self._tell("Looking…", "")
        try:
            if len(content) > MAX_BYTES:
                raise PictureError(TOO_LARGE)
            picture, prediction, heat = self._look(io.BytesIO(content))
        except Exception as error:
            self._pictures = (b"", None)
            self._tell("Hm.", str(error) if isinstance(error, PictureError) else FAILED)
            if not isinstance(error, PictureError):
                raise
        else:
            self._pictures = (_jpeg(picture), _jpeg(heat) if heat else None)
            self._tell(prediction.verdict, sureness(self._about, prediction), prediction)
        finally:
            self._draw()

    def _draw(self) -> None:
        """Show the picture, or where the classifier looked."""
        picture, heat = self._pictures
        self._where.disabled = heat is None
        self._where.value = self._where.value and heat is not None
        self._picture.value = heat if self._where.value and heat is not None else picture
        self._picture.layout.display = "" if picture else "none"

    def _tell(self, word: str, words: str, prediction: Prediction | None = None) -> None:
        self._verdict.value = verdict_html(self._about, word, words, prediction)


def verdict_html(about: Description, word: str, words: str, prediction: Prediction | None) -> str:
    """The panel of the Gradio page, with a verdict in it: the answer in words, and a bar a class."""
    there = [about.labels.index(label) % len(LIGHTS) for label in prediction.labels] if prediction else []
    colour = "muted" if not prediction else "neither" if not there else "text" if there[1:] else f"class-{there[0]}"
    return (
        f'<div class="bcob-panel"><div class="bcob-said" role="status"><p class="bcob-word" style="--accent: '
        f'var(--bcob-{colour})">{escape(word)}</p><p class="bcob-words">{escape(words)}</p></div>'
        f"{bars_html(about, prediction.probabilities if prediction else {})}</div>"
    )


def _style(examples: Sequence[Path]) -> widgets.HTML:
    """The pages' look, and the small pictures that lie in the buttons."""
    rules = [path.read_text(encoding="utf-8") for path in STYLES]
    rules += [
        f'.bcob-example-{index} {{ background-image: url("{small_picture(path)}") !important; }}'
        for index, path in enumerate(examples)
    ]
    return widgets.HTML(f"<style>{''.join(rules)}</style>", layout={"display": "none"})


def _box(name: str, *children: widgets.Widget) -> widgets.Box:
    box = widgets.Box(children)
    box.add_class(name)
    return box


def _jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=88)
    return file.getvalue()
