"""The page's small print: how to embed it, and what the classifier says of itself."""

from __future__ import annotations

import re
from html import escape
from typing import Any

import gradio as gr

from .classifier import Description

PERMISSIONS = "camera; clipboard-read; clipboard-write; web-share"
HEIGHT = (
    640  # pixels: the verdict, and on a wide page all but the small print (measured by tests/serving/test_snippet.py)
)


def iframe_snippet(address: str, title: str) -> str:
    """Two lines of HTML for a page of somebody's own, the same for both of ours; the second fits it to its height."""
    return (
        f'<iframe src="{address}" title="{escape(title)}" style="width: 100%; height: {HEIGHT}px; border: 0"'
        f' allow="{PERMISSIONS}"></iframe>\n'
        '<script>addEventListener("message", (e) => { for (const f of document.querySelectorAll("iframe"))'
        ' if (f.contentWindow === e.source && e.data.bcobHeight) f.style.height = e.data.bcobHeight + "px"; })</script>'
    )


# {here} becomes the page's own address, in the browser.
SNIPPETS = {
    "As a web component": """\
<script type="module" src="https://gradio.s3-us-west-2.amazonaws.com/GRADIO/gradio.js"></script>
<gradio-app src="{here}/"></gradio-app>""",
    "From Python (pip install gradio_client)": """\
from gradio_client import Client, handle_file

client = Client("{here}/")
label, heatmap = client.predict(handle_file("picture.jpg"), api_name="/predict")""",
    "From a shell": "curl --data-binary @picture.jpg {here}/verdict",
    "From a page's script, or any program: the picture is the body, the answer JSON": """\
const response = await fetch("{here}/verdict", {method: "POST", body: file})
const {verdict, labels, probabilities, error} = await response.json()""",
    "From a shell, by Gradio's steps: the heat map too": """\
path=$(curl -s -F files=@picture.jpg {here}/gradio_api/upload | tr -d '[]')
event=$(curl -s {here}/gradio_api/call/predict -H 'Content-Type: application/json' \\
  -d '{"data": [{"path": '"$path"', "meta": {"_type": "gradio.FileData"}}]}' | cut -d '"' -f 4)
curl -sN {here}/gradio_api/call/predict/$event""",
}


def embed_html(title: str) -> str:
    """Snippets to copy; page.js writes the page's address into them."""
    parts = []
    for heading, code in {"In a page of yours": iframe_snippet("{here}/", title), **SNIPPETS}.items():
        code = code.replace("GRADIO", gr.__version__)
        parts.append(
            f'<h2>{heading}</h2><div class="bcob-code"><pre tabindex="0"><code>{escape(code)}</code></pre>'
            '<button type="button" class="bcob-button bcob-copy">Copy</button></div>'
        )
    return (
        f'<details class="bcob-more"><summary>Embed this</summary>{"".join(parts)}'
        "<p>The second line of the first lets it be as tall as it needs to be. "
        "Add ?__theme=light or ?__theme=dark to the address to choose the colours yourself.</p></details>"
    )


def about_html(about: Description, model: str, keeps: str = "") -> str:
    """The About part: how to read the bars, what becomes of a picture, and the facts."""
    how = (
        "<p>Each thing gets a yes or no of its own: that is why a picture can be more than one of them, or none. The "
        "line on a bar is where no turns into yes. The pictures you drop here are deleted within minutes, and nobody "
        f"keeps them{f', but for those that you say were wrong: they are kept {escape(keeps)}' if keeps else ''}.</p>"
    )
    return f'<details class="bcob-more"><summary>About</summary>{how}{facts_html(about, model)}</details>'


def known_html(about: Description) -> str:
    """What the model knows, in plain sentences, or "" when its description has no figures."""
    sentences = (about.model_extra or {}).get("sentences") or _sentences_of(about)
    return f'<p class="bcob-known">{escape(" ".join(map(str, sentences)))}</p>' if sentences else ""


def _sentences_of(about: Description) -> list[str]:
    """From the figures of a model that has no sentences of its own."""

    def of_hundred(figure: object) -> str:
        return f"about {100 * figure['value']:.0f}" if isinstance(figure, dict) and "value" in figure else ""

    found = [(label, of_hundred(about.metrics.get(f"{label}: found"))) for label in about.labels]
    called = of_hundred(about.metrics.get("neither called something"))
    sentences = [f"Of 100 {label} pictures it has never seen, it finds {number}." for label, number in found if number]
    return sentences + ([f"Of 100 pictures of neither, it calls {called} something."] if called else [])


def links_html(model: str, space: str) -> str:
    """Links to the page's source and its model, where these are on the Hub. model: "USER/REPO SHA"."""
    repo, _, revision = model.partition(" ")
    links = (
        [f'<a href="https://huggingface.co/spaces/{escape(space)}/tree/main">the page\'s source</a>'] if space else []
    )
    if re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        address = f"https://huggingface.co/{repo}{f'/tree/{revision}' if revision else ''}"
        links.append(f'<a href="{escape(address)}">the model</a>')
    elif space:
        links.append(f'<a href="https://huggingface.co/spaces/{escape(space)}/tree/main/model">the model</a>')
    return f"<p>Look inside: {', '.join(links)}.</p>" if links else ""


def facts_html(about: Description, model: str) -> str:
    """How good the model is, what it was trained on, and which model this is."""
    parts = []
    for heading, facts in [
        ("How good it is", about.metrics),
        ("Where it fails", (about.model_extra or {}).get("known_failures")),
        ("What it was trained on", about.training),
        ("Which model this is", {"model": model or "built in", **about.versions}),
    ]:
        if facts:
            parts.append(f"<h2>{heading}</h2>{_facts(facts) if isinstance(facts, dict) else f'<p>{_value(facts)}</p>'}")
    return "".join(parts)


def _facts(facts: dict[str, Any]) -> str:
    rows = "".join(f"<dt>{escape(_words(key))}</dt><dd>{_value(value)}</dd>" for key, value in facts.items())
    return f'<dl class="bcob-facts">{rows}</dl>'


def _words(key: str) -> str:
    return str(key).replace("_", " ")


def _value(value: object) -> str:
    """Any JSON value as HTML; {"value", "low", "high"} is a figure with its 95 % interval, "text" how it is told."""
    if isinstance(value, dict) and "text" in value:
        return escape(str(value["text"]))
    if isinstance(value, dict) and {"value", "low", "high"} <= set(value):
        return f"{_value(value['value'])} ({_value(value['low'])} to {_value(value['high'])})"
    if isinstance(value, dict):
        return _facts(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    if isinstance(value, float):
        return f"{value:.3g}"
    return escape(str(value))
