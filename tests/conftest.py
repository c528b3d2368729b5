"""Shared fixtures: a small real model, drawn pictures, and a home of its own for every cache and token."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import onnx
import pytest
from hub_server import Hub
from huggingface_hub import close_session, constants
from onnx import TensorProto, helper
from PIL import Image
from static_site import VERDICTS, Site
from static_site import visit as visit_static
from training_pictures import CLASSES_TOML

from beercan_or_bacon.serving.hub import PULL

ROOT = Path(__file__).parent.parent
LABELS = ["beer can", "bacon"]
SIZE = 64  # pixels


OURS = ("beer can", "bacon")  # the words that tests marked `ours` are about


def labels_here() -> set[tuple[str, ...]]:
    """The labels of classes.toml and of model/; one pair, if this repository is not half-way to other words."""
    asked = tomllib.loads((ROOT / "classes.toml").read_text(encoding="utf-8-sig"))["class"]
    model = json.loads((ROOT / "model" / "classifier.json").read_text(encoding="utf-8"))
    return {tuple(entry["label"] for entry in asked), tuple(model["labels"])}


def pytest_collection_modifyitems(items) -> None:
    """Tests of this model say nothing about another."""
    if labels_here() != {OURS}:
        reason = f"about {' and '.join(OURS)}; the words here are others"
        for item in items:
            if item.get_closest_marker("ours"):
                item.add_marker(pytest.mark.skip(reason=reason))


def write_tiny_model(folder: Path, labels: list[str] = LABELS, size: int = SIZE) -> Path:
    """A real ONNX model in the published format: blue is a beer can, red bacon, magenta both, white neither.

    The probability of a label rises with how much its colour stands out over green.
    """
    folder.mkdir(parents=True, exist_ok=True)
    channel = np.zeros((3, len(labels)), np.float32)
    for index in range(len(labels)):
        channel[(2, 0)[index % 2], index], channel[1, index] = 1, -1  # blue - green, red - green, ...
    constants = {
        "channel": channel,
        "scale": np.float32(12 / 255),
        "offset": np.float32(-3),
        "spatial": np.array([1, 2], np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["floats", "channel"], ["score"]),
        helper.make_node("Mul", ["score", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["dense"]),
        helper.make_node("Transpose", ["dense"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("MaxPool", ["planes"], ["heatmap"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("ReduceMean", ["logits", "spatial"], ["mean"], keepdims=0),
        helper.make_node("Sigmoid", ["mean"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", size, size, 3])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(labels)]),
            helper.make_tensor_value_info("heatmap", TensorProto.FLOAT, ["n", len(labels), size // 8, size // 8]),
        ],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), folder / "model.onnx"
    )
    (folder / "classifier.json").write_text(
        json.dumps({
            "format": 1,
            "title": "Blue or red?",
            "tagline": "A tiny model for tests.",
            "labels": labels,
            "thresholds": [0.5] * len(labels),
            "close": [[0.35, 0.65]] * len(labels),
            "input": {"size": size, "resize": "pad", "interpolation": "bicubic", "fill": [255, 255, 255]},
            "metrics": {},
            "training": {},
            "versions": {},
        })
    )  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """A folder with the tiny model; do not write into it."""
    return write_tiny_model(tmp_path_factory.mktemp("tiny-model"))


@pytest.fixture
def words(tmp_path) -> Path:
    """The tiny model's classes.toml: tests of how things work do not lean on the words of this repository."""
    path = tmp_path / "classes.toml"
    path.write_text(CLASSES_TOML)
    return path


COLOURS = {"beer can": (20, 20, 240), "bacon": (240, 20, 20), "both": (240, 20, 240), "neither": (255, 255, 255)}


@pytest.fixture
def draw(tmp_path):
    """draw(verdict, name, size) -> the path of a picture that the tiny model answers with that verdict."""

    def draw(verdict: str, name: str = "picture.jpg", size: tuple[int, int] = (320, 240), **save) -> Path:
        path = tmp_path / name
        Image.new("RGB", size, COLOURS[verdict]).save(path, **save)
        return path

    return draw


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory, monkeypatch):
    """Nobody's caches and tokens are read or written by a test."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HF_HOME", str(home / "huggingface"))
    # the client has read its environment by now
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "huggingface/hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "huggingface/token"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "MODEL", "MODEL_REVISION"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")  # while it is open, asyncio.run() fails in this thread
def browser():
    """Chromium, the system's own; without one, a failure in CI and a skip elsewhere."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=[
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream", "--host-resolver-rules=MAP *.test 127.0.0.1",
            ],
        )  # fmt: skip
        yield browser
        browser.close()


