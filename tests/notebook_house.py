"""The project with the tiny model in it, and its notebooks as Jupyter and Voilà run them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from conftest import COLOURS, ROOT, free_port, wait_for, write_tiny_model
from nbclient import NotebookClient
from PIL import Image

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def build_house(folder: Path) -> Path:
    """The project's folder as a notebook sees it, with an example of each verdict."""
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    (folder / "beercan_or_bacon").symlink_to(ROOT / "beercan_or_bacon")
    write_tiny_model(folder / "model")
    (folder / "examples").mkdir()
    for verdict, colour in COLOURS.items():
        Image.new("RGB", (800, 600), colour).save(folder / "examples" / f"{verdict.replace(' ', '_')}_1.jpg")
    return folder


def execute(path: Path, folder: Path, cells: dict[str, str] | None = None, more: tuple[str, ...] = ()):
    """A notebook after a run from top to bottom in a new kernel; raises when a cell fails that is not one of `more`.

    folder: where it runs. cells: id -> what stands in the cell instead. more: cells to add at its end, which may fail.
    """
    notebook = nbformat.read(path, as_version=4)
    for name, source in (cells or {}).items():
        (cell,) = (cell for cell in notebook.cells if cell.id == name)
        cell.source = source
    tags = {"tags": ["raises-exception"]}
    notebook.cells += [nbformat.v4.new_code_cell(source, metadata=tags) for source in more]
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


def outputs(notebook, kind: str) -> list[str]:
    """What the cells gave of a media type, or "stream" for what they printed."""
    given = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    if kind == "stream":
        return [output.text for output in given if output.output_type == "stream"]
    return [output.data[kind] for output in given if kind in output.get("data", {})]


@contextmanager
def jupyter(command: list[str], folder: Path, probe: str) -> Iterator[str]:
    """Run a Jupyter application in a folder; its address. probe: a path that can be asked for and starts no kernel."""
    port = free_port()
    home = {"HOME": str(folder.parent), "JUPYTER_RUNTIME_DIR": str(folder.parent / "runtime")}
    process = subprocess.Popen(
        [sys.executable, "-m", *command, f"--port={port}", "--no-browser"], cwd=folder, env={**os.environ, **home}
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url + probe, process)
        yield url
    finally:
        process.terminate()
        process.wait()


def voila(path: Path):
    """A notebook in Voilà, under the voila.json that lies beside it."""
    return jupyter(["voila", path.name, "--Voila.ip=127.0.0.1"], path.parent, "/voila/static/none")
