"""data/clean.html: what cleaning kept and dropped, most doubtful first, as one page that needs nothing else."""

from __future__ import annotations

import base64
import html
import io
from collections import defaultdict
from pathlib import Path

from PIL import Image

from ..errors import PictureError
from ..serving.pictures import open_picture
from .classes import Classes
from .table import Record

THUMBNAIL = 96  # pixels

STYLE = """body{font:15px/1.4 system-ui,sans-serif;margin:1rem auto;max-width:75rem;padding:0 1rem}
section{display:flex;flex-wrap:wrap;gap:.5rem}figure{margin:0;width:104px;font-size:11px}
img{width:96px;height:96px;object-fit:contain;background:#8882}"""


def write_sheet(data: Path, classes: Classes, records: list[Record]) -> None:
    """Write data/clean.html in one step."""
    parts = defaultdict(list)
    for record in records:
        if record.file and record.decision:
            parts[record.label, record.decision, record.reason].append(record)
    body = []
    for (label, decision, reason), group in sorted(parts.items()):
        group.sort(key=lambda r: abs((0.5 if r.score is None else r.score) - 0.5))
        body.append(f"<h2>{html.escape(f'{label}: {decision} {reason}')} ({len(group)})</h2><section>")
        body += [figure(data, record) for record in group]
        body.append("</section>")
    page = f"<!doctype html><meta charset=utf-8><title>{html.escape(classes.title)}</title><style>{STYLE}</style>"
    path = Path(data) / "clean.html"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(page + "\n".join(body), encoding="utf-8")
    temporary.replace(path)


def figure(data: Path, record: Record) -> str:
    """One picture, its thumbnail inlined."""
    score = "" if record.score is None else f"{record.score:.2f}"
    try:
        picture = open_picture(Path(data) / record.file)
    except PictureError:
        return f"<figure>{html.escape(record.title)}</figure>"
    picture.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=60)
    source = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    return f'<figure><img src="{source}" title="{html.escape(record.title, quote=True)}">{score}</figure>'
