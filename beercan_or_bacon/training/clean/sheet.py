"""data/clean.html: what cleaning kept and dropped, most doubtful first, as one page that needs nothing else."""

from __future__ import annotations

import base64
from collections import defaultdict
from html import escape
from pathlib import Path

from ...files import write_whole
from ..classes import NEITHER, Classes
from ..table import Record
from .embeddings import Look

STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem auto;max-width:76rem;padding:0 1rem}
h2{margin:2rem 0 .3rem} h3{margin:1rem 0 .4rem;font-size:1rem} table{border-collapse:collapse}
td,th{padding:.15rem .8rem .15rem 0;text-align:right} td:first-child,th:first-child{text-align:left}
section{display:flex;flex-wrap:wrap;gap:6px} figure{margin:0;width:100px;padding:2px;border-radius:6px}
figure img{width:96px;height:96px;object-fit:contain;background:#8882;display:block;margin:auto;border-radius:4px}
figcaption{font-size:11px;text-align:center} .keep h3{color:#1a7f37} .drop h3{color:#c0392b} summary{cursor:pointer}
"""


def write_sheet(data: Path, classes: Classes, records: list[Record], looks: dict[str, Look]) -> None:
    """Write data/clean.html in one step."""
    parts: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        if record.file and record.decision:
            parts[record.label, record.decision, record.reason].append(record)
    labels = [*classes.labels, NEITHER]
    body = [f"<h1>What cleaning made of it</h1>{overview(labels, parts)}"]
    body.append(
        "<p>The most doubtful come first. The number says how sure it is that the picture belongs, from 0 to 1; it is"
        " kept from 0.5 on. To decide otherwise: <code>python train.py review</code>.</p>"
    )
    for label in labels:
        body.append(f"<h2>{escape(label)}</h2>")
        # what was dropped first, the largest groups first: that is where mistakes are found
        mine = sorted((part for part in parts.items() if part[0][0] == label), key=lambda p: (p[0][1], -len(p[1])))
        for (_, decision, reason), group in mine:
            group = sorted(group, key=lambda r: abs((0.5 if r.score is None else r.score) - 0.5))
            said = {"keep": "kept", "drop": "dropped"}[decision] + (f": {reason}" if reason else "")
            figures = "".join(figure(record, looks.get(record.sha256)) for record in group)
            body.append(
                f'<details open class="{decision}"><summary><h3 style="display:inline">{escape(said)}'
                f" ({len(group)})</h3></summary><section>{figures}</section></details>"
            )
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Cleaning: {escape(classes.title)}</title><style>{STYLE}</style>" + "\n".join(body)
    )
    write_whole(Path(data) / "clean.html", page)


def overview(labels: list[str], parts: dict[tuple[str, str, str], list[Record]]) -> str:
    """A table: a class a row, kept and the reasons for dropping as columns."""
    reasons = sorted({reason for _, decision, reason in parts if decision == "drop"})
    head = "".join(f"<th>{escape(name)}</th>" for name in ("", "kept", *reasons))
    rows = []
    for label in labels:
        kept = sum(len(group) for (of, decision, _), group in parts.items() if (of, decision) == (label, "keep"))
        counts = [kept, *(len(parts.get((label, "drop", reason), ())) for reason in reasons)]
        rows.append(f"<tr><td>{escape(label)}</td>{''.join(f'<td>{count or chr(183)}</td>' for count in counts)}</tr>")
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def figure(record: Record, look: Look | None) -> str:
    """One picture, its thumbnail inlined."""
    score = "" if record.score is None else f"{record.score:.2f}"
    words = escape(f"{record.title} ({record.query})", quote=True)
    source = f"data:image/jpeg;base64,{base64.b64encode(look.thumbnail.tobytes()).decode()}" if look else ""
    picture = f'<img src="{source}" alt="{words}" title="{words}">' if source else f"<p>{words}</p>"
    return f"<figure>{picture}<figcaption>{score}</figcaption></figure>"
