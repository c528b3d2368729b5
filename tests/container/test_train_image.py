"""The training's image: a container that is stopped goes on where it was. CONTAINER=1 pytest -s …

Takes minutes, Debian, root and 20 GB of disk, of which CUDA is most: tests/container/build.sh --train comes first.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from containers import podman
from search_server import SearchServer
from training_pictures import SCENES_TOML, found_scenes

from beercan_or_bacon.serving.classifier import Classifier

IMAGE = "localhost/beercan-or-bacon-train"
pytestmark = [
    pytest.mark.skipif(os.environ.get("CONTAINER") != "1", reason="takes minutes; CONTAINER=1 runs it"),
    pytest.mark.timeout(3600),
]
EACH = 12


@pytest.fixture
def server():
    with SearchServer() as server:
        server.pictures.update(found_scenes("can", "bacon", "photo", EACH))
        yield server


@pytest.fixture
def container(server, tmp_path):
    """The container, made and not started; its volume is a folder here. Without a GPU, since there may be none."""
    (words := tmp_path / "classes.toml").write_text(SCENES_TOML)
    (volume := tmp_path / "volume").mkdir()
    os.chown(volume, 1000, 1000)
    name = podman(
        "create", "--network=host", "--shm-size=2g", "--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096",
        f"--volume={volume}:/data", f"--volume={words}:/app/classes.toml:ro", IMAGE,
        "--openverse", server.url, "--epochs", "1", "--arch", "tf_efficientnet_lite0",
    )  # fmt: skip
    yield name, volume
    podman("rm", "--force", "--time=0", name)


def stop_when(name: str, there: Callable[[], bool]) -> int:
    """Start the container, stop it as soon as that is so, and return its exit status."""
    podman("start", name)
    while not there():
        assert running(name), podman("logs", name)
        time.sleep(0.1)
    podman("stop", "--time=60", name)
    return status(name)


def running(name: str) -> bool:
    return json.loads(podman("inspect", name))[0]["State"]["Running"]


def status(name: str) -> int:
    return json.loads(podman("inspect", name))[0]["State"]["ExitCode"]


def written(folder: Path) -> dict[str, int]:
    """When each file below was written last."""
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_container_that_is_stopped_goes_on_where_it_was(container, server):
    name, volume = container
    pictures, half, open_again = volume / "data/pictures", len(server.pictures) // 2, threading.Event()

    def late(handler, body: bytes, _tries: int) -> None:
        open_again.wait()
        handler.reply(200, body)

    server.faults = dict.fromkeys(list(server.pictures)[::2], late)
    assert stop_when(name, lambda: len(written(pictures)) == half) == 130
    open_again.set()
    while_scraping = written(pictures)
    assert len(while_scraping) == half
    assert stop_when(name, (volume / "data/features").is_dir) == 130
    while_fitting = written(pictures)
    assert while_scraping.items() <= while_fitting.items()
    assert len(while_fitting) == len(server.pictures)
    assert not (volume / "model").exists()
    podman("start", name)
    podman("wait", name)
    assert status(name) == 0, podman("logs", name)
    assert written(pictures) == while_fitting
    asked = [server.asked(picture) for picture in list(server.pictures)[1::2]]
    print(f"\nstopped with {half} and {len(while_fitting)} pictures; those of the first half were asked for {asked}")
    assert set(asked) == {1}
    assert Classifier(volume / "model").description.labels == ("beer can", "bacon")
