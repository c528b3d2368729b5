"""python -m beercan_or_bacon: one JSON line a picture, and an exit status that tells."""

import csv
import json
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Sequence

import pytest
from conftest import ROOT

from beercan_or_bacon import __version__
from beercan_or_bacon.__main__ import main


@pytest.mark.parametrize("verdict", ["beer can", "bacon", "both", "neither"])
def test_verdict(verdict, draw, tiny_model, capsys):
    assert main([str(draw(verdict)), "--model", str(tiny_model), "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["verdict"] == verdict
    assert set(line) == {"file", "verdict", "labels", "probabilities"}
    assert list(line["probabilities"]) == ["beer can", "bacon"]


def test_a_picture_that_cannot_be_read_is_said_and_the_others_answered(draw, tmp_path, tiny_model, capsys):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not a picture")
    assert main([str(broken), str(draw("bacon")), "--model", str(tiny_model), "--json"]) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert set(first) == {"file", "error"}
    assert second["verdict"] == "bacon"


def test_the_version_is_the_one_in_one_place(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert (stopped.value.code, capsys.readouterr().out.strip()) == (0, __version__)


def test_the_model_of_the_environment_is_the_pages(draw, tiny_model, monkeypatch, capsys):
    monkeypatch.setenv("MODEL", str(tiny_model))
    assert main([str(draw("both")), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "both"
    monkeypatch.setenv("MODEL", "no folder and no repository")
    assert main([str(draw("both")), "--json"]) == 1
    assert capsys.readouterr().err.startswith("no folder and no repository is neither a folder")
    assert main([str(draw("both")), "--json", "--model", str(tiny_model)]) == 0  # what is said now comes first


def test_the_revision_of_the_environment_is_that_of_its_model(hub, draw, tiny_model, monkeypatch, capsys):
    repo = hub.add("user/beercan", {path.name: path.read_bytes() for path in tiny_model.iterdir()})
    repo.commit("No model any more", {"README.md": b""})
    monkeypatch.setenv("MODEL", "user/beercan")
    assert main([str(draw("bacon")), "--json"]) == 1
    monkeypatch.setenv("MODEL_REVISION", repo.commits[1].sha)
    assert main([str(draw("bacon")), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["verdict"] == "bacon"


def test_a_folder_means_the_pictures_in_it(draw, tmp_path, tiny_model, capsys):
    (tmp_path / "album" / "2026").mkdir(parents=True)
    (tmp_path / "album" / ".trash").mkdir()
    names = ["album/b.PNG", "album/2026/a.jpeg", "album/.trash/c.jpg", "album/.d.jpg"]
    for name in names:
        draw("bacon", name, format="PNG")
    (tmp_path / "album" / "notes.txt").write_text("no picture")
    assert main([str(tmp_path / "album"), "--model", str(tiny_model), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["file"] for line in lines] == [str(tmp_path / name) for name in ("album/2026/a.jpeg", "album/b.PNG")]
    assert {line["verdict"] for line in lines} == {"bacon"}


def test_a_folder_without_pictures_is_said(tmp_path, tiny_model, capsys):
    (tmp_path / "notes.txt").write_text("no picture")
    assert main([str(tmp_path), "--model", str(tiny_model), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"file": str(tmp_path), "error": "There are no pictures in it."}


def test_a_table(draw, tmp_path, tiny_model, capsys):
    (tmp_path / 'odd, "name".txt').write_bytes(b"not a picture")
    assert main([str(draw("both")), str(tmp_path / 'odd, "name".txt'), "--model", str(tiny_model), "--csv"]) == 1
    both, odd = csv.DictReader(capsys.readouterr().out.splitlines())
    assert list(both) == ["file", "verdict", "beer can", "bacon", "error"]
    assert (both["verdict"], both["error"], odd["verdict"]) == ("both", "", "")
    assert float(both["bacon"]) > 0.9
    assert odd["file"].endswith('odd, "name".txt')
    assert odd["error"]


def test_a_bar_on_a_terminal_and_none_elsewhere(draw, tiny_model):
    pictures = [draw("bacon", "a.jpg"), draw("both", "b.jpg")]
    command = [sys.executable, "-m", "beercan_or_bacon", *pictures, "--model", tiny_model]
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    done = subprocess.run([*command, "--csv"], cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs, check=True)
    assert b"/2 [" in os.read(ours, 65536)
    os.close(theirs)
    os.close(ours)
    assert len(done.stdout.splitlines()) == 3
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stderr == b""


def run(arguments: list, prefix: Sequence[str] = (), **how) -> subprocess.CompletedProcess:
    """The command line in a process of its own."""
    command = [*prefix, sys.executable, "-m", "beercan_or_bacon", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120, **how)


def test_a_picture_from_a_pipe(draw, tiny_model):
    done = run(["/dev/stdin", "--model", tiny_model, "--json"], input=draw("bacon").read_bytes())
    assert json.loads(done.stdout)["verdict"] == "bacon"
    done = run(["/dev/stdin", "--model", tiny_model, "--json"], input=b"")
    assert (done.returncode, done.stderr) == (1, b"")
    assert "is empty" in json.loads(done.stdout)["error"]


def test_a_name_that_the_terminal_cannot_show_costs_no_answers(draw, tmp_path, tiny_model):
    names = [draw("bacon", "Brät 🥓.jpg"), draw("both", "b.jpg"), os.fsencode(draw("bacon", "c.jpg")) + b"\xff.jpg"]
    os.rename(os.fsencode(tmp_path / "c.jpg"), names[2])
    done = run([*names, "--model", tiny_model], env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert [line.split(b"(")[0].split(b": ")[1].strip() for line in done.stdout.splitlines()] == [
        b"bacon", b"both", b"bacon",
    ]  # fmt: skip


def test_what_is_no_file_is_called_what_it_is(tmp_path, tiny_model):
    (tmp_path / "closed.jpg").write_bytes(b"x")
    (tmp_path / "closed.jpg").chmod(0)
    # root without its capabilities may read no more than anyone else
    prefix = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    names = [tmp_path / "none.jpg", tmp_path / "closed.jpg", "x" * 5000]
    done = run([*names, "--model", tiny_model], prefix=prefix, text=True)
    assert (done.returncode, done.stderr) == (1, "")
    none, closed, long = done.stdout.splitlines()
    assert "There is no file" in none
    assert "permissions do not allow it" in closed
    assert long.endswith("File name too long.")


@pytest.mark.parametrize("model", ["x" * 300, "x/" + "y" * 300, "\0", "/" * 5000])
def test_a_model_that_cannot_be_is_said_in_a_sentence(model, hub, draw, capsys):  # noqa: ARG001
    assert main([str(draw("bacon")), f"--model={model}"]) == 1
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert error.strip().endswith(".")


def test_who_reads_may_leave(draw, tiny_model):
    pictures = " ".join([str(draw("bacon"))] * 50)
    command = f"{sys.executable} -m beercan_or_bacon {pictures} --model {tiny_model} | head -1"
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, check=True, timeout=120)
    assert done.stdout.count(b"\n") == 1
    assert done.stderr == b""
