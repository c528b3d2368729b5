"""Whatever is dropped on the page: an answer or one friendly sentence, in bounded memory; the next visitor is served.

Every file goes through the HTTP API of a real server while a second visitor keeps asking.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import threading
import zlib
from pathlib import Path

import httpx
import numpy as np
import pillow_heif
import pytest
from conftest import COLOURS
from PIL import Image

from beercan_or_bacon.errors import PictureError
from beercan_or_bacon.serving.pictures import KEEP_SIDE, open_picture
from beercan_or_bacon.training.learn.recipe import Recipe

pillow_heif.register_heif_opener()

RED, SIZE = COLOURS["bacon"], (320, 240)
MEMORY = 600e6  # bytes, the most that the server may ever have held

UNREADABLE, DAMAGED, TOO_LARGE, EMPTY = "not a picture we can read", "damaged or incomplete", "megapixels", "is empty"


def picture(mode: str = "RGB", size=SIZE, colour=RED) -> Image.Image:
    return Image.new("RGB", size, colour).convert(mode)


def file(image: Image.Image, kind: str, **save) -> bytes:
    into = io.BytesIO()
    image.save(into, kind, **save)
    return into.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    """A part of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    width: int, height: int, depth: int = 8, colour_type: int = 2, rows: bytes | None = None, extra: bytes = b""
) -> bytes:
    """A PNG by hand: of a size, depth or content that Pillow would not write."""

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(rows or b"", 9)) + chunk(b"IEND", b"")


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def resized_header(data: bytes, marker: bytes, offset: int, *sides: bytes) -> bytes:
    """The file with other sides written where its header has them."""
    at = data.index(marker) + offset
    new = b"".join(sides)
    return data[:at] + new + data[at + len(new) :]


