"""The lock files hold what the requirements ask for, all that it needs in turn, and a hash of everything."""

from __future__ import annotations

import importlib.metadata
import re

import pytest
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

UPDATE = "lock again, as docs/hosting.md says: tests/container/lock.sh"


def asked_for(name: str) -> list[Requirement]:
    """What a requirements file asks for, with what it includes."""
    found = []
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        line = line.split(" #")[0].strip()
        if line.startswith("-r "):
            found += asked_for(line.removeprefix("-r "))
        elif line and not line.startswith("#"):
            found.append(Requirement(line))
    return found


def locked(name: str) -> dict[str, tuple[Requirement, list[str]]]:
    """name -> its line in a lock file, and its hashes."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    entries = {}
    for line in filter(None, text.splitlines()):
        if line.startswith("#"):
            continue
        requirement, *hashes = line.split(" --hash=")
        requirement = Requirement(requirement)
        entries[canonicalize_name(requirement.name)] = (requirement, [value.strip() for value in hashes])
    return entries


@pytest.mark.parametrize("name", ["requirements", "requirements-train"])
def test_the_lock_is_of_these_requirements(name):
    entries = locked(f"{name}.lock")
    for requirement in asked_for(f"{name}.txt"):
        entry = entries.get(canonicalize_name(requirement.name))
        assert entry is not None, f"{requirement} is not locked: {UPDATE}"
        assert entry[0].specifier == requirement.specifier, UPDATE


@pytest.mark.parametrize("name", ["requirements", "requirements-train"])
def test_everything_is_pinned_and_hashed_and_comes_from_nowhere_in_particular(name):
    for requirement, hashes in locked(f"{name}.lock").values():
        assert re.fullmatch(r"==[\w.+!]+", str(requirement.specifier)), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), requirement
    text = (ROOT / f"{name}.lock").read_text(encoding="utf-8")
    assert not re.search(r"https?://|file:|-url|--find-links|/opt/|/root/|/home/", text)


@pytest.mark.parametrize("name", ["requirements", "requirements-train"])
def test_what_the_locked_packages_need_is_locked_too(name):
    entries = locked(f"{name}.lock")
    for package, (requirement, _) in entries.items():
        try:
            distribution = importlib.metadata.distribution(package)
        except importlib.metadata.PackageNotFoundError:  # another system's
            assert requirement.marker is not None or name == "requirements-train", f"{package} is not installed here"
            continue
        if distribution.version not in requirement.specifier:
            continue  # this environment is older than the lock; the image's build sees
        for needed in map(Requirement, distribution.requires or ()):
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                assert canonicalize_name(needed.name) in entries, f"{package} needs {needed}: {UPDATE}"
