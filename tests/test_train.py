"""train.py itself: options stage by stage, one run at a time in a data folder, sentences instead of tracebacks."""

import argparse
import ast
import ctypes
import inspect
import os
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

import train
from beercan_or_bacon.training.run import what_next
from beercan_or_bacon.training.table import read_table, write_table
from tests.training_pictures import write_data

ROOT = Path(__file__).parent.parent


def helped(stage, capsys) -> str:
    with pytest.raises(SystemExit):
        train.parse([stage, "--help"])
    return capsys.readouterr().out


@pytest.mark.parametrize("stage", train.STAGES)
def test_the_help_of_a_stage_shows_what_it_reads_and_nothing_else(stage, capsys):
    text = helped(stage, capsys)
    shown = {line.split()[0].removeprefix("--") for line in text.splitlines() if line.startswith("  --")}
    tree = ast.parse(inspect.getsource(train.STAGES[stage]))
    read = {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "args"
    }
    assert {"source" if option == "from" else option for option in shown} == read  # `from` is a word of Python's


@pytest.mark.parametrize("stage", [*train.STAGES, None])
def test_the_words_of_the_pipeline_may_be_given_to_every_stage(stage):
    words = ["--classes", "c.toml", "--data", "d", "--out", "o", "--arch", "a", "--epochs", "3", "--seed", "4",
             "--device", "cpu", "--openverse", "http://o", "--commons", "http://c"]  # fmt: skip
    args = train.parse([*([stage] if stage else []), *words])
    assert (args.classes, args.data, args.out) == (Path("c.toml"), Path("d"), Path("o"))
    assert (args.arch, args.epochs, args.seed, args.device) == ("a", 3, 4, "cpu")
    assert (args.openverse, args.commons, args.stage) == ("http://o", "http://c", stage)


def test_options_before_the_stage_count_too():
    args = train.parse(["--data", "d", "--epochs", "9", "fit", "--seed", "2"])
    assert (args.data, args.epochs, args.seed, args.stage) == (Path("d"), 9, 2, "fit")


def test_what_is_read_and_what_is_written_are_two_options(monkeypatch):
    assert train.parse(["push", "--model", "m"]).model == Path("m")
    assert train.parse(["push"]).model == train.parse([]).model == Path("model")
    assert train.parse(["--out", "m", "--push", "a/b"]).model == Path("m")  # what was just written
    embed = train.parse(["embed", "--model", "m", "--out", "s"])
    assert (embed.model, embed.out) == (Path("m"), Path("s"))
    assert train.parse(["embed", "--out", "s"]).model == Path("model")
    monkeypatch.setenv("MODEL", "n")
    assert train.parse(["embed"]).model == Path("n")


@pytest.mark.parametrize(
    "wrong", [["fit", "--static"], ["scrape", "--epochs", "x"], ["nosuch"], ["clean", "--push", "a/b"]]
)
def test_what_a_stage_does_not_know_is_refused(wrong):
    with pytest.raises(SystemExit):
        train.parse(wrong)


@pytest.mark.parametrize("stage", ["clean", "fit"])
def test_two_runs_on_one_data_folder(stage, words, tmp_path, capsys):
    write_data(tmp_path / "data", per_label=2)
    arguments = [stage, "--data", str(tmp_path / "data"), "--classes", str(words)]
    holder = "import sys, filelock\nwith filelock.FileLock(sys.argv[1]): print('held', flush=True), input()"
    command = [sys.executable, "-c", holder, str(tmp_path / "data" / "train.lock")]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    other.stdout.readline()
    assert train.main(arguments) == 1
    assert "Another train.py is at work" in capsys.readouterr().err
    other.kill()  # however it ends, it lets go
    other.wait()
    with FileLock(tmp_path / "data" / "train.lock", timeout=0):
        pass


def test_a_folder_that_is_not_there_is_not_made(words, tmp_path, capsys):
    assert train.main(["clean", "--data", str(tmp_path / "typo"), "--classes", str(words)]) == 1
    assert "train.py scrape" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()


def small_disk(size: int) -> None:
    """No file may grow beyond that many bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.timeout(600)
def test_a_full_disk_while_cleaning_is_told_and_nothing_is_lost(words, tmp_path):
    data = write_data(tmp_path / "data", per_label=4)
    before = read_table(data)
    arguments = [sys.executable, "train.py", "clean", "--data", str(data), "--classes", str(words)]
    run = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, preexec_fn=lambda: small_disk(10_000))
    assert run.returncode == 1
    assert "File too large" in run.stderr
    assert "run the same command again" in run.stderr
    assert "Traceback" not in run.stderr
    assert read_table(data) == before
    assert not list(data.rglob("*.tmp"))


def bound_by_modes() -> None:
    """Root too may do only what a file's mode lets its owner do: the capabilities to go beyond that are given up."""
    for capability in (1, 2) if os.geteuid() == 0 else ():  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, capability)  # PR_CAPBSET_DROP


@pytest.mark.timeout(600)
@pytest.mark.parametrize("closed", ["data", "data/train.lock", "data/pictures.csv"])
def test_a_folder_that_may_not_be_written_is_told(closed, words, tmp_path):
    data = write_data(tmp_path / "data", per_label=4)
    (data / "train.lock").touch()
    before = read_table(data)
    (tmp_path / closed).chmod(0o500 if closed == "data" else 0o000)
    arguments = [sys.executable, "train.py", "clean", "--data", str(data), "--classes", str(words)]
    run = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, preexec_fn=bound_by_modes)
    (tmp_path / closed).chmod(0o700)
    assert run.returncode == 1
    assert "Permission denied" in run.stderr
    assert str(data) in run.stderr
    assert "Traceback" not in run.stderr
    assert read_table(data) == before
    assert not list(data.rglob("*.tmp"))


def test_any_refusal_of_the_system_is_a_sentence(words, tmp_path, capsys, monkeypatch):
    data = write_data(tmp_path / "data", per_label=4)
    (data / "train.lock").mkdir()  # something in the way, which stops root as well
    assert train.main(["clean", "--data", str(data), "--classes", str(words)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("train.py: ")
    assert str(data / "train.lock") in said
    monkeypatch.setitem(train.STAGES, "doctor", lambda _: (_ for _ in ()).throw(OSError("no number, no name")))
    assert train.main(["doctor"]) == 1
    assert "no number, no name" in capsys.readouterr().err


def test_the_end_says_what_was_kept_and_what_to_do(tmp_path):
    data = write_data(tmp_path / "data", per_label=3)
    first, second, *others = read_table(data)
    write_table(data, [replace(first, decision="drop", reason="blank"), replace(second, file=""), *others])
    said = what_next(data, Path("m"))
    assert "Kept 7 of 8 pictures: 3 bacon, 3 neither, 1 beer can." in said
    assert "Dropped 1: 1 blank." in said
    for step in ("clean.html", "report.html", "MODEL=m python app.py", "push --model m", "embed --model m", "review"):
        assert step in said
    for command in (line.split("  ")[1] for line in said.splitlines() if "  python train.py" in line):
        assert isinstance(train.parse(command.split()[2:]), argparse.Namespace)  # what it says can be typed
