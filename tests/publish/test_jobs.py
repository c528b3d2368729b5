"""train.py fit --on hf-jobs: what goes up, what is asked of the Hub, and what comes back."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from hub_server import Hub
from PIL import Image

import train
from beercan_or_bacon.training.networks import DEFAULT
from beercan_or_bacon.training.publish import jobs
from beercan_or_bacon.training.table import Record, write_table

REPO = f"user/{jobs.REPOSITORY}"
FIT = """\
import json, sys
from pathlib import Path
from beercan_or_bacon.training.classes import load_classes
from beercan_or_bacon.training.table import read_table
kept = [record for record in read_table(Path("data")) if (Path("data") / record.file).is_file()]
print(f"fitting {len(kept)} pictures of {load_classes(Path('classes.toml')).labels}")
Path("data/fit").mkdir()
Path("data/fit/fit.json").write_text(json.dumps([len(kept), *sys.argv[1:]]))
"""


@pytest.fixture
def data(tmp_path) -> Path:
    """A cleaned data set of two pictures, and one that was dropped."""
    folder = tmp_path / "data"
    (folder / "pictures").mkdir(parents=True)
    records = []
    for name, decision in [("a", "keep"), ("b", "keep"), ("c", "drop")]:
        Image.new("RGB", (64, 64), "red").save(folder / f"pictures/{name}.png")
        records.append(
            Record("bacon", "q", "p", f"u{name}", file=f"pictures/{name}.png", sha256=name, decision=decision)
        )
    write_table(folder, records)
    return folder


class Machine:
    """The rented machine: runs the job's own command, with the training itself replaced by FIT."""

    def __init__(self, hub: Hub, folder: Path):
        self.hub, self.folder = hub, folder
        self.stage = None
        tools = folder / "tools"
        tools.mkdir(parents=True)
        for name, does in {
            "uv": "exit 0",  # the requirements are here already
            "python": f'[ "$1" = train.py ] && shift && exec {sys.executable} -c "$FIT" "$@"',
            "hf": f'exec {Path(sys.executable).parent / "hf"} "$@"',
        }.items():
            (tools / name).write_text(f"#!/bin/sh\n{does}\n")
            (tools / name).chmod(0o755)

    def __call__(self, spec: dict) -> tuple[str, list[str]]:
        if self.stage:
            return self.stage, ["CUDA out of memory"]
        (volume,) = spec["volumes"]
        commit = self.hub.repos[f"datasets/{volume['source']}"].at(volume["revision"])
        shutil.rmtree(self.folder / "input", ignore_errors=True)
        (self.folder / "input").mkdir()
        for path, content in commit.files.items():
            (self.folder / "input" / path).parent.mkdir(exist_ok=True)
            (self.folder / "input" / path).write_bytes(content)
        shell, option, script = spec["command"]
        script = script.replace("/work", str(self.folder / "work")).replace("/input", str(self.folder / "input"))
        done = subprocess.run(
            [shell, option, script], capture_output=True, text=True, check=False,
            env={
                "PATH": f"{self.folder / 'tools'}:{os.environ['PATH']}", "HOME": str(self.folder), "FIT": FIT,
                "HF_ENDPOINT": self.hub.url, "HF_HUB_DISABLE_XET": "1", **spec["secrets"],
            },
        )  # fmt: skip
        return "COMPLETED" if done.returncode == 0 else "ERROR", (done.stdout + done.stderr).splitlines()


@pytest.fixture(autouse=True)
def here(words, monkeypatch):
    """The folder that holds classes.toml, and what a person would have typed leaves out."""
    monkeypatch.chdir(words.parent)


@pytest.fixture
def machine(hub, tmp_path, monkeypatch) -> Machine:
    monkeypatch.setenv("HF_TOKEN", "hf_write")
    hub.run = Machine(hub, tmp_path / "machine")
    return hub.run


def fit(data: Path, *options: str) -> int:
    return train.main(["fit", "--on", "hf-jobs", "--data", str(data), *options])


