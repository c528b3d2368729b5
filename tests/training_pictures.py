"""A small drawn data set: red stripes against blue cylinders against everything else, from several sources."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from beercan_or_bacon.training.classes import Classes
from beercan_or_bacon.training.table import Record, write_table

# classes.toml of the tiny model in conftest.py
CLASSES_TOML = """title = "Blue or red?"
tagline = "Which?"
[[class]]
label = "beer can"
search = ["beer can"]
[[class]]
label = "bacon"
search = ["bacon"]
[neither]
search = ["cat"]
"""

# words by which a SearchServer finds found_scenes()
SCENES_TOML = """
title = "Can or stripes?"
[[class]]
label = "beer can"
search = ["can -chicken"]
[[class]]
label = "bacon"
search = ["bacon -kevin"]
[neither]
search = ["photo"]
"""

CLASSES = Classes(
    ("beer can", "bacon"),
    {"beer can": ("beer can",), "bacon": ("bacon",), "neither": ("photo",)},
    "Beer can or bacon?",
    "A tagline.",
)


def draw_picture(label: str, chance: np.random.Generator) -> Image.Image:
    """A picture of a label, never the same twice."""
    size = tuple(int(side) for side in chance.integers(90, 160, 2))
    image = Image.new("RGB", size, tuple(int(c) for c in chance.integers(150, 256, 3)))
    pen = ImageDraw.Draw(image)
    x, y = (int(side * chance.uniform(0.2, 0.4)) for side in size)
    w, h = size[0] // 3, size[1] // 2
    if label == "beer can":
        pen.rounded_rectangle((x, y, x + w, y + h), 8, fill=(20, 40, 220), outline="black")
    elif label == "bacon":
        for stripe in range(0, h, 12):
            pen.rectangle((x, y + stripe, x + w, y + stripe + 6), fill=(200, 30, 40))
    else:
        pen.ellipse((x, y, x + w, y + w), fill=(40, 160, 60))
    return image


def draw_scene(label: str, chance: np.random.Generator) -> Image.Image:
    """A drawn picture before a wallpaper of its own, so that no two pass for copies of each other."""
    scene = Image.new("RGB", (200, 200), tuple(int(c) for c in chance.integers(0, 256, 3)))
    pen = ImageDraw.Draw(scene)
    for _ in range(25):
        x, y, w, h = (int(v) for v in chance.integers(0, 150, 4))
        shape = [pen.rectangle, pen.ellipse][int(chance.integers(2))]
        shape((x, y, x + w // 2, y + h // 2), fill=tuple(int(c) for c in chance.integers(0, 256, 3)))
    picture = draw_picture(label, chance)
    picture.thumbnail((150, 150))
    scene.paste(picture, tuple(int(v) for v in chance.integers(0, 50, 2)))
    return scene


def found_scenes(beer_can: str, bacon: str, neither: str, each: int = 12) -> dict[str, bytes]:
    """`each` scenes of every label as PNG files for a SearchServer, by names that begin with the label's word."""
    chance, pictures = np.random.default_rng(7), {}
    for label, word in (("beer can", beer_can), ("bacon", bacon), ("neither", neither)):
        for number in range(each):
            draw_scene(label, chance).save(file := io.BytesIO(), "PNG")
            pictures[f"{word} {number}.png"] = file.getvalue()
    return pictures


def write_data(data: Path, per_label: int = 15, seed: int = 0) -> Path:
    """A data folder as the cleaning leaves it: three pictures a source."""
    chance = np.random.default_rng(seed)
    (data / "pictures").mkdir(parents=True)
    records = []
    for label in CLASSES.searches:
        for number in range(per_label):
            image = draw_picture(label, chance)
            path = data / "pictures" / f"{label.replace(' ', '-')}-{number}.png"
            image.save(path)
            content = path.read_bytes()
            records.append(
                Record(
                    label=label, query=CLASSES.searches[label][0], provider="drawn",
                    url=f"https://example.org/{path.name}",
                    creator=f"{label} {number // 3}", licence="CC0", title=path.stem, file=f"pictures/{path.name}",
                    sha256=hashlib.sha256(content).hexdigest(), bytes=len(content), width=image.width,
                    height=image.height, decision="keep",
                )
            )  # fmt: skip
    write_table(data, records)
    return data
