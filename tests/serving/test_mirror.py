"""Pulling through olah, a mirror of the Hub that this project has no part in, from a git repository on disk."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from beercan_or_bacon.serving import hub as serving
from beercan_or_bacon.serving.classifier import Classifier
from beercan_or_bacon.serving.hub import Source, choose_model

REPO = "user/beercan"


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=user", "-c", "user.email=user@example.org", "-c", "init.defaultBranch=main"]
    command = ["git", "-C", folder, *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tiny_model, tmp_path) -> Path:
    """A model repository as the Hub would have it, in the folder that olah mirrors."""
    folder = shutil.copytree(tiny_model, tmp_path / "mirrors/models" / REPO)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Blue or red?\n")
    (folder / "model.safetensors").write_bytes(bytes(12_000_000))
    (folder / "export.pkl").write_bytes(b"a pickle")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "A model")
    return folder


@pytest.fixture
def mirror(repository, tmp_path, endpoint, monkeypatch):  # noqa: ARG001
    """olah, offline, serving that repository."""
    monkeypatch.setattr(serving, "ANSWER", 60.0)
    monkeypatch.setattr(serving, "ARRIVAL", 60.0)
    olah = Path(sys.executable).parent / "olah-cli"
    if not olah.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("olah is not here: pip install -r requirements-dev.txt")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "olah.toml"
    config.write_text(
        f'[basic]\nhost = "127.0.0.1"\nport = {port}\nrepos-path = "{tmp_path / "cache"}"\n'
        f'mirrors-path = ["{tmp_path / "mirrors"}"]\n[accessibility]\noffline = true\n'
    )
    url = f"http://127.0.0.1:{port}"
    with (tmp_path / "olah.log").open("wb") as log:
        server = subprocess.Popen(
            [olah, "-c", config, "--log-path", tmp_path], cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{url}/api/models/{REPO}/revision/main", timeout=5)
                break
            except OSError:
                assert server.poll() is None, (tmp_path / "olah.log").read_text()
                time.sleep(0.1)
        else:
            pytest.fail((tmp_path / "olah.log").read_text())
        endpoint(url)
        yield server
    finally:
        server.terminate()
        server.wait(10)


def test_pull_by_branch_and_by_sha_and_then_without_the_mirror(mirror, repository, tiny_model, tmp_path):
    sha = git(repository, "rev-parse", "HEAD")
    for revision in ("", "main", sha):
        source = choose_model(REPO, revision, tmp_path / "default")
        assert (source.name, source.revision, source.note) == (REPO, sha, "")
    assert {path.name for path in source.folder.iterdir()} == {"model.onnx", "classifier.json"}
    assert (source.folder / "model.onnx").read_bytes() == (tiny_model / "model.onnx").read_bytes()
    Classifier(source.folder)
    mirror.terminate()
    mirror.wait(10)
    for revision in ("", sha):
        assert choose_model(REPO, revision, tmp_path / "default") == source


@pytest.mark.usefixtures("mirror")
@pytest.mark.parametrize(("repo", "revision"), [(REPO, "0" * 40), ("user/nothing", "")])
def test_what_is_not_there(repo, revision, tmp_path):
    source = choose_model(repo, revision, tmp_path / "default")
    assert source == Source(tmp_path / "default", note=source.note)
    assert repo in source.note