@pytest.mark.usefixtures("machine")
def test_the_job_trains_on_what_was_kept_and_its_result_comes_back(data, capsys):
    (data / "fit").mkdir()
    (data / "fit/stale.png").touch()
    assert fit(data, "--epochs", "3") == 0
    assert json.loads((data / "fit/fit.json").read_text()) == [
        2, "fit", "--arch", DEFAULT, "--epochs", "3", "--seed", "0",
    ]  # fmt: skip
    assert not (data / "fit/stale.png").exists()
    assert "fitting 2 pictures of ('beer can', 'bacon')" in capsys.readouterr().out


@pytest.mark.usefixtures("machine")
def test_the_requests_of_a_job(hub, data):
    fit(data, "--flavor", "l4x1")
    mine = [line for line in hub.requests if "PUT" not in line]
    start = mine.index("POST /api/jobs/user")
    assert mine[:start] == [
        "GET /api/whoami-v2",
        "POST /api/repos/create",
        f"GET /api/datasets/{REPO}",
        f"POST /api/datasets/{REPO}/preupload/main",
        f"POST /datasets/{REPO}.git/info/lfs/objects/batch",
        f"POST /api/datasets/{REPO}/commit/main",
    ]
    after = [line for line in mine[start + 1 :] if "/api/jobs/" in line]
    assert after == ["GET /api/jobs/user/0/logs", "GET /api/jobs/user/0", "GET /api/jobs/user/0"]
    (spec,) = hub.jobs
    assert spec["flavor"] == "l4x1"
    assert spec["timeoutSeconds"] == 7200
    assert spec["secrets"] == {"HF_TOKEN": "hf_write"}
    assert spec["dockerImage"] == jobs.IMAGE
    assert spec["environment"] == {}
    (volume,) = spec["volumes"]
    assert (volume["type"], volume["source"], volume["mountPath"]) == ("dataset", REPO, "/input")
    assert hub.repos[f"datasets/{REPO}"].private


def test_what_goes_up_is_the_code_and_the_kept_pictures(data, words, tmp_path):
    first = jobs.pack_job(words, data, tmp_path / "1.tar")
    with tarfile.open(first) as pack:
        names = pack.getnames()
    assert {"train.py", "classes.toml", "requirements-train.txt", "data/pictures.csv", "data/pictures/a.png"} <= set(
        names
    )
    assert "data/pictures/c.png" not in names
    assert not [name for name in names if name.startswith("tests/") or "__pycache__" in name or name.startswith("/")]
    os.utime(data / "pictures/a.png", (0, 0))
    assert jobs.pack_job(words, data, tmp_path / "2.tar").read_bytes() == first.read_bytes()


@pytest.mark.usefixtures("machine")
def test_the_same_fit_again_waits_for_the_same_job(hub, data):
    fit(data)
    shutil.rmtree(data / "fit")
    assert fit(data) == 0
    assert len(hub.jobs) == 1
    assert (data / "fit/fit.json").exists()
    fit(data, "--seed", "1")
    assert len(hub.jobs) == 2


def test_a_job_that_fails_is_said_with_its_log_and_may_be_tried_again(hub, data, machine, capsys):
    machine.stage = "ERROR"
    assert fit(data) == 1
    out, err = capsys.readouterr()
    assert "CUDA out of memory" in out
    assert "The job ended with ERROR" in err
    assert not (data / "fit").exists()
    machine.stage = None
    assert fit(data) == 0
    assert len(hub.jobs) == 2


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("step", "fault", "said"),
    [
        ("POST /api/jobs", (402, "Pre-paid credit is needed"), "paid plan"),
        ("POST /api/jobs", (403, "Not yours"), "may not write"),
        ("POST /api/repos", (500, "Out of order"), "problem of its own"),
    ],
)
def test_a_refusal_is_one_sentence(hub, data, capsys, step, fault, said):
    hub.faults[step] = fault
    assert fit(data) == 1
    assert said in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.usefixtures("machine")
def test_nothing_to_fit(tmp_path, capsys):
    assert fit(tmp_path) == 1
    assert "holds no kept pictures" in capsys.readouterr().err
