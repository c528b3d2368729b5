"""Where a backbone's pretrained weights come from: a package of the index, or timm's repository on the Hub."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata, resources

import timm
import torch
from httpx2 import HTTPError
from huggingface_hub import HfApi, ModelCard, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, HfHubHTTPError, RevisionResolutionError
from safetensors import SafetensorError
from timm.models import get_pretrained_cfg
from torch import nn

from ...errors import HubError, ModelError
from ..networks import PACKAGED, names_of, why_not

AS_OURS = "apache-2.0"


@dataclass(frozen=True)
class Weights:
    """Pretrained weights of a timm model.

    source: a repository on the Hub, or a package. revision: the repository's full commit sha, or the package's version.
    licence: as its card states it, in the Hub's words ("apache-2.0", "cc-by-nc-4.0", ...), or "not stated".
    """

    arch: str
    source: str
    revision: str
    licence: str

    @property
    def facts(self) -> dict[str, str]:
        """What classifier.json says of them."""
        return {"source": self.source, "revision": self.revision, "licence": self.licence}

    def __str__(self) -> str:
        licence = f"licence: {self.licence}"
        if self.licence != AS_OURS:
            licence += ", which then holds for what is trained from them too; read it before you publish or sell that"
        return f"The weights of {self.arch} are {self.source} at {self.revision}, {licence}."


def find_weights(arch: str) -> list[Weights]:
    """The weights that there are for timm's name of a model, or for several side by side, as they are now.

    Raises ModelError for a name that timm has no weights for, HubError when the Hub does not say what it holds.
    """
    return [find_one(name) for name in names_of(arch)]


def find_one(arch: str) -> Weights:
    """The weights of one network."""
    if arch in PACKAGED:
        package = PACKAGED[arch][0].replace("_", "-")
        return Weights(arch, package, metadata.version(package), AS_OURS)
    if why := why_not(arch):
        raise ModelError(why)
    cfg = get_pretrained_cfg(arch)
    repo = cfg.hf_hub_id
    with told(arch, repo):
        revision = HfApi().resolve_revision(repo).resolved  # the last one seen, when the Hub cannot be reached
        try:
            card = ModelCard.load(hf_hub_download(repo, "README.md", revision=revision), ignore_metadata_errors=True)
            licence = getattr(card.data, "license_name", None) or card.data.license
        except EntryNotFoundError:
            licence = None
    return Weights(arch, repo, revision, licence or cfg.license or "not stated")


def load(weights: Weights) -> nn.Module:
    """The timm model with these weights and the classifier that they have, or a new one where theirs is another's.

    Raises HubError when they cannot be had, ModelError when they are not this model's.
    """
    if weights.arch in PACKAGED:
        return load_packaged(weights.arch)
    overlay = {"hf_hub_id": f"{weights.source}@{weights.revision}"}
    with told(weights.arch, weights.source):
        try:
            return timm.create_model(weights.arch, pretrained=True, pretrained_cfg_overlay=overlay)
        except RuntimeError as error:
            if not only_the_head(str(error), get_pretrained_cfg(weights.arch).classifier):
                raise ModelError(
                    f"What {weights.source} holds at {weights.revision} are not the weights of {weights.arch} "
                    f"({' '.join(str(error).split())[:120]} ...). Choose another --arch."
                ) from None
        # timm leaves a classifier of another size where it is
        return timm.create_model(weights.arch, pretrained=True, pretrained_cfg_overlay=overlay, num_classes=2)


def load_packaged(arch: str) -> nn.Module:
    """Packaged weights have the same tensors as timm's in the same order, under other names; batch-norm step counters
    (`num_batches_tracked`) are not among them.
    """
    model = timm.create_model(arch, pretrained=False)
    package, name = PACKAGED[arch]
    with resources.as_file(resources.files(package) / name) as path:
        weights = torch.load(path, weights_only=True)
    ours = [key for key in model.state_dict() if not key.endswith("num_batches_tracked")]
    theirs = [key for key in weights if not key.endswith("num_batches_tracked")]
    state = {key: weights[other] for key, other in zip(ours, theirs, strict=True)}
    model.load_state_dict(state, strict=False)
    return model


def only_the_head(complaint: str, classifiers: str | tuple[str, ...]) -> bool:
    """Whether torch complains of nothing but the size of the classifier."""
    wrong = re.findall(r"size mismatch for (\S+):", complaint)
    names = (classifiers,) if isinstance(classifiers, str) else classifiers
    others = "Missing key" in complaint or "Unexpected key" in complaint
    return bool(wrong) and not others and all(name.startswith(tuple(f"{n}." for n in names)) for name in wrong)


@contextmanager
def told(arch: str, repo: str) -> Iterator[None]:
    """What the client raises becomes one sentence that says what to do."""
    again = "Run the same command again later."
    offline = f"Without the Hub there are {' and '.join(PACKAGED)}."
    try:
        yield
    except GatedRepoError:
        raise HubError(
            f"The weights of {arch} are given to those who accept their terms: do so at https://huggingface.co/{repo}, "
            "then run `hf auth login`."
        ) from None
    except HfHubHTTPError as error:
        raise HubError(
            f"The Hub does not give {repo}, which {arch} needs (HTTP {error.response.status_code}). {again} {offline}"
        ) from None
    except SafetensorError as error:
        raise ModelError(f"The weights of {arch} in {repo} cannot be read ({error}). Choose another --arch.") from None
    except (HTTPError, OSError, RevisionResolutionError) as error:
        why = type(error.__cause__ or error).__name__
        raise HubError(f"The Hub cannot be reached for the weights of {arch} ({why}). {again} {offline}") from None
