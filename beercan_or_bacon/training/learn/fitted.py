"""data/fit/: the trained weights, and fit.json, which vouches for them and for what was measured with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from ...files import write_whole
from ..stage_key import sha256_of


def save_fit(folder: Path, weights: dict[str, torch.Tensor], settings: dict[str, Any]) -> None:
    """Write model.safetensors, then fit.json: `settings`, and the sha256 of the weights that they speak of."""
    write_whole(folder / "model.safetensors", as_safetensors(weights))
    settings = {**settings, "weights": sha256_of(folder / "model.safetensors")}
    write_whole(folder / "fit.json", json.dumps(settings, indent=1))


def as_safetensors(weights: dict[str, torch.Tensor]) -> bytes:
    """The content of a file of weights; clones, since some networks use a tensor under two names, which it cannot."""
    return save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()})


def finished_fit(folder: Path) -> dict[str, Any] | None:
    """What fit.json says, or None unless it speaks of the weights that lie beside it."""
    try:
        settings = json.loads((folder / "fit.json").read_text(encoding="utf-8"))
        return settings if settings["weights"] == sha256_of(folder / "model.safetensors") else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
