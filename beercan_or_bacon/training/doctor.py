"""One screen that says what will work on this machine, and what to do about the rest."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

from httpx2 import HTTPError
from huggingface_hub import HfApi, constants, get_session, get_token
from huggingface_hub.errors import HfHubHTTPError

from ..errors import ClassesError, ModelError, SearchError
from ..serving.check import check_model
from .classes import load_classes
from .collect.near_misses import FEW, look_around, near_misses, resembling

ROOT = Path(__file__).parents[2]
PATIENCE = 5.0  # seconds for the Hub to answer
ROOM = 10  # GB: torch alone takes 6
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


def examine(classes: Path, servers: Mapping[str, str], model: Path, data: Path) -> bool:
    """Print a line for each thing looked at; whether all is well. Nothing is changed, and nothing raises.

    servers: the search engines named on the command line.
    """
    well = True
    checks: list[Callable[[], Iterator[tuple[str, str]]]] = [
        python, packages, torch_pair, lambda: disk(data), lambda: serving(model), hub, xet, chromium,
        lambda: words(classes, servers),
    ]  # fmt: skip
    for check in checks:
        for said, todo in check():
            well &= not todo
            print(f"  {'--' if todo else 'ok'}  {said}")
            if todo:
                print(f"        {todo}")
    return well


def python() -> Iterator[tuple[str, str]]:
    """The interpreter."""
    recent = sys.version_info >= (3, 11)
    yield f"Python {sys.version.split()[0]}", "" if recent else "Install Python 3.11 or newer."


def packages() -> Iterator[tuple[str, str]]:
    """Whether what is installed is what is pinned, for the page and for training."""
    for name, what in (("requirements.txt", "the page"), ("requirements-train.txt", "training")):
        pins = re.findall(r"^([\w-]+)==(\S+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        wrong = [f"{package} {found}" for package, pin in pins if (found := installed(package)) != pin]
        todo = f"pip install -r {name}" if wrong else ""
        yield f"Packages for {what}: {'as pinned' if not wrong else 'not as pinned: ' + ', '.join(wrong)}", todo


def installed(package: str) -> str:
    """The installed version without its local part, or "missing"."""
    try:
        return metadata.version(package).split("+")[0]
    except metadata.PackageNotFoundError:
        return "missing"


def torch_pair() -> Iterator[tuple[str, str]]:
    """torch with torchvision, which must be built for each other, and what they run on."""
    try:
        import torch
        from torchvision.ops import nms

        nms(torch.zeros(1, 4), torch.zeros(1), 0.5)  # the operator that a wrong pair lacks
    except Exception as error:
        todo = "Install the pair that requirements-train.txt names: pip install -r requirements-train.txt"
        yield f"torch and torchvision do not work together ({type(error).__name__}: {str(error)[:80]})", todo
        return
    yield f"torch {torch.__version__} and torchvision {metadata.version('torchvision')} are a pair", ""
    if torch.cuda.is_available():
        yield f"Training runs on {torch.cuda.get_device_name()}", ""
    elif torch.backends.mps.is_available():
        yield "Training runs on Apple's GPU", ""
    else:
        yield f"Training runs on {os.cpu_count()} CPU cores: slower, but it works; a GPU for hire: fit --on hf-jobs", ""


def disk(data: Path) -> Iterator[tuple[str, str]]:
    """Room for pictures."""
    place = next(folder for folder in (data.absolute(), *data.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free / 1e9
    todo = "" if free >= ROOM else f"Make room, or put --data elsewhere: {ROOM} GB are comfortable."
    yield f"{free:.0f} GB free at {place}", todo


def serving(model: Path) -> Iterator[tuple[str, str]]:
    """The model that the page serves."""
    try:
        check_model(model, str(model))
    except ModelError as error:
        yield f"{error}", "python train.py makes one; so does a fresh checkout of model/."
    else:
        yield f"The model in {model} answers a test picture", ""


def hub() -> Iterator[tuple[str, str]]:
    """Whether the Hub answers, and what the token may do there."""
    offline = "Check the network, or the proxy; the page and training do without the Hub, push and space do not."
    try:
        get_session().head(constants.ENDPOINT, timeout=PATIENCE)
    except HTTPError as error:
        yield f"The Hub does not answer: {constants.ENDPOINT} ({type(error).__name__})", offline
        return
    yield f"The Hub answers: {constants.ENDPOINT}", ""
    new = "Make one with write access at https://huggingface.co/settings/tokens, then `hf auth login` or set HF_TOKEN."
    if not get_token():
        yield "No token: nothing can be pushed", new
        return
    try:
        who = HfApi().whoami()
    except (HfHubHTTPError, HTTPError) as error:
        yield f"The Hub does not accept the token ({type(error).__name__})", new
        return
    role = who.get("auth", {}).get("accessToken", {}).get("role", "unknown")
    todo = {"read": new, "fineGrained": "See that it may write to your repositories."}.get(role, "")
    yield f"The token is {who['name']}'s, its role is {role}", todo


def xet() -> Iterator[tuple[str, str]]:
    """The Hub's faster way to send large files."""
    if constants.HF_HUB_DISABLE_XET:
        yield "hf_xet is switched off: uploads take the older way (HF_HUB_DISABLE_XET)", ""
    elif (version := installed("hf-xet")) == "missing":
        yield "hf_xet is not installed: uploads are slower", "pip install hf_xet"
    else:
        yield f"hf_xet {version} sends large files", ""


def words(path: Path, servers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """classes.toml, and whether [neither] has what could be mistaken for each class; if not, what it may be missing."""
    try:
        classes = load_classes(path)
    except ClassesError as error:
        yield f"The words cannot be used: {error}", "See the project's own classes.toml for how it is written."
        return
    searches = {label: resembling(classes, label) for label in classes.labels}
    thin = [label for label, queries in searches.items() if len(queries) < FEW]
    try:
        proposed = near_misses(classes, look_around(classes, thin, servers)) if thin else {}
    except SearchError as error:
        proposed = {}
        yield f"Near misses cannot be looked for: {error}", "Ask again later; training does without."
    for label, queries in searches.items():
        group = f'[neither.near-{re.sub("[^a-z0-9]+", "-", label.lower())}] like = "{label}", search = '
        more = f"Found beside it; take what is none: {group}{json.dumps(proposed.get(label), ensure_ascii=False)}"
        if not queries:
            lacking = f"Think of what looks like it and is none: {group}[...]"
            yield f"[neither] has no search that resembles “{label}”", more if proposed.get(label) else lacking
        else:
            yield f"[neither] resembles “{label}” in {len(queries)} searches", more if proposed.get(label) else ""


def chromium() -> Iterator[tuple[str, str]]:
    """For the tests in a browser."""
    found = next((path for name in CHROMIUMS if (path := shutil.which(name))), None)
    yield (
        (f"{found} runs the browser tests", "") if found else ("No Chromium for the tests", "apt-get install chromium")
    )
