"""The static page: built by train.py, served by a plain web server, used in Chromium, held to Python's answers."""

import functools
import http.server
import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import COLOURS, write_tiny_model
from PIL import Image, ImageDraw

from beercan_or_bacon.serving.classifier import Classifier
from beercan_or_bacon.serving.pictures import open_picture
from beercan_or_bacon.training.static import build_embed

VERDICTS = ("beer can", "bacon", "both", "neither")


class Site:
    """A folder on a plain static server that keeps a log: no special headers, whatever MIME types Python has."""

    def __init__(self, folder: Path, host: str = "127.0.0.1"):
        self.requests: list[tuple[str, int]] = []  # path, bytes of body sent
        site = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def copyfile(self, source, outputfile):
                body = source.read()
                site.requests.append((self.path, len(body)))
                outputfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((host, 0), functools.partial(Handler, directory=str(folder)))
        self.url = f"http://{host}:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The page, built once by the command that users type."""
    here = tmp_path_factory.mktemp("embed")
    model = write_tiny_model(here / "model")
    (here / "examples").mkdir()
    for verdict in VERDICTS:
        Image.new("RGB", (640, 480), COLOURS[verdict]).save(here / "examples" / f"{verdict}.jpg")
    return build_embed(model, here / "page", [here / "examples" / f"{verdict}.jpg" for verdict in VERDICTS])


@pytest.fixture
def site(folder):
    site = Site(folder)
    yield site
    site.close()


@pytest.fixture
def page(browser, site):
    """The page, open, in a browser of its own; whatever it complains of fails the test."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    page = context.new_page()
    complaints, requested = [], []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    context.on("request", lambda request: requested.append(request.url))
    page.goto(site.url)
    page.wait_for_selector("#bars .bar")
    yield page
    context.close()
    assert not complaints
    assert not [url for url in requested if not url.startswith((site.url, "blob:", "data:"))]


def answer(page, give) -> dict:
    """Do what gives the page a picture; the prediction that it shows then."""
    page.evaluate(
        "window.answer = null, document.addEventListener('prediction', (e) => window.answer = e.detail, {once: true})"
    )
    give()
    return page.wait_for_function("() => window.answer").json_value()


def choose(page, path: Path) -> dict:
    return answer(page, lambda: page.set_input_files("#file", path))


def busy_picture(seed: int, size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """Shapes, gradients and noise, so that a wrong resize or offset shows."""
    rng = np.random.default_rng(seed)
    width, height = size
    ramp = np.linspace(0, 255, width)[None, :, None] * rng.uniform(0, 1, 3) + np.linspace(0, 99, height)[:, None, None]
    noise = rng.integers(-40, 40, (height, width, 3))
    image = Image.fromarray(np.clip(ramp + noise, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = rng.integers(0, width), rng.integers(0, height)
        draw.ellipse([x, y, x + width // 3, y + height // 3], fill=tuple(map(int, rng.integers(0, 256, 3))))
    return image.convert(mode)


@pytest.mark.parametrize("verdict", VERDICTS)
def test_verdict(page, draw, verdict):
    assert choose(page, draw(verdict))["verdict"] == verdict
    assert page.inner_text("#verdict").lower() == verdict


def test_probabilities_are_pythons(page, tmp_path, folder):
    classifier = Classifier(folder)
    sizes = [(640, 480), (333, 1000), (64, 64), (20, 31), (1601, 1200), (5, 400)]
    for seed, size in enumerate(sizes):
        for suffix, options in {"png": {}, "jpg": {"quality": 90}, "webp": {"quality": 90}}.items():
            path = tmp_path / f"{seed}.{suffix}"
            busy_picture(seed, size).save(path, **options)
            expected = classifier.predict(open_picture(path))
            got = choose(page, path)
            difference = np.abs(np.array(got["probabilities"]) - list(expected.probabilities.values())).max()
            assert difference <= (1e-5 if suffix == "png" else 0.02), (path.name, difference)
            if not expected.close:
                assert got["verdict"] == expected.verdict
