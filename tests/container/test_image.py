"""The image as it is built from a clean clone, running as a careful administrator would have it: CONTAINER=1 pytest …

Takes minutes, Debian and root: see build.sh.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time

import httpx
import pytest
from asking import begun
from conftest import ROOT
from containers import PAGE, container, network_of, podman
from playwright.sync_api import expect

from beercan_or_bacon.serving.classifier import Classifier
from beercan_or_bacon.serving.pictures import open_picture

pytestmark = [
    pytest.mark.skipif(os.environ.get("CONTAINER") != "1", reason="takes minutes; CONTAINER=1 runs it"),
    pytest.mark.timeout(1800),
]
MOST_MB = 550


@pytest.fixture(scope="module")
def built() -> str:
    """What build.sh prints of the image of HEAD; CONTAINER_BUILT=1 takes the image that is there."""
    if os.environ.get("CONTAINER_BUILT") == "1":
        return ""
    return subprocess.run(["tests/container/build.sh"], cwd=ROOT, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module", autouse=True)
def running(built):  # noqa: ARG001
    """The container; this thread is in its network, which reaches nothing else."""
    with container("--network=none") as one, network_of(one.pid):
        while True:
            try:
                if httpx.get(f"{PAGE}/readyz", timeout=60).is_success:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        yield one


def inside(running, *command: str) -> subprocess.CompletedProcess:
    command = ["podman", "--runtime", "runc", "exec", running.name, *command]
    return subprocess.run(command, capture_output=True, text=True)


def test_its_size(built):
    if built:
        assert int(built.split("unpacked:\n")[1].split()[0]) <= MOST_MB, built


def test_nobody_special_runs_it_and_nothing_can_be_written(running):
    assert inside(running, "id", "-u").stdout == "1000\n"
    for place in ("/", "/app", "/opt/venv", "/tmp", "/home"):
        assert inside(running, "touch", f"{place}/x").returncode != 0, place
    assert inside(running, "touch", "/cache/x").returncode == 0


def test_no_compiler_and_no_installer_is_left(running):
    for tool in ("cc", "gcc", "g++", "make", "/opt/venv/bin/pip"):
        assert inside(running, tool, "--version").returncode in (126, 127), tool


def test_it_knows_no_network(running):
    interfaces = inside(running, "ls", "/sys/class/net").stdout.split()
    assert interfaces == ["lo"]


def test_it_becomes_healthy(running):
    assert podman("healthcheck", "run", running.name) in ("", "healthy")


def test_it_answers_as_the_model_does_out_here():
    classifier, verdicts = Classifier(ROOT / "model"), set()
    for path in sorted((ROOT / "examples").glob("*.jpg")):
        here = classifier.predict(open_picture(path, classifier.description.input.keep))
        answer = httpx.post(f"{PAGE}/verdict", content=path.read_bytes(), timeout=60).json()
        assert answer["verdict"] == here.verdict
        assert answer["probabilities"] == pytest.approx(here.probabilities, abs=0.01)  # libraries of other builds
        verdicts.add(here.verdict)
    assert len(verdicts) == 4


def test_the_page_answers(browser):
    page = browser.new_page()
    page.goto(PAGE)
    page.get_by_role("button", name="Example 1", exact=True).click()
    expect(page.locator(".bcob-word")).to_have_text("bacon", timeout=60_000)
    page.get_by_role("button", name="Where it looked").click()
    page.wait_for_function("document.querySelector('#bcob-heat img')?.naturalWidth > 0")
    page.close()


def test_its_log_is_a_line_a_request(running):
    lines = podman("logs", running.name).splitlines()
    asked = [json.loads(line) for line in lines]
    assert ("POST", "/verdict", 200) in {(line["method"], line["route"], line["status"]) for line in asked}
    assert "jpg" not in "".join(lines)


def test_it_stops_in_time_and_loses_no_answer_that_had_begun(running):
    picture = (ROOT / "examples/bacon_1.jpg").read_bytes()
    clients = [[] for _ in range(8)]
    threads = [threading.Thread(target=begun, args=(PAGE, picture, answers)) for answers in clients]
    for thread in threads:
        thread.start()
    while sum(map(len, clients)) < 100:
        time.sleep(0.05)
    start = time.monotonic()
    podman("stop", "--time=30", running.name)
    took = time.monotonic() - start
    for thread in threads:
        thread.join()
    state = json.loads(podman("inspect", running.name))[0]["State"]
    answers = [answer for client in clients for answer in client]
    lost = sum(b'"verdict":"bacon"' not in answer for answer in answers)
    print(f"stopped in {took:.1f} s with status {state['ExitCode']}; of {len(answers)} answers begun {lost} lost")
    assert (lost, state["ExitCode"]) == (0, 0)
    assert took < 10
