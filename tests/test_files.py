"""A file is whole or absent: killed, on a full disk, or when what should be written fails half-way."""

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from beercan_or_bacon.files import replacing, write_whole

ROOT = Path(__file__).parent.parent


def test_the_new_content_takes_the_old_ones_place(tmp_path):
    path = tmp_path / "new" / "folder" / "a.txt"
    write_whole(path, "one")
    write_whole(path, "zwölf")
    assert path.read_bytes() == "zwölf".encode()
    write_whole(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_block_that_fails_leaves_the_old_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, "old")

    def write_half():
        with replacing(path) as file:
            file.write(b"half of the n")
            assert path.read_text() == "old"  # and nobody sees the half meanwhile
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_by_name_and_leaves_nothing(tmp_path):
    path = tmp_path / "large.bin"
    write_whole(path, "old")
    writer = "import sys; from pathlib import Path; from beercan_or_bacon.files import write_whole\n"
    writer += "try: write_whole(Path(sys.argv[1]), bytes(3_000_000))\n"
    writer += "except OSError as error: print(error.filename)"

    def small_disk():  # no file may grow beyond a megabyte
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    command = [sys.executable, "-c", writer, str(path)]
    said = subprocess.run(command, cwd=ROOT, preexec_fn=small_disk, capture_output=True, text=True, check=True).stdout
    assert said.strip() == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_killed_while_it_writes_it_leaves_the_old(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, "old")
    writer = "import os, sys; from pathlib import Path; from beercan_or_bacon.files import replacing\n"
    writer += "with replacing(Path(sys.argv[1])) as file: file.write(b'half'); file.flush(); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", writer, str(path)], cwd=ROOT).returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    write_whole(path, "new")
    assert list(tmp_path.iterdir()) == [path]


def test_no_stage_writes_in_another_way():
    """The one writer is the only one: what is opened to be written whole, or renamed, is so here."""
    shortcuts = (".write_text(", ".write_bytes(", ".replace(path)", "os.replace(", "os.rename(", "shutil.move(", '"w"')
    allowed = {
        "files.py": set(shortcuts),
        "static.py": {".write_text(", ".write_bytes("},  # into a folder that is built whole and then renamed
        "jobs.py": {"shutil.move(", '"w"'},  # the same; and a tar in a temporary folder
    }
    found = {
        f"{path.name}: {shortcut}"
        for path in (ROOT / "beercan_or_bacon").rglob("*.py")
        for shortcut in shortcuts
        if shortcut in path.read_text(encoding="utf-8") and shortcut not in allowed.get(path.name, set())
    }
    assert found == set()
