"""A timm network in three parts: early stages that stay as they are, late ones that are trained, the head that answers.

timm's networks differ inside their stages and agree around them: `forward_features` calls one stage after another, and
`forward_head` says what the last one means. So that code is traced (torch.fx) with every stage as one step, and cut
after a stage on whose output alone all that follows depends. What is inside a stage does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from timm.models import get_notrace_functions
from torch import fx, nn

from ...errors import ModelError
from .places import Places, places_in, places_of, pooled_linear
from .side_by_side import BesideOneAnother, Cells, CellsHead, SideBySide

# What torch.fx, torch and timm raise for a network that is made otherwise than assumed
CANNOT = (
    RuntimeError,
    NotImplementedError,
    TypeError,
    ValueError,
    IndexError,
    AttributeError,
    AssertionError,
    KeyError,
)


@dataclass(frozen=True)
class Parts:
    """early(pictures) -> a map [n, channels, h, w]; late(map) -> features; head(features) -> logits [n, labels].

    The modules are the model's own: training them trains the model. head(late(early(x))) is model(x).
    places: of the features, for a heat map; None where they have none.
    is_map: whether halves of two maps of early can stand side by side.
    """

    early: nn.Module
    late: nn.Module
    head: nn.Module
    places: Places | None
    is_map: bool

    def told(self, name: str) -> str:
        """What of the network is trained, in a sentence."""
        trained, seen = size_of(self.late), size_of(self.early)
        if not trained:
            return f"{name} stays as it is, and only its head is trained."
        heat = "" if self.places else " It has no places to make a heat map of."
        return f"{name}: the last {trained / (trained + seen):.0%} of its weights and its head are trained.{heat}"

    def local(self, features: torch.Tensor, answer: torch.Tensor) -> torch.Tensor:
        """Places.logits; where there are no places, the answer as the one place of a map."""
        if self.places is None:
            return answer[:, :, None, None]
        return self.places.logits(self.head, features, answer)


class Method(nn.Module):
    """A method of a model as a module of its own."""

    def __init__(self, model: nn.Module, name: str, **options: Any) -> None:
        super().__init__()
        self.model, self.name, self.options = model, name, options

    def forward(self, x: torch.Tensor) -> Any:
        return getattr(self.model, self.name)(x, **self.options)


class FromMap(nn.Module):
    """A map -> the layout of what it was made of."""

    def __init__(self, places: Places):
        super().__init__()
        self.places = places

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.places.from_map(x)


class ToMap(FromMap):
    """Features of any layout -> a map."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.places.to_map(x)


class StageTracer(fx.Tracer):
    """Traces what is around the stages."""

    def __init__(self, stages: set[str]):
        super().__init__(autowrap_functions=tuple(get_notrace_functions()))
        self.stages = stages

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        """Stages are single steps."""
        return name in self.stages or super().is_leaf_module(module, name)


def stage_names(model: nn.Module) -> Iterator[str]:
    """A timm model's children, with its rows of stages unrolled."""
    for name, child in model.named_children():
        if isinstance(child, nn.Sequential | nn.ModuleList):
            yield from (f"{name}.{inner}" for inner, _ in child.named_children())
        else:
            yield name


def traced(model: nn.Module, method: str) -> fx.GraphModule:
    """A method of the model as a graph of stages. Its parameters are those that it uses."""
    root = Method(model, method)
    return fx.GraphModule(root, StageTracer({f"model.{name}" for name in stage_names(model)}).trace(root))


def split_after(whole: fx.GraphModule, last: fx.Node) -> tuple[fx.GraphModule, fx.GraphModule] | None:
    """Two graphs, if all that comes after a node depends on its output alone."""
    nodes = list(whole.graph.nodes)
    until = nodes.index(last) + 1
    first, second = set(nodes[:until]), nodes[until:]
    live = {node for node in first for user in node.users if user not in first and node.op != "get_attr"}
    if live != {last}:
        return None
    early, late = fx.Graph(), fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in nodes[:until]:
        copies[node] = early.node_copy(node, copies.__getitem__)
    early.output(copies[last])
    copies = {last: late.placeholder("maps")}
    weights = [node for node in nodes[:until] if node.op == "get_attr" and not first.issuperset(node.users)]
    for node in [*weights, *second]:
        copies[node] = late.node_copy(node, copies.__getitem__)
    return fx.GraphModule(whole, early), fx.GraphModule(whole, late)


