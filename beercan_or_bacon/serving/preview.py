"""What a link to the page unfolds to in a chat: title, description, and a picture made of the model's words."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from pathlib import Path

from anyio import to_thread
from PIL import Image, ImageDraw, ImageFont, ImageOps
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .classifier import Description

PATH = "/preview.jpg"
SIZE = (1200, 630)  # pixels, what chats show large
PICTURE = 250  # pixels, each of at most four examples
BACKGROUND, TEXT, MUTED = "#fffaf2", "#2b2118", "#6b5d50"  # page.css's

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def preview_picture(about: Description, examples: Sequence[Path]) -> bytes:
    """Title, tagline and up to four of the examples, as a JPEG of SIZE."""
    card = Image.new("RGB", SIZE, BACKGROUND)
    draw = ImageDraw.Draw(card)
    shown = examples[:: max(1, len(examples) // 4)][:4]
    width = SIZE[0] - 120 - (2 * PICTURE + 60 if shown else 0)
    y = 90.0
    for text, size, colour in ((about.title, 76, TEXT), (about.tagline, 34, MUTED)):
        font = ImageFont.load_default(size)
        for line in _lines(text, partial(_fits, draw, font, width)):
            draw.text((60, y), line, colour, font)
            y += size * 1.2
        y += 28
    for place, path in enumerate(shown):
        with Image.open(path) as image:
            small = ImageOps.fit(image.convert("RGB"), (PICTURE, PICTURE))
        corner = SIZE[0] - 60 - 2 * PICTURE - 20 + place % 2 * (PICTURE + 20), 55 + place // 2 * (PICTURE + 20)
        card.paste(small, corner)
    file = io.BytesIO()
    card.save(file, "JPEG", quality=88)
    return file.getvalue()


def _fits(draw: ImageDraw.ImageDraw, font: Font, width: int, words: str) -> bool:
    return draw.textlength(words, font) <= width


def _lines(text: str, fits: Callable[[str], bool]) -> list[str]:
    """Words in lines that fit, up to five."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if fits(longer) or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines[:5]


def preview_route(about: Description, examples: Sequence[Path]) -> Route:
    """The picture, made when first asked for."""
    made: list[bytes] = []

    async def preview(_: Request) -> Response:
        if not made:
            made.append(await to_thread.run_sync(preview_picture, about, examples))
        return Response(made[0], media_type="image/jpeg", headers={"Cache-Control": "max-age=86400"})

    return Route(PATH, preview, methods=["GET"])


class Unfolds:
    """ASGI middleware: the page tells of itself where Gradio would tell of Gradio."""

    def __init__(self, app: ASGIApp, about: Description):
        self.app = app
        self.about = about

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; of the page itself, change the head."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/":
            return await self.app(scope, receive, send)
        start: Message | None = None
        body = b""

        async def change(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body") or start is None:
                return
            if Headers(raw=start["headers"]).get("content-type", "").startswith("text/html"):
                body = head_of(body.decode(), self.about, address_of(scope)).encode()
                MutableHeaders(raw=start["headers"])["content-length"] = str(len(body))
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, change)


def address_of(scope: Scope) -> str:
    """The page's own address as its visitor has it, also behind a proxy."""
    headers = Headers(scope=scope)
    host = headers.get("x-forwarded-host") or headers.get("host", "")
    scheme = headers.get("x-forwarded-proto", scope["scheme"]).split(",")[0].strip()
    return f"{scheme}://{host}{scope.get('root_path', '')}"


def head_of(html: str, about: Description, address: str) -> str:
    """The page with its own words in its head."""
    tags = {
        "og:type": "website", "og:title": about.title, "og:description": about.tagline, "og:url": f"{address}/",
        "og:image": f"{address}{PATH}", "og:image:width": SIZE[0], "og:image:height": SIZE[1],
        "twitter:card": "summary_large_image", "description": about.tagline,
    }  # fmt: skip
    ours = "".join(
        f'<meta {"property" if name.startswith("og:") else "name"}="{name}" content="{escape(str(content))}" />'
        for name, content in tags.items()
    )
    theirs = re.sub(r'<meta\s+(?:property|name)="(?:og|twitter):[^>]*>', "", html)
    return theirs.replace("</head>", ours + "</head>", 1)
