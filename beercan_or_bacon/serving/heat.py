"""Where the classifier looked, laid over the picture."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageOps

from .classifier import InputRule, Prediction

PREVIEW_SIDE = 400  # pixels, the heat-map picture's longer side at most
DARK = 56  # of 255, the light on what the model did not look at
LIGHTS = ((255, 214, 130), (255, 176, 166), (150, 216, 255), (206, 255, 150), (222, 190, 255))  # RGB, per class in turn


def heat_picture(picture: Image.Image, prediction: Prediction, rule: InputRule) -> Image.Image | None:
    """The picture, dark where the model did not look and in a light of each class's colour where it did.

    Only the classes in the verdict are shown, or all of them when it is neither. None if the model cannot tell.
    """
    if prediction.heatmap is None:
        return None
    if max(picture.size) > PREVIEW_SIDE:
        picture = ImageOps.contain(picture, (PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.BILINEAR)
    shown = [
        i for i, label in enumerate(prediction.probabilities) if label in prediction.labels or not prediction.labels
    ]
    colours = np.array([LIGHTS[i % len(LIGHTS)] for i in shown])[:, np.newaxis, np.newaxis]  # [classes, 1, 1, RGB]
    heat = prediction.heatmap[shown][..., np.newaxis]  # [classes, height, width, 1]
    light = (DARK + heat * (colours - DARK)).max(axis=0)  # [height, width, RGB]
    rows, columns = light.shape[:2]
    sides = picture.size if rule.resize == "pad" else (1, 1)
    across, down = (side / max(sides) for side in sides)  # the picture's share of the square
    box = (columns * (1 - across) / 2, rows * (1 - down) / 2, columns * (1 + across) / 2, rows * (1 + down) / 2)
    light = Image.fromarray(light.astype(np.uint8)).resize(picture.size, Image.Resampling.BICUBIC, box=box)
    return ImageChops.multiply(picture, light)
