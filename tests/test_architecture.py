"""The house shows the architecture: what serves imports nothing that trains, and each room of training has walls."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TRAINING = "beercan_or_bacon.training"
# What a room may import of the package beside itself; everything may import beercan_or_bacon.errors.
COMMON = {f"{TRAINING}.classes", f"{TRAINING}.table", f"{TRAINING}.attribution"}
SERVING = {"beercan_or_bacon.serving"}
MAY_IMPORT = {
    "beercan_or_bacon.serving": set(),
    f"{TRAINING}.classes": {f"{TRAINING}.classes_file"},
    f"{TRAINING}.classes_file": set(),
    f"{TRAINING}.table": set(),
    f"{TRAINING}.attribution": {f"{TRAINING}.table"},
    f"{TRAINING}.doctor": SERVING,
    f"{TRAINING}.collect": COMMON | SERVING,
    f"{TRAINING}.clean": COMMON | SERVING | {f"{TRAINING}.learn.backbone"},
    f"{TRAINING}.learn": COMMON | SERVING,
    f"{TRAINING}.publish": COMMON | SERVING,
}


def test_the_page_imports_neither_torch_nor_fastai():
    trace = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import app"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stderr
    imported = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in trace.splitlines() if "|" in line}
    assert "gradio" in imported
    assert not imported & {"torch", "torchvision", "fastai", "timm", "onnx", "sklearn"}


def imports_of(path: Path) -> set[str]:
    """The modules of this package that a file imports, at its top or in a function, by their full names."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            found.add(".".join(filter(None, [start, node.module])))
    return {name for name in found if name.split(".")[0] == "beercan_or_bacon"}


def inside(module: str, rooms: set[str]) -> bool:
    """Whether a module is one of the rooms, or lies in one."""
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may(room):
    place = ROOT / room.replace(".", "/")
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    assert files
    allowed = MAY_IMPORT[room] | {room, "beercan_or_bacon.errors"}
    broken = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imports_of(path)
        if not inside(name, allowed)
    }
    assert not broken


def test_every_module_lies_in_a_room():
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "beercan_or_bacon").rglob("*.py")
        if path.name != "__init__.py"
    }
    public = {"beercan_or_bacon.errors", "beercan_or_bacon.__main__"}
    assert {module for module in modules - public if not inside(module, set(MAY_IMPORT))} == set()