@pytest.fixture
def endpoint(monkeypatch):
    """endpoint(url): the Hub that this process and those it starts talk to."""

    def endpoint(url: str) -> None:
        monkeypatch.setenv("HF_ENDPOINT", url)
        monkeypatch.setattr(constants, "ENDPOINT", url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
        # hf_xet would talk to storage of its own, and does not fall back
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)

    yield endpoint
    # one that a test did not wait for still tries again, and each try closes the client of the tests that come next
    for thread in threading.enumerate():
        if thread.name == PULL:
            thread.join()
    close_session()


@pytest.fixture
def hub(endpoint):
    """A Hub on loopback; its writer's token is hf_write."""
    with Hub() as hub:
        endpoint(hub.url)
        yield hub


@dataclass(frozen=True)
class Server:
    """A page that runs in a process of its own."""

    url: str
    process: subprocess.Popen


SERVE = """
import sys
from pathlib import Path
from beercan_or_bacon.serving.classifier import Classifier
from beercan_or_bacon.serving.page import build_page
from beercan_or_bacon.serving.server import launch
classifier = Classifier(Path(sys.argv[1]))
launch(build_page(classifier, sorted(Path(sys.argv[2]).glob("*.jpg"))), classifier)
"""


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for(url: str, process: subprocess.Popen) -> None:
    """Return when the process answers at its address; fail when it ends before."""
    while True:
        try:
            httpx.get(url, timeout=60)
            return
        except httpx.TransportError:
            assert process.poll() is None, "the page did not start"
            time.sleep(0.1)


@pytest.fixture(scope="session")
def server(tiny_model, tmp_path_factory):
    """The page with the tiny model and an example of each verdict, served over HTTP."""
    examples, temporary = tmp_path_factory.mktemp("examples"), tmp_path_factory.mktemp("temporary")
    for verdict, colour in COLOURS.items():
        Image.new("RGB", (800, 600), colour).save(examples / f"{verdict.replace(' ', '_')}.jpg")
    port = free_port()
    environment = {**os.environ, "GRADIO_SERVER_PORT": str(port), "TMPDIR": str(temporary)}
    process = subprocess.Popen([sys.executable, "-c", SERVE, tiny_model, examples], cwd=ROOT, env=environment)
    url = f"http://127.0.0.1:{port}"
    wait_for(url, process)
    yield Server(url, process)
    process.terminate()
    process.wait()


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """The static page with the tiny model and four examples."""
    from beercan_or_bacon.training.publish.static import build_embed

    here = tmp_path_factory.mktemp("embed")
    (here / "examples").mkdir()
    for verdict in VERDICTS:
        Image.new("RGB", (640, 480), COLOURS[verdict]).save(here / "examples" / f"{verdict}.jpg")
    examples = [here / "examples" / f"{verdict}.jpg" for verdict in VERDICTS]
    return build_embed(write_tiny_model(here / "model"), here / "page", examples)


@pytest.fixture
def site(folder):
    """The static page on a plain web server."""
    site = Site(folder)
    yield site
    site.close()


@pytest.fixture
def page(browser, site):
    """The static page, open in Chromium."""
    with visit_static(browser, site.url) as page:
        yield page


@pytest.fixture
def visit(browser, server):
    """visit(path, others, **context) -> a fresh visitor's page, which asks nothing of any server but `others`."""
    from gradio_page import word
    from playwright.sync_api import expect

    contexts, complaints, allowed = [], [], [server.url, "data:", "blob:"]

    def visit(path: str = "/", others: tuple[str, ...] = (), **context):
        allowed.extend(others)
        contexts.append(browser.new_context(**{"viewport": {"width": 1200, "height": 800}, **context}))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: check(request.url))
        page.goto(server.url + path)
        expect(word(page)).to_have_text("Well?", timeout=60_000)
        expect(page.locator("#bcob-upload button").first).to_be_visible()  # the parts come one after the other
        return page

    def check(url: str) -> None:
        if not url.startswith(tuple(allowed)):
            complaints.append(url)

    yield visit
    for context in contexts:
        context.close()
    assert not complaints
