"""train.py space: what is uploaded, what is set, what is said; and that what was uploaded starts and answers."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest
import yaml
from gradio_client import Client, handle_file
from hub_server import Hub
from PIL import Image

import train
from beercan_or_bacon.training.publish import model as publishing
from beercan_or_bacon.training.publish import space

SPACE, REPO = "user/which", "user/beercan"
PROGRAM = re.compile(r"beercan[_-]or[_-]bacon|BeerCanOrBacon")  # what the package is called, whatever it tells apart


@pytest.fixture
def run(tiny_model, tmp_path, monkeypatch, hub, capsys):  # noqa: ARG001
    """run(stage, *options) -> (exit status, what it printed, the last line of its errors)."""
    monkeypatch.setenv("HF_TOKEN", "hf_write")
    for module in (publishing, space):
        monkeypatch.setattr(module, "check_model", lambda *_: None)
    model = shutil.copytree(tiny_model, tmp_path / "model")

    def run(stage: str, *options: str) -> tuple[int, str, str]:
        status = train.main([stage, "--out", str(model), "--data", str(tmp_path / "data"), *options])
        out, err = capsys.readouterr()
        return status, out, (err.splitlines() or [""])[-1]

    return run


def header(hub: Hub) -> dict:
    return yaml.safe_load(hub.repos[f"spaces/{SPACE}"].head.files["README.md"].decode().split("---\n")[1])


def test_a_space_of_the_model_last_pushed(hub, run):
    run("push", "--push", REPO)
    sha = hub.repos[f"models/{REPO}"].head.sha
    status, out, _ = run("space", "--space", SPACE)
    assert status == 0
    repo = hub.repos[f"spaces/{SPACE}"]
    assert repo.variables == {"MODEL": REPO, "MODEL_REVISION": sha}
    assert header(hub)["models"] == [REPO]
    assert header(hub)["preload_from_hub"] == [f"{REPO} model.onnx,classifier.json {sha}"]
    assert header(hub)["title"] == "Blue or red?"
    pins = dict(line.split("==") for line in (space.ROOT / "requirements.txt").read_text().split() if "==" in line)
    assert header(hub)["sdk_version"] == pins["gradio"]
    assert f"{hub.url}/spaces/{SPACE}" in out
    assert '<iframe src="https://user-which.hf.space"' in out


def test_what_a_space_needs_and_nothing_else(hub, run):
    run("space", "--space", SPACE)
    files = hub.repos[f"spaces/{SPACE}"].head.files
    assert {"app.py", "requirements.txt", "README.md", "model/model.onnx", "model/classifier.json"} <= set(files)
    assert {path.split("/")[0] for path in files} <= {
        ".gitattributes", "app.py", "requirements.txt", "LICENSE", "NOTICE", "README.md", "beercan_or_bacon",
        "examples", "model",
    }  # fmt: skip
    assert not [path for path in files if "training" in path or "__pycache__" in path or path.endswith(".pyi")]


def test_the_requests_of_a_space(hub, run):
    run("push", "--push", REPO)
    hub.requests.clear()
    run("space", "--space", SPACE)
    assert [line for line in hub.requests if not line.startswith("PUT /lfs/")] == [
        "POST /api/repos/create",
        f"GET /api/spaces/{SPACE}/variables",
        f"POST /api/spaces/{SPACE}/variables",
        f"POST /api/spaces/{SPACE}/variables",
        f"GET /api/spaces/{SPACE}/commits/main",
        f"GET /api/spaces/{SPACE}/tree/main",
        f"GET /api/spaces/{SPACE}",
        "POST /api/validate-yaml",
        f"POST /api/spaces/{SPACE}/preupload/main",
        f"POST /spaces/{SPACE}.git/info/lfs/objects/batch",
        f"POST /api/spaces/{SPACE}/commit/main",
        f"GET /api/spaces/{SPACE}",
    ]


def test_an_unchanged_space_is_neither_rebuilt_nor_restarted(hub, run):
    run("push", "--push", REPO)
    run("space", "--space", SPACE)
    hub.requests.clear()
    status, out, _ = run("space", "--space", SPACE)
    assert status == 0
    assert "Nothing has changed" in out
    assert len(hub.repos[f"spaces/{SPACE}"].commits) == 2
    assert f"POST /api/spaces/{SPACE}/variables" not in hub.requests


def test_a_model_by_name_at_its_newest_commit(hub, run, tiny_model):
    repo = hub.add(REPO, {path.name: path.read_bytes() for path in tiny_model.iterdir()})
    run("space", "--space", SPACE, "--push", REPO)
    assert hub.repos[f"spaces/{SPACE}"].variables["MODEL_REVISION"] == repo.head.sha


def test_a_paid_plan_is_explained_with_the_ways_around_it(hub, run):
    hub.faults["POST /api/repos/create"] = 402, "Payment required"
    status, out, err = run("space", "--space", SPACE)
    assert (status, out) == (1, "")
    assert "paid plans" in err
    assert "--hardware zero-a10g" in err
    assert "--static" in err


def described(model, **words):
    path = model / "classifier.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | words))


def test_a_space_of_other_words_shows_nothing_of_ours(hub, run, tmp_path):
    model = tmp_path / "model"
    described(model, labels=["pizza", "sushi"], emoji="🍣", title="Pizza or sushi?", tagline="Lunch.")
    run("space", "--space", SPACE)
    files = hub.repos[f"spaces/{SPACE}"].head.files
    assert not [path for path in files if "examples/" in path]
    assert header(hub)["emoji"] == "🍣"
    assert header(hub)["short_description"] == "Pizza, sushi, both or neither, and how sure it is."
    legal = {"LICENSE", "NOTICE"}  # whose words these are, whatever the labels
    texts = {path: content.decode(errors="replace") for path, content in files.items() if path not in legal}
    texts = {path: PROGRAM.sub("", text) for path, text in texts.items()}
    assert "README.md" in texts
    assert not [path for path, text in texts.items() if re.search("beer|bacon", text, re.IGNORECASE)]

    (model / "examples").mkdir()
    for name in ("pizza_1.jpg", "sushi_1.jpg"):
        Image.new("RGB", (40, 30)).save(model / "examples" / name)
    (model / "examples" / "credits.json").write_text("{}")
    described(model, emoji="")
    run("space", "--space", SPACE)
    files = hub.repos[f"spaces/{SPACE}"].head.files
    assert {path for path in files if "examples/" in path} == {
        f"model/examples/{name}" for name in ("pizza_1.jpg", "sushi_1.jpg", "credits.json")
    }
    assert header(hub)["emoji"] == space.EMOJI


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["cat", "dog", "cow"], "Cat, dog, cow or neither, and how sure it is."),
        (["a very long label", "an even longer label"], "A very long label, an even longer label or neither?"),
        (["x" * 40, "y" * 40], "Which of 2 things a picture shows, and how sure."),
    ],
)
def test_what_a_space_says_in_sixty_characters(labels, said, hub, run, tmp_path):
    described(tmp_path / "model", labels=labels, thresholds=[0.5] * len(labels), close=[[0.4, 0.6]] * len(labels))
    run("space", "--space", SPACE)
    assert header(hub)["short_description"] == said


def test_hardware_is_asked_for(hub, run):
    run("space", "--space", SPACE, "--hardware", "zero-a10g")
    assert hub.repos[f"spaces/{SPACE}"].settings["hardware"] == "zero-a10g"


def test_a_space_of_another_kind_is_not_overwritten(hub, run):
    hub.add(SPACE, {"app.py": b"another app"}, kind="spaces")
    status, _, err = run("space", "--space", SPACE)
    assert status == 1
    assert "--overwrite" in err
    assert hub.repos[f"spaces/{SPACE}"].head.files["app.py"] == b"another app"


def test_a_static_space(hub, run, monkeypatch):
    def build_embed(model, out, examples, place):  # noqa: ARG001 - the real one fetches a runtime from npm; test_embed.py
        out.mkdir()
        (out / "index.html").write_text("<title>Blue or red?</title>")
        shutil.copy(model / "model.onnx", out)

    monkeypatch.setattr(space, "build_embed", build_embed)
    status, out, _ = run("space", "--space", SPACE, "--static")
    assert status == 0
    assert set(hub.repos[f"spaces/{SPACE}"].head.files) == {".gitattributes", "README.md", "index.html", "model.onnx"}
    assert (header(hub)["sdk"], header(hub)["app_file"]) == ("static", "index.html")
    assert "sdk_version" not in header(hub)
    assert hub.repos[f"spaces/{SPACE}"].settings["sdk"] == "static"
    assert "hf.space" in out


def test_a_zero_gpu_space_finds_a_function_for_its_gpu(tmp_path):
    (tmp_path / "spaces.py").write_text("def GPU(function):\n    print('registered', callable(function))\n")
    done = subprocess.run(
        [sys.executable, "-c", "import app"], cwd=space.ROOT, env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "registered True" in done.stdout


@pytest.fixture
def everyones():
    """A folder that other users may enter, as pytest's own is not."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


