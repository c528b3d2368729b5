"""The Gradio page: drop a picture, read the verdict."""

from __future__ import annotations

import os
import re
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from ..errors import PictureError
from .about import about_html, embed_html, known_html, links_html
from .classifier import Classifier, Description, Prediction
from .examples import credits_html, small_picture
from .gradio_internals import HeatMap, Picture, UploadsOnly, Verdict
from .heat import heat_picture
from .keep import answers
from .panel import bars_html
from .pictures import MAX_BYTES, TOO_LARGE

HERE = Path(__file__).parent
SCRIPTS = ("words.js", "share.js", "drop.js", "page.js", "send.js", "wrong.js")  # one function's body

# Writes the page's own address, without its parameters, into every snippet once it is there: parts come in any order
ADDRESS = r"""
const here = window.location.origin + window.location.pathname.replace(/\/$/, "");
for (const code of element.querySelectorAll(".bcob-code code"))
  code.textContent = code.textContent.replaceAll("{here}", here);
"""

Given = Image.Image | PictureError | None  # by the visitor
Shown = tuple[Prediction | PictureError | None, Image.Image | None]  # the verdict, and where the classifier looked


def build_page(
    classifier: Classifier, examples: list[Path], model: str = "", note: str = "", keeps: str = ""
) -> UploadsOnly:
    """One picture in (`/predict`); out, the label with its confidences and the heat-map picture, if the model has one.

    examples: pictures to click on. model: what the About part calls the model, with its revision.
    note: why the embedded default answers instead of the model that was asked for, or "".
    keeps: where pictures go that visitors say were judged wrong, in words, or "" where none are kept.
    """
    about = classifier.description

    def look(picture: Given) -> Shown:
        if not isinstance(picture, Image.Image):
            return picture, None
        prediction = classifier.predict(picture)
        return prediction, heat_picture(picture, prediction, about.input)

    def predict(picture: Given) -> Shown:
        if isinstance(picture, PictureError):  # the page shows it in the verdict's place; over HTTP it is an error
            raise gr.Error(str(picture), print_exception=False)
        return look(picture)

    page = UploadsOnly(title=about.title, analytics_enabled=False)
    with page:
        page.own = frozenset(map(str, examples))
        gr.HTML(f"<h1>{escape(about.title)}</h1><p>{escape(about.tagline)}</p>", elem_id="bcob-title")
        if note:
            gr.HTML(escape(note), elem_id="bcob-note")
        picture, verdict, heat = _stage(classifier, keeps)
        if examples:
            _examples(examples, picture)
        inside = links_html(model, os.environ.get("SPACE_ID", ""))
        small_print = known_html(about) + inside + embed_html(about.title) + about_html(about, model, keeps)
        gr.HTML(small_print, elem_id="bcob-more", apply_default_css=False, js_on_load=ADDRESS)

        asked = picture.change(
            look, picture, [verdict, heat], api_visibility="private", show_progress="hidden",
            js=f"(picture) => {{ if (picture) {_tell('asked')} return picture; }}",
        )  # fmt: skip
        asked.success(None, js=f"() => {{ {_tell('answered')} }}", api_visibility="private")
        asked.failure(None, js=f"() => {{ {_tell('failed')} }}", api_visibility="private")
        gr.Button(visible=False).click(predict, picture, [verdict, heat], api_name="predict")
    return page


def _stage(classifier: Classifier, keeps: str) -> tuple[Picture, Verdict, HeatMap]:
    """What the page is about: the picture, with where the classifier looked laid over it, and the verdict beside it."""
    about = classifier.description
    with gr.Row(elem_id="bcob-stage"):
        with gr.Column(elem_id="bcob-picture"):
            picture = Picture(
                label="Picture", show_label=False, buttons=[], alt_text="Your picture", elem_id="bcob-upload",
                placeholder="Drop a picture here\nor click to choose one",
            )  # fmt: skip
            heat = HeatMap(
                label="Where it looked", show_label=False, buttons=[], interactive=False,
                alt_text="Your picture, bright where the classifier looked", elem_id="bcob-heat",
            )  # fmt: skip
        picture.keep = about.input.keep
        verdict = Verdict(
            verdict_html(about, classifier.has_heatmap, keeps), "\n".join(map(_script, SCRIPTS)),
            verdict_props(about, keeps), label="Verdict", elem_id="bcob-verdict",
        )  # fmt: skip
    return picture, verdict, heat


