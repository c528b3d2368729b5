"""A timm model -> the graph that is published: pictures in, calibrated probabilities and a heat map out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from ...errors import ModelError
from .backbone import trace
from .places import Places
from .side_by_side import STEPS

# how far an answer in 0..1 may move: by another runtime, and by how weights are stored
BY_RUNTIME, BY_STORE = 0.01, {"probabilities": 0.01, "heatmap": 0.05}


class Published(nn.Module):
    """uint8 pictures -> calibrated probabilities and, of places, a heat map; normalisation and sigmoid are inside."""

    def __init__(self, model: nn.Module, places: Places | None, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.model, self.places = model, places
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1) * 255)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1) * 255)

    @property
    def outputs(self) -> list[str]:
        """The names of what it says."""
        return ["probabilities", "heatmap"] if self.places else ["probabilities"]

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:  # uint8 [n, h, w, 3]
        x = (image.permute(0, 3, 1, 2).float() - self.mean) / self.std
        x = self.model.forward_features(x)
        logits = self.model.forward_head(x)
        if self.places is None:
            return (logits.sigmoid(),)
        return logits.sigmoid(), self.places.logits(self.model.forward_head, x, logits).sigmoid()


def as_graph(model: Published, size: int) -> bytes:
    """The graph with its weights as they are."""
    return trace(model, torch.zeros(2, size, size, 3, dtype=torch.uint8), "image", model.outputs)


def to_onnx(model: Published, size: int, half: bool = True) -> bytes:
    """The graph with its large weights stored small; runtimes make them whole once, when they load it.

    half: whether those that are not whole steps of 8 bits are stored as 16 bits, which is not exact.
    """
    graph = onnx.load_model_from_string(as_graph(model, size))
    store_small(graph.graph, half)
    onnx.checker.check_model(graph)
    return graph.SerializeToString()


def store_small(graph: onnx.GraphProto, half: bool, smallest: int = 1024) -> None:
    """Store every float32 weight of that many numbers or more as int8 where that is exact; else, if half, as float16.

    Where it is used there is a Cast, and for int8 a Mul with the step of each output.
    """
    steps, nodes = [], []
    for weight in graph.initializer:
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < smallest:
            continue
        name, numbers = weight.name, numpy_helper.to_array(weight)
        counts, step = in_steps(numbers)
        if counts is None and not half:
            continue
        small = numbers.astype(np.float16) if counts is None else counts
        weight.CopyFrom(numpy_helper.from_array(small, f"{name}_small"))
        if counts is None:
            nodes.append(helper.make_node("Cast", [f"{name}_small"], [name], to=TensorProto.FLOAT))
        else:
            steps.append(numpy_helper.from_array(step, f"{name}_step"))
            nodes.append(helper.make_node("Cast", [f"{name}_small"], [f"{name}_count"], to=TensorProto.FLOAT))
            nodes.append(helper.make_node("Mul", [f"{name}_count", f"{name}_step"], [name]))
    graph.initializer.extend(steps)
    for node in reversed(nodes):
        graph.node.insert(0, node)


def in_steps(numbers: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    """Weights as round_weights leaves them -> int8 of their shape, and float32, the step of each output.

    None for what is not whole steps, and for a number an output. A norm behind a convolution has been multiplied into
    its outputs by now, which makes other steps of them, but as many.
    """
    if numbers.ndim == 1:
        return None, numbers
    step = np.abs(numbers).max(tuple(range(1, numbers.ndim)), keepdims=True) / STEPS
    counts = np.divide(numbers, step, out=np.zeros_like(numbers), where=step > 0)
    whole = np.abs(counts - np.round(counts)).max() < 1e-3
    return (np.round(counts).astype(np.int8) if whole else None), step


def refuse_unexportable(
    model: nn.Module, places: Places | None, size: int, mean: Sequence[float], std: Sequence[float]
) -> None:
    """Raise ModelError unless the model, trained or not, can be published: what nobody can serve is not trained.

    size: pixels, of the pictures. mean, std: three each, of pictures in 0..1.
    """
    published, name = Published(model, places, mean, std).eval(), model.pretrained_cfg["architecture"]
    try:
        apart = max(distances(published, as_graph(published, size), size).values())
    except Exception as error:  # the exporter and the runtime raise classes of their own
        raise ModelError(
            f"{name} cannot be published as ONNX ({type(error).__name__}: {' '.join(str(error).split())[:120]}). "
            "Choose another --arch."
        ) from None
    if not apart <= BY_RUNTIME:
        raise ModelError(f"{name} answers otherwise as ONNX (by {apart:.2g}). Choose another --arch.")


def distances(model: Published, graph: bytes, size: int) -> dict[str, float]:
    """By how much the graph's answers to a picture of noise differ from the model's at most: output -> difference."""
    noise = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), np.uint8)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    answers = session.run(model.outputs, {"image": noise})
    with torch.inference_mode():
        expected = model(torch.from_numpy(noise))
    return {
        name: float(np.abs(one.numpy() - other).max())
        for name, one, other in zip(model.outputs, expected, answers, strict=True)
    }
