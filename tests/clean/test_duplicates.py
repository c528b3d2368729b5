"""Near duplicates: what is done to pictures on the web is seen through, and different pictures stay different."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from beercan_or_bacon.training.clean.duplicates import near_duplicates
from beercan_or_bacon.training.clean.embeddings import look_at


def scene(seed: int) -> Image.Image:
    """Some coloured discs and boxes before a hazy background."""
    random = np.random.default_rng(seed)
    picture = Image.fromarray(random.integers(60, 200, (6, 8, 3), np.uint8)).resize(
        (320, 240), Image.Resampling.BICUBIC
    )
    draw = ImageDraw.Draw(picture)
    for index in range(40):
        x, y, width, height = random.integers((0, 0, 12, 12), (300, 220, 60, 60))
        shape = draw.ellipse if index % 2 else draw.rectangle
        shape((x, y, x + width, y + height), fill=tuple(int(value) for value in random.integers(0, 255, 3)))
    return picture


def encode(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=30)
    return Image.open(buffer).convert("RGB")


def watermark(picture):
    marked = picture.copy()
    ImageDraw.Draw(marked).text((40, 100), "photo.example", fill=(235, 235, 235), font_size=36)
    return marked


CHANGES = [
    encode,
    lambda picture: picture.resize((160, 120)),
    lambda picture: picture.crop((6, 12, 300, 233)),  # 8 % of each side's length
    lambda picture: picture.crop((13, 10, 307, 230)),
    watermark,
]


@pytest.fixture(scope="module")
def looks(tmp_path_factory):
    """Six pictures, each followed by its five changed copies."""
    folder = tmp_path_factory.mktemp("copies")
    (folder / "pictures").mkdir()
    files = {}
    for seed in range(6):
        for number, change in enumerate([lambda picture: picture, *CHANGES]):
            files[f"{seed}-{number}"] = f"pictures/{seed}-{number}.png"
            change(scene(seed)).save(folder / files[f"{seed}-{number}"])
    return list(look_at(folder, files).values())


def test_copies_are_found_and_other_pictures_are_not(looks):
    groups = near_duplicates(looks).reshape(6, 1 + len(CHANGES))
    assert (groups == groups[:, :1]).all()
    assert len(set(groups[:, 0])) == 6


def test_one_picture_is_a_group(looks):
    assert list(near_duplicates(looks[:1])) == [0]