def size_of(module: nn.Module) -> int:
    """The number of its parameters."""
    return sum(p.numel() for p in module.parameters())


def classifiers_of(model: nn.Module) -> list[nn.Linear | nn.Conv2d]:
    """The linear layers whose output, or its mean, is the answer; two where a network was distilled.

    Some networks have a convolution of one pixel instead.
    """
    found = model.get_classifier()
    return [
        layer
        for module in (found if isinstance(found, tuple | list) else [found])
        for layer in module.modules()
        if isinstance(layer, nn.Linear | nn.Conv2d) and len(layer.weight) == model.num_classes
    ]


def pools_a_map(model: nn.Module) -> bool:
    """Whether its head is a pooling of a map and a linear layer, and nothing else."""
    try:
        return pooled_linear(traced(model, "forward_head")) is not None
    except CANNOT:
        return False


def cut(model: nn.Module, late: float, size: int) -> Parts:
    """Cut a timm model with a classifier of its labels; late holds at least the share `late` of its features' weights.

    size: pixels, of the pictures. Where no cut leaves that much behind it, or none is found, everything but the head
    stays as it is. Raises ModelError for a model whose answer is not a linear layer's.
    """
    training = model.training
    model.eval()
    picture = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        answer = model(picture)
        attempts: tuple[Callable[[], Parts | None], ...] = (
            lambda: in_cells(model, picture),
            lambda: staged(model, late, picture),
            lambda: features_frozen(model, picture),
            lambda: pooled_frozen(model),
        )
        for attempt in attempts:
            try:
                parts = attempt()
                if (
                    parts
                    and classifiers_of(model)
                    and torch.allclose(parts.head(parts.late(parts.early(picture))), answer, atol=1e-3)
                ):
                    model.train(training)
                    return parts
            except CANNOT:
                continue
    raise ModelError(
        f"{model.pretrained_cfg.get('architecture', 'This network')} does not end in a linear layer over features of "
        "the picture, so that no new labels can be taught to it. Choose another --arch."
    )


def in_cells(model: nn.Module, picture: torch.Tensor) -> Parts | None:
    """Networks side by side as they are, their maps in cells."""
    if not isinstance(model, SideBySide):
        return None
    maps = BesideOneAnother([traced(network, "forward_features") for network in model.networks])
    cells = Cells(maps(picture).shape[2])
    places = Places("NCHW", linears=tuple(model.get_classifier()), poolings=2)
    return Parts(nn.Sequential(maps, cells), nn.Identity(), CellsHead(model), places, is_map=True)


def staged(model: nn.Module, late: float, picture: torch.Tensor) -> Parts | None:
    """Cut after the last stage behind which there is enough to train."""
    whole = traced(model, "forward_features")
    for node in reversed(whole.graph.nodes):
        halves = split_after(whole, node) if node.op == "call_module" else None
        if halves and size_of(halves[1]) >= late * size_of(whole):
            break
    else:
        return None
    prefix = getattr(model, "num_prefix_tokens", 0)
    between = halves[0](picture)
    seam = places_in(between, prefix)
    if seam is None:
        return None
    early, late_stages = nn.Sequential(halves[0], ToMap(seam)), nn.Sequential(FromMap(seam), halves[1])
    features, head = halves[1](between), traced(model, "forward_head")
    return Parts(early, late_stages, head, places_of(features, prefix, head), is_map=not seam.prefix)


def features_frozen(model: nn.Module, picture: torch.Tensor) -> Parts | None:
    """All features as they are."""
    prefix, features = getattr(model, "num_prefix_tokens", 0), model.forward_features(picture)
    seam, head = places_in(features, prefix), traced(model, "forward_head")
    if seam is None:
        return None
    early = nn.Sequential(Method(model, "forward_features"), ToMap(seam))
    return Parts(early, FromMap(seam), head, places_of(features, prefix, head), is_map=not seam.prefix)


def pooled_frozen(model: nn.Module) -> Parts | None:
    """What the classifier is given, as it is: a map of one place."""
    pooled = nn.Sequential(Method(model, "forward_features"), Method(model, "forward_head", pre_logits=True))
    early, late_stages = nn.Sequential(pooled, nn.Unflatten(1, (-1, 1, 1))), nn.Flatten(1)
    return Parts(early, late_stages, model.get_classifier(), None, is_map=False)