VISITOR = {"user": 1000, "group": 1000, "extra_groups": []} if os.geteuid() == 0 else {}  # uid 1000, as on Spaces


def interpreter() -> str:
    """A Python that the unprivileged user may run: the one of these tests, or the system's."""
    for python in (os.path.realpath(sys.executable), "/usr/bin/python3"):
        try:
            recent = "import sys; sys.exit(sys.version_info < (3, 11))"
            if subprocess.run([python, "-c", recent], **VISITOR, cwd="/", check=False).returncode == 0:
                return python
        except OSError:
            continue
    (pytest.fail if os.environ.get("CI") else pytest.skip)("an unprivileged user has no Python of 3.11 or later here")


def test_what_was_uploaded_starts_on_its_own_requirements_and_answers(hub, run, everyones, draw):
    """In a clean environment, with a read-only tree, as a user who owns nothing: as on Spaces."""
    run("push", "--push", REPO)
    run("space", "--space", SPACE)
    uploaded = hub.repos[f"spaces/{SPACE}"]
    tree, home, environment = (everyones / name for name in ("app", "home", "venv"))
    for path, content in uploaded.head.files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(content)
    home.mkdir(mode=0o777)
    home.chmod(0o777)
    subprocess.run([interpreter(), "-m", "venv", "--without-pip", "--copies", environment], check=True)
    pip = [sys.executable, "-m", "pip", "--python", environment / "bin/python", "install", "-q", "--no-compile"]
    subprocess.run([*pip, "-r", tree / "requirements.txt"], check=True)
    subprocess.run(["chmod", "-R", "a-w,a+rX", tree], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    log = everyones / "log"
    server = subprocess.Popen(
        [environment / "bin/python", "app.py"], cwd=tree, stdout=log.open("wb"), stderr=subprocess.STDOUT, **VISITOR,
        env={
            "PATH": "/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(home), "SYSTEM": "spaces",
            "SPACE_ID": SPACE, "SPACE_HOST": "",
            "GRADIO_SERVER_PORT": str(port), "HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1",
            "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", **uploaded.variables,
        },
    )  # fmt: skip
    try:
        for _ in range(600):
            try:
                page = urllib.request.urlopen(url, timeout=5).read().decode()
                break
            except OSError:
                assert server.poll() is None, log.read_text()
                time.sleep(0.1)
        else:
            pytest.fail(log.read_text())
        assert "Blue or red?" in page
        label, _ = Client(url, verbose=False).predict(handle_file(draw("bacon")), api_name="/predict")
        assert label["label"] == "bacon"
    finally:
        server.terminate()
        server.wait(10)
    said = log.read_text()
    # Gradio's own hot reload gives up without the package `spaces`, which is there on Spaces
    assert said.count("Traceback") == said.count("`spaces` package is required to run hot-reloading"), said
    assert f"GET /{REPO}/resolve/{uploaded.variables['MODEL_REVISION']}/model.onnx" in hub.requests


def test_every_module_that_serves_is_in_a_space(tiny_model):
    served = {
        path.relative_to(space.ROOT).as_posix() for path in (space.ROOT / "beercan_or_bacon/serving").rglob("*.py")
    }
    assert served <= set(space.gradio_files(tiny_model))
