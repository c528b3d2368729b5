"""python -m beercan_or_bacon: one JSON line a picture, and an exit status that tells."""

import csv
import json
import os
import pty
import subprocess
import sys
import termios

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
