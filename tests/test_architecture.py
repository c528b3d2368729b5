"""The house shows the architecture: what serves imports nothing that trains, and each room of training has walls."""

import ast
import re
import subprocess
import sys

import pytest

from docs.architecture import PAGE, ROOT, STEPS, imports_of, with_drawing

TRAINING = "beercan_or_bacon.training"
# What lies in training/ itself passes from step to step; the doctor looks into every room and is asked by none.
SHARED = {f"{TRAINING}.{path.stem}" for path in (ROOT / TRAINING.replace(".", "/")).glob("*.py")}
SHARED -= {f"{TRAINING}.__init__", f"{TRAINING}.doctor"}
SERVING = {"beercan_or_bacon.serving"}
# What a room may import of the package beside itself; everything may import its errors, files and version.
MAY_IMPORT = {
    "beercan_or_bacon.serving": set(),
    **{module: SHARED | SERVING for module in sorted(SHARED)},  # in one order, so that tests can be shared out
    **{f"{TRAINING}.{step}": SHARED | SERVING for step in STEPS},
    f"{TRAINING}.doctor": SHARED | SERVING | {f"{TRAINING}.{step}" for step in STEPS},
}
MAY_IMPORT["beercan_or_bacon.notebook"] = SHARED | SERVING | {f"{TRAINING}.clean"}
MAY_IMPORT[f"{TRAINING}.clean"] |= {f"{TRAINING}.learn.backbone"}  # one pretrained network looks in both


def test_the_page_imports_neither_torch_nor_fastai():
    trace = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import app"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stderr
    imported = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in trace.splitlines() if "|" in line}
    assert "gradio" in imported
    assert not imported & {"torch", "torchvision", "fastai", "timm", "onnx", "sklearn"}


@pytest.mark.parametrize(
    ("packages", "rooms"),
    [
        ("torch|fastai|timm", {f"{TRAINING}.learn", f"{TRAINING}.clean.embeddings"}),
        ("ipywidgets|IPython", {"beercan_or_bacon.notebook"}),
    ],
)
def test_packages_stay_where_the_architecture_says(packages, rooms):
    importing = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in [*ROOT.glob("*.py"), *(ROOT / "beercan_or_bacon").rglob("*.py")]
        if re.search(rf"^(import|from) ({packages})", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert importing
    assert {module for module in importing if not inside(module, rooms)} == set()


def inside(module: str, rooms: set[str]) -> bool:
    """Whether a module is one of the rooms, or lies in one."""
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may(room):
    place = ROOT / room.replace(".", "/")
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    assert files
    allowed = MAY_IMPORT[room] | {room, "beercan_or_bacon.errors", "beercan_or_bacon.files"}
    broken = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imports_of(path)
        if name != "beercan_or_bacon" and not inside(name, allowed)
    }
    assert not broken


def test_every_module_lies_in_a_room():
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "beercan_or_bacon").rglob("*.py")
        if path.name != "__init__.py"
    }
    public = {f"beercan_or_bacon.{name}" for name in ("errors", "files", "__main__", "batch")}
    assert {module for module in modules - public if not inside(module, set(MAY_IMPORT))} == set()


def test_the_drawing_is_as_the_code_is():
    text = PAGE.read_text(encoding="utf-8")
    assert text == with_drawing(text), "draw it again: python -m docs.architecture"


def test_every_file_that_the_architecture_names_is_there():
    text = PAGE.read_text(encoding="utf-8")
    paragraphs = [p for p in text.split("## The rooms")[1].split("\n\n") if p.startswith("**`")]
    assert len(paragraphs) >= 7
    for paragraph in paragraphs:
        folder = ROOT / re.match(r"\*\*`([^`*]+)", paragraph)[1]
        for name in re.findall(r"`(\w+\.(?:py|js))`", paragraph):
            assert (folder / name).exists() or (ROOT / name).exists(), f"{folder.name} has no {name}"


def test_files_and_functions_stay_small():
    too_long = []
    for path in [*ROOT.glob("*.py"), *(ROOT / "beercan_or_bacon").rglob("*.py"), *(ROOT / "embed").glob("*.js")]:
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 300:
            too_long.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        if path.suffix == ".py":
            too_long += [
                f"{path.relative_to(ROOT)}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
                for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno >= 50
            ]
    assert not too_long
