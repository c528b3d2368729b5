"""The pictures to click on: enough of each verdict, quick to load, and each with a scene that renders it."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

pytestmark = pytest.mark.ours
EXAMPLES = Path(__file__).parents[2] / "examples"
PICTURES = sorted(EXAMPLES.glob("*.jpg"))
LEAST = {"beer_can": 2, "bacon": 2, "both": 1, "neither": 2}  # pictures by the verdict that their name begins with


def test_there_are_enough_of_each_verdict() -> None:
    verdicts = Counter(path.stem.rsplit("_", 1)[0] for path in PICTURES)
    assert set(verdicts) == set(LEAST)
    assert all(verdicts[verdict] >= least for verdict, least in LEAST.items()), verdicts
    assert len(PICTURES) >= 8


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_quick_to_load_and_large_enough_to_look_at(path: Path) -> None:
    assert path.stat().st_size <= 150_000
    with Image.open(path) as picture:
        picture.load()
        assert (picture.format, picture.mode, max(picture.size)) == ("JPEG", "RGB", 800)
        assert not picture.getexif()


def test_every_picture_is_rendered_by_a_scene_of_its_name() -> None:
    script = ast.parse((EXAMPLES / "render.py").read_text())  # read, not run: Blender is not a dependency of the tests
    scenes = {
        item.name
        for item in script.body
        if isinstance(item, ast.FunctionDef) and any(getattr(d, "id", "") == "picture" for d in item.decorator_list)
    }
    assert scenes == {path.stem for path in PICTURES}
