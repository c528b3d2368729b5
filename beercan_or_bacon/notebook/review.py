"""The twin of `train.py review` in a notebook: the same desk, with buttons of ipywidgets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import ipywidgets as widgets

from ..training.classes import Classes
from ..training.clean.desk import STYLE, Desk, choices


def review_box(classes: Classes, data: Path) -> widgets.Box:
    """The most doubtful picture with buttons to decide, then the next one. Raises DataError without pictures."""
    desk = Desk(classes, data)
    told, picture, rows = widgets.HTML(), widgets.HTML(), widgets.VBox()

    def show() -> None:
        doubt = desk.current()
        told.value, picture.value = desk.tell(), desk.show()
        # every picture has buttons of its own: a second click on one was not meant for the next picture
        seen, before = doubt.record.sha256 if doubt else "", rows.children
        button = partial(button_of, doubt.record.title if doubt else "")
        rows.children = [
            widgets.HBox([
                button("Keep", lambda: desk.keep(seen), "success", off=not seen),
                button("Drop", lambda: desk.drop(seen), "danger", off=not seen),
                button("Later", lambda: desk.skip(seen), off=not seen),
                button("Undo", desk.undo, off=not desk.decided),
            ]),
            widgets.HBox([
                button(f"It is {name}", partial(desk.decide, seen, label, "keep"), off=not seen)
                for name, label in choices(classes).items()
            ]),
        ]  # fmt: skip
        for row in before:
            for gone in (*row.children, row):
                gone.close()

    def button_of(title: str, words: str, action: Callable[[], None], style: str = "", *, off: bool) -> widgets.Button:
        def press(_: widgets.Button) -> None:
            action()
            show()

        made = widgets.Button(
            description=words, tooltip=title, button_style=style, disabled=off, layout={"width": "auto"}
        )
        made.on_click(press)
        return made

    show()
    return widgets.VBox([widgets.HTML(f"<style>{STYLE}</style>"), told, picture, rows])
