"""A published model folder -> Classifier -> Prediction. ONNX Runtime only; nothing is unpickled."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import ModelError
from .pictures import KEEP_SIDE

NEITHER = "neither"
AT_ONCE = 2  # pictures looked at: more would need memory each, and be no sooner done


class InputRule(BaseModel):
    """How a picture becomes the graph's input.

    "pad": it is scaled to fit a size x size square and centred on `fill`; "squash": it is scaled to fill the square.
    Either way the whole picture is seen, scaled by Pillow's antialiased filter of the name.
    """

    model_config = ConfigDict(frozen=True)

    size: int = Field(ge=32, le=1024)  # pixels
    resize: str = Field(pattern="^(pad|squash)$")
    interpolation: str = Field(pattern="^(bicubic|bilinear)$")
    fill: tuple[int, int, int]  # RGB, 0..255

    @property
    def keep(self) -> int:
        """How long a larger picture's longer side must stay when it is opened, in pixels: `open_picture`'s `keep`."""
        return max(KEEP_SIDE, self.size)


class Description(BaseModel):
    """classifier.json: what a model says of itself. Unknown keys are kept, for the page's About part.

    thresholds: per label, the probability from which the label is said to be there.
    close: per label, the (low, high) probabilities between which the answer is said to be close.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    format: int = Field(ge=1, le=1)
    title: str
    tagline: str
    labels: tuple[str, ...] = Field(min_length=2, max_length=100)
    thresholds: tuple[float, ...]
    close: tuple[tuple[float, float], ...]
    input: InputRule
    metrics: dict[str, Any] = {}
    training: dict[str, Any] = {}
    versions: dict[str, Any] = {}

    @model_validator(mode="after")
    def one_of_each_for_every_label(self) -> Description:
        """Thresholds and close calls are probabilities, one entry a label."""
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("a label is there twice")
        if not len(self.labels) == len(self.thresholds) == len(self.close):
            raise ValueError("labels, thresholds and close differ in length")
        if not all(0 <= number <= 1 for number in (*self.thresholds, *(n for pair in self.close for n in pair))):
            raise ValueError("thresholds and close are not between 0 and 1")
        return self


@dataclass(frozen=True)
class Prediction:
    """What the classifier says of one picture.

    verdict: one label, "both" (both of two classes), "A and B" (several of more classes), or "neither".
    labels: the labels whose probability reaches their threshold, in the model's order.
    probabilities: label -> calibrated probability, 0..1. They are independent and need not sum to 1.
    close: the labels whose probability is near enough to its threshold that the answer could be the other.
    heatmap: float32 [classes, height, width] in 0..1 over the square: where the model looked; None if it cannot tell.
    """

    verdict: str
    labels: tuple[str, ...]
    probabilities: dict[str, float]
    close: tuple[str, ...]
    heatmap: np.ndarray | None


class Classifier:
    """One ONNX Runtime session and its description; safe to share between threads, AT_ONCE of which it serves."""

    def __init__(self, folder: Path):
        """Load model.onnx and classifier.json from a folder. Raises ModelError when they cannot serve."""
        folder = Path(folder)
        try:
            self.description = Description.model_validate_json((folder / "classifier.json").read_bytes())
        except FileNotFoundError:
            raise ModelError(f"{folder} holds no classifier.json: it is not a published model.") from None
        except ValidationError as error:
            first = error.errors()[0]
            why = ": ".join([".".join(map(str, first["loc"])), first["msg"]]).removeprefix(": ")
            raise ModelError(f"{folder}/classifier.json is not a description this version reads: {why}.") from None
        self.turns = threading.BoundedSemaphore(AT_ONCE)
        options = onnxruntime.SessionOptions()
        # one thread a picture, two pictures at a time: a second thread would save a picture a tenth of its time and
        # cost half as much work again, and a Space's two cores are often the halves of one
        options.intra_op_num_threads = 1
        options.add_free_dimension_override_by_name("n", 1)  # so that paddings are worked out now and not every time
        try:
            self.session = onnxruntime.InferenceSession(
                # from memory, so that a graph cannot name other files to read its weights from
                (folder / "model.onnx").read_bytes(),
                options,
                providers=["CPUExecutionProvider"],
            )
        except Exception as error:  # ONNX Runtime raises a class of its own for each way to fail
            raise ModelError(f"{folder}/model.onnx does not load: {' '.join(str(error).split())[:200]}") from None

    def predict(self, image: Image.Image) -> Prediction:
        """Classify one RGB picture of any size."""
        pixels = np.asarray(fit_to_square(image, self.description.input))[np.newaxis]  # uint8 [1, size, size, 3]
        outputs = ["probabilities", "heatmap"] if self.has_heatmap else ["probabilities"]
        with self.turns:
            probabilities, *heatmap = self.session.run(outputs, {"image": pixels})
        return self._prediction(probabilities[0], heatmap[0][0] if heatmap else None)

    @property
    def has_heatmap(self) -> bool:
        """Whether the model says where it looked."""
        return any(output.name == "heatmap" for output in self.session.get_outputs())

    def _prediction(self, probabilities: np.ndarray, heatmap: np.ndarray | None) -> Prediction:
        about = self.description
        named = dict(zip(about.labels, map(float, probabilities), strict=True))
        present = tuple(
            label for label, threshold in zip(about.labels, about.thresholds, strict=True) if named[label] >= threshold
        )
        close = tuple(
            label for label, (low, high) in zip(about.labels, about.close, strict=True) if low <= named[label] <= high
        )
        return Prediction(verdict_of(present, about.labels), present, named, close, heatmap)


def verdict_of(present: tuple[str, ...], labels: tuple[str, ...]) -> str:
    """Name the answer: "neither", the one label, "both" of two classes, or "A and B" of more."""
    if not present:
        return NEITHER
    if len(present) == 2 == len(labels):
        return "both"
    return " and ".join(present)


def as_json(prediction: Prediction) -> dict[str, Any]:
    """What programs are told of a picture: {"verdict", "labels", "probabilities"}."""
    return {
        "verdict": prediction.verdict,
        "labels": list(prediction.labels),
        "probabilities": {label: round(p, 4) for label, p in prediction.probabilities.items()},
    }


def fit_to_square(image: Image.Image, rule: InputRule) -> Image.Image:
    """Scale an RGB picture to the square by its rule.

    Sides are rounded half up and the offset down, as the browser's page does it too.
    """
    antialiased = Image.Resampling[rule.interpolation.upper()]
    if rule.resize == "squash":
        return image.resize((rule.size, rule.size), antialiased)
    scale = rule.size / max(image.size)
    width, height = (max(1, int(side * scale + 0.5)) for side in image.size)
    square = Image.new("RGB", (rule.size, rule.size), rule.fill)
    scaled = image.resize((width, height), antialiased)
    square.paste(scaled, ((rule.size - width) // 2, (rule.size - height) // 2))
    return square
