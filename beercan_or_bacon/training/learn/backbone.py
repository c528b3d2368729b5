"""The pretrained network that looks at the pictures."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import onnxruntime
import timm
import torch
from timm.data import resolve_model_data_config
from timm.models import get_model_args
from torch import nn

from ..networks import PACKAGED, names_of
from .cut import pools_a_map
from .recipe import SIDE_BY_SIDE, Recipe
from .side_by_side import SideBySide, side_by_side
from .weights import Weights, find_weights, load

# What the classifier sees of the last feature map, in timm's words: its mean and its maximum side by side, so that a
# thing that fills little of the picture is not lost in the mean.
POOLING = "catavgmax"
OPSET = 17  # of ONNX: old enough for every runtime in use, new enough for all that is needed


def create_backbone(arch: str) -> nn.Module:
    """A timm model with its pretrained weights and the classifier that came with them."""
    [weights] = find_weights(arch)
    return load(weights)


def fresh_model(weights: Sequence[Weights], outputs: int) -> nn.Module:
    """The pretrained backbone with a new classifier; several networks stand side by side.

    Raises ModelError for networks that cannot.
    """
    networks = [fresh_network(one, outputs) for one in weights]
    return networks[0] if len(networks) == 1 else side_by_side(networks)


def fresh_network(weights: Weights, outputs: int) -> nn.Module:
    """A pretrained network with a new classifier, and with POOLING where its head can have it."""
    model = load(weights)
    model.reset_classifier(outputs)
    if pools_a_map(model):  # a head with more in it than a pooling and a classifier keeps its own
        model.reset_classifier(outputs, POOLING)
    return model


def networks_of(model: nn.Module) -> list[nn.Module]:
    """The timm models that a model is made of."""
    return list(model.networks) if isinstance(model, SideBySide) else [model]


def arguments_of(model: nn.Module) -> list[dict[str, Any]]:
    """What timm.create_model is to be told of each network, beside its name and the number of outputs."""
    return [
        {key: value for key, value in get_model_args(network).items() if key not in ("in_chans", "num_classes")}
        for network in networks_of(model)
    ]


def empty_model(arch: str, outputs: int, arguments: Sequence[dict[str, Any]]) -> nn.Module:
    """The like of a model, by its name and arguments_of it, with weights of chance."""
    networks = [
        timm.create_model(name, pretrained=False, num_classes=outputs, **told)
        for name, told in zip(names_of(arch), arguments, strict=True)
    ]
    return networks[0] if len(networks) == 1 else SideBySide(networks)


def suited(recipe: Recipe, model: nn.Module) -> Recipe:
    """The recipe with what a network was trained to see: size, interpolation, and whether the sides' ratio counts.

    timm's own numbers, but for the packaged networks, whose size was chosen with the rest of the recipe. Where timm
    would crop the middle, the whole picture is seen all the same: what is looked for may lie at its edge.
    """
    names = names_of(model.pretrained_cfg["architecture"])
    if len(names) > 1:
        recipe = replace(recipe, **dict(SIDE_BY_SIDE))
    if PACKAGED.keys() >= set(names):
        return recipe
    own = resolve_model_data_config(model)
    return replace(
        recipe,
        size=own["input_size"][-1],
        interpolation="bilinear" if own["interpolation"] == "bilinear" else "bicubic",
        resize="squash" if own["crop_mode"] == "squash" else "pad",
    )


def stages_of(model: nn.Module) -> list[nn.Module]:
    """The layers from picture to feature map, in order: a timm model's children, with its rows of stages unrolled."""
    stages: list[nn.Module] = []
    for name, child in model.named_children():
        if name == "global_pool":
            break
        stages.extend(child if isinstance(child, nn.Sequential) else [child])
    return stages


def best_device() -> str:
    """cuda, else mps, else cpu."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def frozen(network: nn.Module, size: int, device: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """A network that will not be trained, ready to run: float32 [n, 3, size, size] -> its output on the CPU, float32.

    On a CPU, ONNX Runtime runs it in less than half of PyTorch's time: it merges each convolution with the norm and the
    activation behind it. On a GPU PyTorch does, in mixed precision.
    """
    network.eval()
    if device == "cpu":
        options = onnxruntime.SessionOptions()
        # idle threads sleep: the processes that decode the next pictures need the cores
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        graph = trace(network.cpu(), torch.zeros(2, 3, size, size), "pictures", ["output"])
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        return lambda pictures: torch.from_numpy(session.run(None, {"pictures": pictures.numpy()})[0])
    network.to(device, memory_format=torch.channels_last)

    def run(pictures: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode(), torch.autocast("cuda", enabled=device == "cuda"):
            return network(pictures.to(device, memory_format=torch.channels_last)).float().cpu()

    return run


def trace(model: nn.Module, example: torch.Tensor, name: str, outputs: Sequence[str]) -> bytes:
    """A model as an ONNX graph: its one input takes any number of what `example` holds."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter is deprecated; its successor needs another package
        torch.onnx.export(
            model, (example,), buffer, dynamo=False, opset_version=OPSET, input_names=[name],
            output_names=list(outputs), dynamic_axes={axis: {0: "n"} for axis in (name, *outputs)},
        )  # fmt: skip
    return buffer.getvalue()
