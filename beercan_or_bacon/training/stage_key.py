"""One number for all that a stage's result depends on: while it stays the same, the work need not be done again.

A stage gives its inputs as it reads them: the words, the rows, and its settings as one frozen dataclass. A setting that
the stage obeys is thereby in the key, and none can be forgotten.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import ModuleType

from pydantic import BaseModel


def stage_key(**inputs: object) -> str:
    """The sha256, as 64 hex digits, of named inputs: JSON values, tuples, sets, dataclasses, pydantic models.

    Raises TypeError for anything else: what has no canonical form would change the key by accident, or not at all.
    """
    canonical = json.dumps(inputs, default=_plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        named = {field.name: getattr(value, field.name) for field in fields(value)}
        return [type(value).__name__, named]
    if isinstance(value, BaseModel):
        return [type(value).__name__, value.model_dump()]
    if isinstance(value, set | frozenset):
        return ["set", sorted(value, key=repr)]
    raise TypeError(f"{type(value).__name__} has no place in a stage's key")


def constants_of(*modules: ModuleType) -> dict[str, object]:
    """The constants of a stage's modules (NAME = a number, a text, a tuple), for its key: none can be forgotten."""
    return {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, int | float | str | tuple)
    }


def sha256_of(path: Path) -> str | None:
    """The sha256 of a file's content, as 64 hex digits; None when there is no such file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
