"""The page through its API and from outside: what it answers, what it keeps to itself, and what it leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import httpx
import pytest
from conftest import ROOT, free_port, wait_for
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from beercan_or_bacon.serving.about import SNIPPETS, about_html, embed_html
from beercan_or_bacon.serving.classifier import Classifier
from beercan_or_bacon.serving.gradio_internals import delete_older


@pytest.fixture
def client(server, tmp_path):
    return Client(server.url, verbose=False, download_files=tmp_path)


def test_predict_gives_the_label_and_the_heat_map(client, draw):
    for verdict in ("beer can", "bacon", "both", "neither"):
        label, heat = client.predict(handle_file(draw(verdict)), api_name="/predict")
        assert label["label"] == verdict
        assert [share["label"] for share in label["confidences"]] == ["beer can", "bacon"]
        assert all(0 <= share["confidence"] <= 1 for share in label["confidences"])
        with Image.open(heat) as picture:
            assert picture.size == (320, 240)


def test_predict_is_all_there_is_to_call(client):
    assert list(client.view_api(return_format="dict", print_info=False)["named_endpoints"]) == ["/predict"]


def test_an_error_is_a_sentence(client, tmp_path):
    (empty := tmp_path / "empty.jpg").touch()
    with pytest.raises(AppError, match=r"^That file is empty\. Try saving or downloading it again\.$"):
        client.predict(handle_file(empty), api_name="/predict")


def test_the_python_snippet_works(server, draw, monkeypatch):
    monkeypatch.chdir(draw("bacon", "picture.jpg").parent)
    names = {}
    exec(SNIPPETS["From Python (pip install gradio_client)"].replace("{here}", server.url), names)
    assert names["label"]["label"] == "bacon"


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_the_shell_snippets_work(server, draw):
    def run(name: str) -> str:
        code = SNIPPETS[name].replace("{here}", server.url)
        return subprocess.run(["sh", "-c", code], cwd=folder, capture_output=True, text=True).stdout

    folder = draw("both", "picture.jpg").parent
    assert json.loads(run("From a shell"))["verdict"] == "both"
    answer = run("From a shell, by Gradio's steps: the heat map too")
    assert "event: complete" in answer
    assert '"label": "both"' in answer


def test_nothing_follows_the_visitor(server):
    config = httpx.get(f"{server.url}/config").json()
    assert config["analytics_enabled"] is False
    assert not config.get("run_history")
    assert httpx.get(f"{server.url}/monitoring").status_code in (403, 404)
    assert not httpx.get(f"{server.url}/monitoring/summary").is_success
    assert "X-Frame-Options" not in httpx.get(server.url).headers


def test_a_full_queue_says_so_and_then_serves_again(server, tmp_path):
    Image.effect_noise((1800, 1800), 90).save(path := tmp_path / "noise.png")
    with httpx.Client(base_url=server.url, timeout=120) as client:
        uploaded = client.post("/gradio_api/upload", files={"files": path.read_bytes()}).json()[0]
        body = {"data": [{"path": uploaded, "meta": {"_type": "gradio.FileData"}}]}
        with ThreadPoolExecutor(40) as visitors:
            joined = list(visitors.map(lambda _: client.post("/gradio_api/call/predict", json=body), range(160)))
            assert {answer.status_code for answer in joined} == {200, 503}
            assert "Queue is full" in next(answer for answer in joined if answer.status_code == 503).text
            events = [answer.json()["event_id"] for answer in joined if answer.status_code == 200]
            read = visitors.map(lambda event: client.get(f"/gradio_api/call/predict/{event}").text, events)
            assert all("event: complete" in answer for answer in read)


def test_old_files_are_deleted_and_new_ones_kept(tmp_path):
    (old := tmp_path / "old.jpg").touch()
    time.sleep(0.2)
    (new := tmp_path / "new.jpg").touch()
    files = {str(old), str(new), str(tmp_path / "gone.jpg")}
    delete_older(SimpleNamespace(temp_file_sets=[files]), 0.1)
    assert (old.exists(), new.exists(), files) == (False, True, {str(new)})


def test_about_takes_any_description(tiny_model):
    about = Classifier(tiny_model).description.model_copy(
        update={
            "metrics": {"found": {"value": 0.98765, "low": 0.97, "high": 1.0}, "by class": {"<b>": 1}},
            "training": {"sources": ["Openverse", "Commons"], "pictures": 1200},
        }
    )
    html = about_html(about, "someone/model 0123abc")
    assert "<dt>found</dt><dd>0.988 (0.97 to 1)</dd>" in html
    assert "&lt;b&gt;" in html
    assert "Openverse, Commons" in html
    assert "someone/model 0123abc" in html
    assert "built in" in about_html(Classifier(tiny_model).description, "")
    assert "&quot;" in embed_html('A "quoted" title')


def test_app_runs_unprivileged_on_a_read_only_tree_and_leaves_nothing(tiny_model, tmp_path, draw):
    tree, temporary, port = tmp_path / "tree", tmp_path / "temporary", free_port()
    shutil.copytree(ROOT / "beercan_or_bacon", tree / "beercan_or_bacon", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "app.py", tree)
    shutil.copytree(tiny_model, tree / "model")
    temporary.mkdir()
    before = sorted(tree.rglob("*"))
    for path in (tree, *before):
        path.chmod(0o555 if path.is_dir() else 0o444)
    # root without its capabilities may do no more than anyone else
    prefix = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    own = {"GRADIO_SERVER_PORT": str(port), "TMPDIR": str(temporary), "HOME": "/nonexistent"}
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | own  # some are quiet in CI only
    process = subprocess.Popen(
        [*prefix, sys.executable, "app.py"], cwd=tree, env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(url, process)
        client = Client(url, verbose=False)
        assert client.predict(handle_file(draw("bacon")), api_name="/predict")[0]["label"] == "bacon"
        assert [path for path in temporary.rglob("*") if path.is_file()]
        process.terminate()
        assert "Traceback" not in process.communicate(timeout=60)[1]
        assert not [path for path in temporary.rglob("*") if path.is_file()]
        assert sorted(tree.rglob("*")) == before
    finally:
        process.kill()
        process.wait()
        for path in (tree, *before):
            path.chmod(0o755)


def test_a_zerogpu_space_finds_a_function_that_asks_for_its_gpu(tmp_path):
    (tmp_path / "spaces.py").write_text("def GPU(function):\n    print('asked for a GPU')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", "import app"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "asked for a GPU\n"
