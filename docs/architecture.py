"""Draw who imports whom, from the code itself, into docs/architecture.md.

python -m docs.architecture           draw it again
python -m docs.architecture --check   say whether it is as the code is
"""

from __future__ import annotations

import argparse
import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = "beercan_or_bacon"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- drawn by docs/architecture.py -->", "<!-- end -->"
STEPS = ("collect", "clean", "learn", "publish")
EVERYWHERE = {"errors", "files", ""}  # imported by nearly all; arrows to them would hide the others


def imports_of(path: Path) -> set[str]:
    """The modules of this package that a file imports, at its top or in a function, by their full names."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            base = ".".join(filter(None, [start, node.module]))
            modules = {f"{base}.{alias.name}" for alias in node.names}  # `from . import module`
            there = {name for name in modules if (ROOT / name.replace(".", "/")).with_suffix(".py").exists()}
            found |= there if there == modules else there | {base}
    return {name for name in found if name.split(".")[0] == PACKAGE}


def room_of(module: str) -> str:
    """Where a module lives, as the drawing names it: serving, a step of training, or the module itself."""
    parts = module.split(".")[1:]
    if parts[:1] == ["training"]:
        return parts[1] if len(parts) > 1 else ""
    return parts[0] if parts else ""


def arrows() -> dict[tuple[str, str], set[str]]:
    """(importing room, imported room) -> the imported modules."""
    files = {path: path.name for path in (ROOT / "app.py", ROOT / "train.py")}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        files[path] = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    drawn: dict[tuple[str, str], set[str]] = {}
    for path, room in files.items():
        for module in imports_of(path):
            other = room_of(module)
            if other != room and other not in EVERYWHERE and room not in EVERYWHERE:
                drawn.setdefault((room, other), set()).add(module.rsplit(".", 1)[-1])
    return drawn


def drawing() -> str:
    """The rooms and their arrows in Mermaid's words, which GitHub draws."""
    drawn = arrows()
    rooms = sorted({room for pair in drawn for room in pair})
    shared = [room for room in rooms if (ROOT / PACKAGE / "training" / f"{room}.py").exists()]
    lines = ["```mermaid", "flowchart TD"]
    lines += [f'    {name.replace(".", "_")}(["{name}"])' for name in rooms if name.endswith(".py")]
    lines += ["    subgraph training", *(f"        {step}" for step in STEPS if step in rooms)]
    lines += [f'        {name}["{name}.py"]' for name in shared] + ["    end"]
    lines += [f'    {name}["python -m {PACKAGE}"]' for name in rooms if name == "__main__"]
    for (room, other), modules in sorted(drawn.items()):
        label = f'|"{", ".join(sorted(modules))}"|' if other in STEPS and room in STEPS else ""
        lines.append(f"    {room.replace('.', '_')} -->{label} {other.replace('.', '_')}")
    return "\n".join([*lines, "```"])


def with_drawing(text: str) -> str:
    """The page with the drawing as the code is now."""
    before, rest = text.split(BEGIN, 1)
    return f"{before}{BEGIN}\n{drawing()}\n{END}{rest.split(END, 1)[1]}"


def main() -> int:
    """Write the drawing into the page, or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if it is another")
    args = parser.parse_args()
    text = PAGE.read_text(encoding="utf-8")
    if args.check:
        return int(with_drawing(text) != text)
    PAGE.write_text(with_drawing(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
