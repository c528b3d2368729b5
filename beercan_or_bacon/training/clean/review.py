"""The review stage: a page on this machine where a person has the last word, most doubtful pictures first.

Every decision is on the disk (data/reviews.csv) before the next picture is shown. It wins over the machine in every
later run of every stage, without cleaning again; cleaning again learns from it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from ..classes import Classes
from .desk import STYLE, Desk, choices

# a key does what its button does; held down it counts once, and the browser's own shortcuts stay the browser's
KEYS = """
<script>
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea")) return;
  document.getElementById("bcob-key-" + event.key.toLowerCase())?.click();
});
</script>
"""


def build_review(classes: Classes, data: Path) -> gr.Blocks:
    """The page over one Desk; launch it with css=STYLE and head=KEYS."""
    desk = Desk(classes, data)
    with gr.Blocks(title=f"Review: {classes.title}", analytics_enabled=False) as page:
        told = gr.Markdown()
        picture = gr.HTML()
        sha256 = gr.Textbox(elem_id="bcob-sha", label="picture")  # which picture the person saw when deciding

        def show() -> tuple[str, str, str]:
            doubt = desk.current()
            return desk.tell(), desk.show(), doubt.record.sha256 if doubt else ""

        def press(action: Callable[..., None], *inputs: gr.Textbox) -> dict[str, Any]:
            def run(*values: str) -> tuple[str, str, str]:
                action(*values)
                return show()

            outputs = [told, picture, sha256]
            return {"fn": run, "inputs": list(inputs), "outputs": outputs, "show_progress": "hidden",
                    "concurrency_id": "desk", "concurrency_limit": 1, "api_visibility": "private"}  # fmt: skip

        with gr.Row():
            gr.Button("Keep (k)", variant="primary", elem_id="bcob-key-k").click(**press(desk.keep, sha256))
            gr.Button("Drop (d)", variant="stop", elem_id="bcob-key-d").click(**press(desk.drop, sha256))
            gr.Button("Later (s)", elem_id="bcob-key-s").click(**press(desk.skip, sha256))
            gr.Button("Undo (u)", elem_id="bcob-key-u").click(**press(desk.undo))
        with gr.Row():
            for number, (name, label) in enumerate(choices(classes).items(), 1):
                gr.Button(f"It is {name} ({number})", elem_id=f"bcob-key-{number}").click(
                    **press(lambda seen, label=label: desk.decide(seen, label, "keep"), sha256)
                )
        page.load(**press(lambda: None))
    return page


def review(classes: Classes, data: Path) -> None:
    """Open the page on this machine and stay until Ctrl-C."""
    page = build_review(classes, data)
    page.launch(
        css=STYLE, head=KEYS, server_name="127.0.0.1", share=False, footer_links=[], run_history=False,
        enable_monitoring=False, ssr_mode=False,
    )  # fmt: skip