def many_scans() -> bytes:
    """A small progressive JPEG that asks for its last scan thousands of times."""
    data = file(picture(size=(64, 64)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * 2000 + b"\xff\xd9"


def gif_and_others() -> list[Image.Image]:
    return [picture(), picture(colour=COLOURS["beer can"])]


def sixteen_bits(array_type: str) -> Image.Image:
    return Image.fromarray(np.full((240, 320), 40000).astype(array_type))


JPEG, PNG, WEBP, AVIF, HEIC, GIF, TIFF = (
    file(picture(), kind) for kind in ("JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "TIFF")
)
NOISE = np.random.default_rng(0).bytes(100_000)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>'

# name -> (content, the verdict); the heat-map picture comes with it
READABLE = {
    "plain.jpg": (JPEG, "bacon"),
    "beer.jpg": (file(picture(colour=COLOURS["beer can"]), "JPEG"), "beer can"),
    "both.jpg": (file(picture(colour=COLOURS["both"]), "JPEG"), "both"),
    "progressive.jpg": (file(picture(), "JPEG", progressive=True), "bacon"),
    "grey.jpg": (file(picture("L"), "JPEG"), "neither"),
    "cmyk.jpg": (file(picture("CMYK"), "JPEG"), "bacon"),
    "full-colour.jpg": (file(picture(), "JPEG", subsampling=0), "bacon"),
    "no-extension": (JPEG, "bacon"),
    "lies.png": (JPEG, "bacon"),
    "lies.svg": (JPEG, "bacon"),
    "lies.txt": (PNG, "bacon"),
    "UPPER.JPEG": (JPEG, "bacon"),
    "bière & bacon 100% #1.jpg": (JPEG, "bacon"),
    "x" * 180 + ".jpg": (JPEG, "bacon"),
    "trailing-garbage.jpg": (JPEG + NOISE, "bacon"),
    "comment.jpg": (file(picture(), "JPEG", comment=b"x" * 65000), "bacon"),
    "broken-exif.jpg": (file(picture(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"), "bacon"),
    "two-pictures.mpo": (file(picture(), "MPO", save_all=True, append_images=[picture()]), "bacon"),
    "rgb.png": (PNG, "bacon"),
    "opaque.png": (file(picture("RGBA"), "PNG"), "bacon"),
    "invisible.png": (file(Image.new("RGBA", SIZE, (*RED, 0)), "PNG"), "neither"),
    "grey-alpha.png": (file(picture("LA"), "PNG"), "neither"),
    "palette.png": (file(picture("P"), "PNG"), "bacon"),
    "palette-transparent.png": (file(Image.new("P", SIZE, 0), "PNG", transparency=0), "neither"),
    "colour-key.png": (file(picture(), "PNG", transparency=RED), "neither"),
    "one-bit.png": (file(picture("1"), "PNG"), "neither"),
    "grey-16.png": (file(sixteen_bits("uint16"), "PNG"), "neither"),
    "rgb-16.png": (png(64, 64, 16, 2, (b"\0" + struct.pack(">3H", 61680, 5140, 5140) * 64) * 64), "bacon"),
    "animated.png": (file(picture(), "PNG", save_all=True, append_images=gif_and_others()), "bacon"),
    "lossy.webp": (WEBP, "bacon"),
    "lossless.webp": (file(picture(), "WEBP", lossless=True), "bacon"),
    "invisible.webp": (file(Image.new("RGBA", SIZE, (*RED, 0)), "WEBP", exact=True), "neither"),
    "animated.webp": (file(picture(), "WEBP", save_all=True, append_images=gif_and_others()), "bacon"),
    "plain.avif": (AVIF, "bacon"),
    "invisible.avif": (file(Image.new("RGBA", SIZE, (*RED, 0)), "AVIF"), "neither"),
    "plain.heic": (HEIC, "bacon"),
    "opaque.heic": (file(picture("RGBA"), "HEIF"), "bacon"),
    "plain.gif": (GIF, "bacon"),
    "comment.gif": (file(picture(), "GIF", comment=b"x" * 70_000), "bacon"),  # longer than a JPEG's may be
    "animated.gif": (file(picture(), "GIF", save_all=True, append_images=gif_and_others()), "bacon"),
    "transparent.gif": (file(Image.new("P", SIZE, 3), "GIF", transparency=3), "neither"),
    "plain.bmp": (file(picture(), "BMP"), "bacon"),
    "palette.bmp": (file(picture("P"), "BMP"), "bacon"),
    "plain.tiff": (TIFF, "bacon"),
    "lzw.tiff": (file(picture(), "TIFF", compression="tiff_lzw"), "bacon"),
    "jpeg.tiff": (file(picture(), "TIFF", compression="jpeg"), "bacon"),
    "cmyk.tiff": (file(picture("CMYK"), "TIFF"), "bacon"),
    "grey-16.tiff": (file(sixteen_bits("uint16"), "TIFF"), "neither"),
    "grey-32.tiff": (file(sixteen_bits("int32"), "TIFF"), "neither"),
    "float.tiff": (file(sixteen_bits("float32"), "TIFF"), "neither"),
    "turn-without-a-number.tiff": (
        file(picture(), "TIFF", tiffinfo={0x0112: 6}).replace(
            struct.pack("<HHI", 0x0112, 3, 1),
            struct.pack("<HHI", 0x0112, 7, 1),  # SHORT; UNDEFINED
        ),
        "bacon",
    ),
    "pages.tiff": (file(picture(), "TIFF", save_all=True, append_images=gif_and_others()), "bacon"),
    "one-pixel.png": (file(picture(size=(1, 1)), "PNG"), "bacon"),
    "thread.png": (file(picture(size=(1, 3000)), "PNG"), "neither"),
    "ribbon.jpg": (file(picture(size=(8000, 10)), "JPEG"), "neither"),
    "12-megapixels.jpg": (file(picture(size=(4000, 3000)), "JPEG"), "bacon"),
    "100-megapixels.jpg": (file(picture("L", (10000, 10000)), "JPEG"), "neither"),
    "20-megapixels.png": (file(picture(size=(5000, 4000)), "PNG", compress_level=1), "bacon"),
} | {f"turned-{turn}.jpg": (file(picture(), "JPEG", exif=exif(turn)), "bacon") for turn in range(1, 9)}

# name -> (content, what the sentence says)
REFUSED = {
    "empty.jpg": (b"", EMPTY),
    "text.txt": (b"just some words", UNREADABLE),
    "text.jpg": (b"just some words", UNREADABLE),
    "page.html": (b"<!doctype html><script>alert(1)</script>", UNREADABLE),
    "drawing.svg": (SVG, UNREADABLE),
    "drawing.jpg": (SVG, UNREADABLE),
    "drawing.svgz": (gzip.compress(SVG), UNREADABLE),
    "paper.pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", UNREADABLE),
    "program.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage", UNREADABLE),
    "icon.ico": (file(picture(size=(32, 32)), "ICO"), UNREADABLE),
    "pixels.ppm": (b"P6 1 1 255 \xff\0\0", UNREADABLE),
    "archive.zip": (b"PK\x05\x06" + bytes(18), UNREADABLE),
    "film.mp4": (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", UNREADABLE),
    "program.exe": (b"MZ" + NOISE, UNREADABLE),
    "program": (b"\x7fELF" + NOISE, UNREADABLE),
    "pickle.pkl": (pickle.dumps({"a": 1}), UNREADABLE),
    "noise.jpg": (NOISE, UNREADABLE),
    "zeros.png": (bytes(100_000), UNREADABLE),
    "start-of.jpg": (JPEG[:2], UNREADABLE),
    "half.jpg": (file(picture(), "JPEG", quality=95)[:-300], DAMAGED),
    "half.png": (PNG[: len(PNG) // 2], DAMAGED),
    "half.webp": (WEBP[: len(WEBP) // 2], "picture"),
    "half.avif": (AVIF[: len(AVIF) - 40], "picture"),
    "half.heic": (HEIC[: len(HEIC) - 40], "picture"),
    "half.gif": (GIF[: len(GIF) // 2], DAMAGED),
    "half.tiff": (TIFF[: len(TIFF) // 2], "picture"),
    "half.bmp": (file(picture(), "BMP")[:5000], DAMAGED),
    "garbled.jpg": (JPEG[:200] + NOISE[:400] + JPEG[200:], "picture"),
    "garbled.png": (PNG[:60] + b"\xff\xff" + PNG[62:], DAMAGED),
    "garbled.tiff": (b"II*\0" + NOISE[:2000], "picture"),
    "no-pixels.png": (png(64, 64), DAMAGED),
    "no-width.png": (png(0, 64), "picture"),
    "bomb.png": (png(13000, 13000, 1, 0, rows=bytes(1626) * 13000), TOO_LARGE),
    "bomb-one-bit.png": (png(60000, 60000, 1, 0, bytes(7501) * 2), TOO_LARGE),
    "endless.png": (png(2**31 - 1, 2**31 - 1), "picture"),
    "text-bomb.png": (png(64, 64, extra=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(70_000_000)))), "picture"),
    "bomb.bmp": (resized_header(file(picture(), "BMP"), b"BM", 18, struct.pack("<ii", 30000, 30000)), TOO_LARGE),
    "bomb.gif": (resized_header(GIF, b"GIF8", 6, b"\xff\xff\xff\xff"), "picture"),
    "bomb.jpg": (resized_header(JPEG, b"\xff\xc0", 5, b"\xff\xdc\xff\xdc"), TOO_LARGE),
    "bomb-progressive.jpg": (
        resized_header(file(picture(), "JPEG", progressive=True), b"\xff\xc2", 5, b"\x3a\x98\x3a\x98"), TOO_LARGE,
    ),
    "bomb.tiff": (file(picture("1", (8000, 7000)), "TIFF", compression="group4"), TOO_LARGE),
    "bomb.webp": (file(picture("L", (5100, 5000)), "WEBP", method=0), TOO_LARGE),
    "many-scans.jpg": (many_scans(), "built in a way"),
}  # fmt: skip


def test_there_are_enough_of_them():
    assert len(READABLE) + len(REFUSED) >= 100


def ask(client: httpx.Client, name: str, content: bytes) -> tuple[str, list | str]:
    """Upload a file and call /predict: ("complete", [label, heat map]) or ("error", the sentence)."""
    paths = client.post("/gradio_api/upload", files={"files": (name, content)}).raise_for_status().json()
    return call(client, {"path": paths[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}})


def call(client: httpx.Client, payload: dict) -> tuple[str, list | str]:
    event = client.post("/gradio_api/call/predict", json={"data": [payload]}).raise_for_status().json()["event_id"]
    answer = client.get(f"/gradio_api/call/predict/{event}").raise_for_status().text.strip().split("\n\n")[-1]
    kind, data = (line.split(": ", 1)[1] for line in answer.split("\n"))
    data = json.loads(data)
    return kind, data if kind == "complete" else data["error"]


@pytest.fixture
def client(server):
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module", autouse=True)
def the_next_visitor(server):
    """While the tests of this module run, someone else keeps asking about a plain picture and keeps getting answers."""
    answers, done = [], threading.Event()

    def visit():
        with httpx.Client(base_url=server.url, timeout=60) as client:
            while not done.wait(0.05):
                try:
                    answers.append(ask(client, "plain.jpg", JPEG)[1][0]["label"])
                except Exception as error:
                    answers.append(repr(error))

    visitor = threading.Thread(target=visit)
    visitor.start()
    yield
    done.set()
    visitor.join()
    assert len(answers) > 20
    assert set(answers) == {"bacon"}


@pytest.mark.parametrize("name", READABLE)
def test_answered(client, name):
    content, verdict = READABLE[name]
    kind, answer = ask(client, name, content)
    assert kind == "complete", answer
    label, heat = answer
    assert label["label"] == verdict
    assert [share["label"] for share in label["confidences"]] == ["beer can", "bacon"]
    shown = Image.open(io.BytesIO(client.get(heat["url"]).raise_for_status().content))
    assert max(shown.size) <= 400
    if name.startswith("turned-"):
        assert (shown.width > shown.height) == (int(name[7]) < 5)
    direct = client.post("/verdict", content=content).raise_for_status().json()
    assert direct["verdict"] == verdict
    assert direct["probabilities"] == {share["label"]: share["confidence"] for share in label["confidences"]}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_a_sentence(client, name):
    content, sentence = REFUSED[name]
    kind, answer = ask(client, name, content)
    assert kind == "error"
    assert sentence in answer
    assert answer[0].isupper()
    assert answer.endswith(".")
    assert "Traceback" not in answer
    direct = client.post("/verdict", content=content)
    assert (direct.status_code, direct.json()) == (400, {"error": answer})


def test_a_file_over_20_mb_does_not_arrive(client):
    answer = client.post("/gradio_api/upload", files={"files": ("large.jpg", JPEG + bytes(20 << 20))})
    assert answer.status_code == 413
    without_a_length = iter([JPEG, *[bytes(1 << 20)] * 20])
    for body in (JPEG + bytes(20 << 20), without_a_length):
        answer = client.post("/verdict", content=body)
        assert answer.status_code == 413
        assert "larger than 20 MB" in answer.json()["error"]


def test_addresses_and_paths_are_not_fetched(client, server, tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(PNG)
    for payload in (
        {"path": f"{server.url}/favicon.ico"},
        {"path": "x.png", "url": f"{server.url}/favicon.ico"},
        {"path": str(secret)},
        {"path": "/etc/passwd"},
        {"path": "", "url": "data:image/png;base64,AAAA"},
        {"url": "data:image/svg+xml;base64,AAAA"},
        {},
    ):
        kind, answer = call(client, {**payload, "meta": {"_type": "gradio.FileData"}})
        assert kind == "error", payload
        assert "Traceback" not in str(answer)


def test_memory_stayed_within_its_bounds(server):
    """Comes last: the most that the server held while all of the above was sent to it."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    peak = 1024 * int(status.split("VmHWM:")[1].split()[0])
    assert peak < MEMORY, f"{peak / 1e6:.0f} MB"


# What the verdict cannot show is asked of open_picture itself.


def test_turned_pictures_stand_upright(tmp_path):
    upright = Image.new("RGB", (60, 40), "white")
    upright.paste(RED, (0, 0, 30, 20))  # the upper left quarter
    turns = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    for kind in ("PNG", "TIFF", "WEBP", "JPEG", "AVIF"):
        for turn, method in turns.items():
            stored = upright if method is None else upright.transpose(method)
            path = tmp_path / f"{turn}.{kind.lower()}"
            stored.save(path, kind, exif=exif(turn))
            image = open_picture(path)
            assert image.size == (60, 40), (kind, turn)
            red, white = np.asarray(image)[8:12, 8:22].mean((0, 1)), np.asarray(image)[25:, 35:].mean((0, 1))
            assert red[1] < 60, (kind, turn)
            assert white[1] > 200, (kind, turn)


def test_sixteen_bits_of_grey_are_scaled_not_clipped(tmp_path):
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[np.newaxis].repeat(16, 0)
    for kind, array_type in [("png", "uint16"), ("tiff", "uint16"), ("tiff", "int32"), ("tiff", "float32")]:
        Image.fromarray(ramp.astype(array_type)).save(path := tmp_path / f"ramp.{kind}")
        read = np.asarray(open_picture(path))[0, :, 0]
        assert np.abs(read.astype(int) - np.arange(256)).max() <= 1, (kind, array_type)


def test_half_transparent_is_mixed_with_white(tmp_path):
    Image.new("RGBA", (8, 8), (0, 0, 0, 128)).save(path := tmp_path / "half.png")
    assert open_picture(path).getpixel((4, 4)) == (127, 127, 127)


def test_large_pictures_are_reduced_whole(tmp_path):
    """The strips that a large picture is reduced in meet without seams, and the last one is there."""
    large = Image.linear_gradient("L").resize((3000, 2501)).convert("RGB")
    large.save(path := tmp_path / "large.png")
    image = open_picture(path)
    column = np.asarray(image)[:, 160, 0].astype(int)
    assert image.size == (334, 278)
    assert np.all(np.diff(column) >= 0)
    assert column[0] < 3
    assert column[-1] > 252


@pytest.mark.parametrize(
    ("kind", "keep", "longer"),
    [("PNG", 320, 334), ("JPEG", 320, 334), ("PNG", 640, 1000), ("JPEG", 640, 1000)],
)
def test_as_much_is_kept_as_asked_for(tmp_path, kind, keep, longer):
    Image.new("RGB", (1000, 700)).save(path := tmp_path / "picture", kind)
    assert open_picture(path, keep).size[0] == longer


def test_what_is_kept_is_enough_for_the_model():
    assert Recipe().size <= KEEP_SIDE


def test_no_file():
    with pytest.raises(PictureError, match="no file"):
        open_picture(Path("not/there.jpg"))