def _examples(examples: list[Path], picture: Picture) -> None:
    """The strip of pictures to click on."""

    def pick(event: gr.EventData) -> str:
        return str(examples[event.index])

    gr.set_static_paths(examples)
    strip = gr.HTML(
        examples_html(examples), elem_id="bcob-examples", apply_default_css=False,
        js_on_load="element.addEventListener('click', ({target}) => { const button = target.closest('button');"
        " if (button) trigger('click', {index: +button.dataset.index}); });",
    )  # fmt: skip
    strip.click(pick, None, picture, api_visibility="private", show_progress="hidden")


def verdict_html(about: Description, has_heatmap: bool, keeps: str) -> str:
    """The panel that page.js fills: the answer in words, a bar per class, and what can be done with a verdict."""
    return (
        '<div class="bcob-panel"><div class="bcob-said" role="status"><p class="bcob-word">Well?</p>'
        '<p class="bcob-words">Drop a picture, paste one or take one: the answer comes by itself.</p></div>'
        f'{bars_html(about)}<div class="bcob-tools">'
        '<button type="button" class="bcob-button bcob-where" aria-pressed="false" disabled'
        f"{'' if has_heatmap else ' hidden'}>Where it looked</button>"
        '<button type="button" class="bcob-button bcob-text" disabled>Copy result</button>'
        '<button type="button" class="bcob-button bcob-card" disabled>Picture card</button>'
        f"{ask_html(about) if keeps else '</div>'}</div>"
    )


def verdict_props(about: Description, keeps: str) -> dict[str, Any]:
    """What page.js reads."""
    return {
        "labels": list(about.labels), "thresholds": list(about.thresholds), "title": about.title, "keeps": keeps,
        "close": [list(bounds) for bounds in about.close], "most_bytes": MAX_BYTES, "too_large": TOO_LARGE,
    }  # fmt: skip


def ask_html(about: Description) -> str:
    """The button that asks whether a verdict was wrong, and the question that it opens."""
    choices = "".join(
        f'<button type="button" class="bcob-button" data-right="{escape(right)}">{escape(right.capitalize())}</button>'
        for right in answers(about.labels)
    )
    return (
        '<button type="button" class="bcob-button bcob-wrong" aria-expanded="false" disabled>Was this wrong?</button>'
        f'</div><div class="bcob-ask" hidden><p class="bcob-ask-words" role="status"></p>{choices}'
        '<button type="button" class="bcob-button" data-right="">Never mind</button></div>'
    )


def _script(name: str) -> str:
    """A module that is not one here: a part of one function's body."""
    return re.sub(r"^import .*$|^export ", "", (HERE / name).read_text(encoding="utf-8"), flags=re.MULTILINE)


def _tell(event: str) -> str:
    return f"document.dispatchEvent(new Event('bcob-{event}'));"


def examples_html(examples: list[Path]) -> str:
    """A strip of buttons with small pictures inside, so that they come with the page itself."""
    buttons = []
    for index, path in enumerate(examples):
        buttons.append(
            f'<button type="button" class="bcob-example" data-index="{index}" aria-label="Example {index + 1}">'
            f'<img src="{small_picture(path)}" alt="" width="160" height="160"></button>'
        )
    return (
        '<p class="bcob-examples-title">No picture at hand? Try one of these.</p>'
        f'<div class="bcob-examples">{"".join(buttons)}</div>{credits_html(examples)}'
    )
