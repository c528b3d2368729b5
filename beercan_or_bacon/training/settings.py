"""The settings of the command line, looked at before any work is done: what cannot work is said at once, all of it."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

from huggingface_hub import get_token
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils._validators import validate_repo_id

from ..errors import SettingsError
from .networks import why_not

SEEDS = 2**32  # NumPy's generators take no more
NO_TOKEN = (
    "There is no token for the Hub. Make one with write access at https://huggingface.co/settings/tokens, then run "
    "`hf auth login` or set HF_TOKEN."
)


def check_settings(args: argparse.Namespace, stages: Collection[str]) -> None:
    """Look at what these stages will read. Raises SettingsError, which names all that cannot work."""
    mistakes: list[str] = []
    if "scrape" in stages:
        for option, url in (("--openverse", args.openverse), ("--commons", args.commons)):
            mistakes += server(option, url) if url else ()
    if "fit" in stages:
        mistakes += numbers(args.epochs, args.seed)
        mistakes += network(args.arch)
        mistakes += device(args.device) if args.device and not args.on else ()
    publishing = {"push", "space"} & set(stages)
    for option, repo in (("--push", args.push), ("--space", args.space)):
        mistakes += name(option, repo) if repo and publishing else ()
    if (publishing or ("fit" in stages and args.on)) and not get_token():
        mistakes.append(NO_TOKEN)
    if mistakes:
        raise SettingsError("\n".join(mistakes))


def server(option: str, url: str) -> Iterator[str]:
    """An address of a server."""
    try:
        good = urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname
    except ValueError:  # half an IPv6 address
        good = False
    if not good:
        yield f"{option} {url} is no address of a server: it begins with http:// or https://."


def numbers(epochs: int, seed: int) -> Iterator[str]:
    """How often and from where on."""
    if epochs < 1:
        yield f"--epochs {epochs} trains nothing: it takes 1 at least."
    if not 0 <= seed < SEEDS:
        yield f"--seed {seed} is none: it takes a number from 0 to {SEEDS - 1}."


def network(arch: str) -> Iterator[str]:
    """A name of timm's whose weights can be had."""
    if why := why_not(arch):
        yield f"--arch {why}"


def device(wanted: str) -> Iterator[str]:
    """What to compute on."""
    import torch

    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[wanted]:
        best = ", ".join(f"--device {found}" for found in there if there[found])
        yield f"--device {wanted}: this machine has none that torch can use. It has: {best}."


def name(option: str, repo: str) -> Iterator[str]:
    """A repository on the Hub."""
    try:
        validate_repo_id(repo)
        good = repo.count("/") == 1
    except HFValidationError:
        good = False
    if not good:
        yield f"{option} {repo} is not a name on the Hub: it takes the form USER/REPO."
