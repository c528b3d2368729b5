"""MODEL and MODEL_REVISION -> a model folder that can serve.

The cache first, then the Hub, with little patience; and when neither gives a model that passes its check, the embedded
default, with the reason why.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, try_to_load_from_cache
from huggingface_hub.errors import (
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    RevisionResolutionError,
)

from ..errors import BeerCanOrBaconError, HubError, ModelError
from .check import MAX_BYTES, check_model, check_sizes

log = logging.getLogger(__name__)

# A page that starts waits this many seconds for the Hub to say what a repository holds, and then for the files.
# Started late, the embedded default would have answered already; what arrives later serves after the next start.
ANSWER, ARRIVAL = 2.0, 5.0
PULL = "pull"  # the name of the thread that waits for the Hub

# what the system says when a folder may not be written, or has no room left
NO_WRITING = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Source:
    """Where the model comes from.

    folder: holds model.onnx and classifier.json.
    name: USER/REPO, a folder's path, or "" for the embedded default.
    revision: the full commit sha of a repository, otherwise "".
    note: why the embedded default serves although another model was asked for: a sentence; otherwise "".
    """

    folder: Path
    name: str = ""
    revision: str = ""
    note: str = ""


def choose_model(model: str, revision: str, default: Path) -> Source:
    """The model to serve: the one asked for, or the embedded default with a note; it raises nothing.

    model: a folder, USER/REPO, or "" for the default. revision: a full commit sha, a branch, or "" for main.
    """
    if not model:
        return Source(default)
    try:
        source = find_model(model, revision, ANSWER, ARRIVAL)
    except BeerCanOrBaconError as error:
        log.warning("The built-in model answers instead of MODEL=%s: %s", model, error)
        return Source(default, note=f"The built-in model answers instead of {model}. {error}")
    log.info("The model is %s %s", source.name, source.revision)
    return source


def find_model(model: str, revision: str = "", answer: float = 10.0, arrival: float | None = None) -> Source:
    """A folder or a repository on the Hub, checked.

    answer, arrival: seconds to wait for the Hub to say what the repository holds, and for its files (None: no limit).
    Raises HubError when it cannot be had, ModelError when it cannot serve.
    """
    if os.path.isdir(model):  # Path's raises for a name that is too long
        source = Source(Path(model), model)
    elif re.fullmatch(r"[\w.-]+/[\w.-]+", model):
        source = pull(model, revision or "main", answer, arrival)
    else:
        raise ModelError(f"{model} is neither a folder that is there nor a USER/REPO on the Hub.")
    check_model(source.folder, model)
    return source


def pull(repo: str, revision: str, answer: float, arrival: float | None) -> Source:
    """A repository's model at a revision, from the cache or the Hub; with a full sha in the cache, no request is made.

    Fetches the files that serving reads and no others, and none of them if their sizes are not in order.
    A branch is looked up on the Hub, and in the cache when the Hub does not answer. Raises HubError, ModelError.
    """
    if cached := _cached(repo, revision):
        return cached
    listed: Future[str] = Future()
    fetched: Future[Source] = Future()
    # The client's own retries take 23 s to give up. A daemon thread is left to them; it ends with the process.
    threading.Thread(target=_fetch, args=(repo, revision, listed, fetched), name=PULL, daemon=True).start()
    try:
        listed.result(answer)
        return fetched.result(arrival)
    except TimeoutError:
        if cached := _cached(repo, _last_seen(repo, revision)):
            log.warning("The Hub did not answer in time; the last %s seen is %s", repo, cached.revision)
            return cached
        if listed.done():
            raise HubError(f"The Hub sent too little of it within {arrival:g} s; a later start may find it.") from None
        raise HubError(f"The Hub did not answer within {answer:g} s.") from None


def _fetch(repo: str, revision: str, listed: Future[str], fetched: Future[Source]) -> None:
    """Pull for a thread: `listed` is done when the Hub has said what there is, `fetched` when a Source is there."""
    damaged: list[str] = []
    try:
        api = HfApi()
        sha = api.resolve_revision(
            repo, revision=revision
        ).resolved  # as the cache has it, if the Hub cannot be reached
        if not _cached(repo, sha):
            check_sizes(
                repo, {entry.path: getattr(entry, "size", 0) for entry in api.list_repo_tree(repo, revision=sha)}
            )
            listed.set_result(sha)
            damaged += _damaged(repo, sha)
            for file in MAX_BYTES:
                api.hf_hub_download(repo, file, revision=sha, force_download=file in damaged)
        else:
            listed.set_result(sha)
        if not (source := _cached(repo, sha)):
            raise HubError(f"What came of {repo} is damaged.")
        fetched.set_result(source)
    except Exception as error:  # whatever the client and the network come up with, the page starts
        why = "".join(f"The copy of {file} in the cache is damaged. " for file in damaged or _damaged(repo, revision))
        told = error if isinstance(error, ModelError) else HubError(why + _sentence(error, repo, revision))
        futures: tuple[Future[Any], ...] = (listed, fetched)
        for future in futures:
            if not future.done():
                future.set_exception(told)


def _cached(repo: str, sha: str) -> Source | None:
    """The Source of a full commit sha whose files are all in the cache, and whole."""
    if not re.fullmatch("[0-9a-f]{40}", sha):
        return None
    paths = [try_to_load_from_cache(repo, file, revision=sha) for file in MAX_BYTES]
    whole = [path for path in paths if isinstance(path, str)]
    if len(whole) < len(paths):
        return None
    for file in (damaged := _damaged(repo, sha)):
        log.warning("The copy of %s in the cache is damaged; it is fetched again from %s", file, repo)
    return None if damaged else Source(Path(whole[0]).parent, repo, sha)


def _damaged(repo: str, sha: str) -> list[str]:
    """The files of a full commit sha that are in the cache, and not as the Hub sent them."""
    if not re.fullmatch("[0-9a-f]{40}", sha):
        return []
    paths = {file: try_to_load_from_cache(repo, file, revision=sha) for file in MAX_BYTES}
    return [file for file, path in paths.items() if isinstance(path, str) and not _is_whole(Path(path))]


def _is_whole(path: Path) -> bool:
    """Whether a file of the cache has the hash that the client stores it under, if it does so here.

    That is the file's SHA-256 if it is stored by Git LFS, and git's own hash of a small one.
    """
    content, name = path.read_bytes(), path.resolve().name
    if re.fullmatch("[0-9a-f]{64}", name):
        return hashlib.sha256(content).hexdigest() == name
    if re.fullmatch("[0-9a-f]{40}", name):
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == name
    return True


def _last_seen(repo: str, revision: str) -> str:
    """The commit that a branch was at when the Hub was last asked, or ""."""
    try:
        return HfApi().resolve_revision(repo, revision=revision, local_files_only=True).resolved
    except RevisionResolutionError:
        return ""


def _sentence(error: Exception, repo: str, revision: str) -> str:
    """What went wrong on the way to the Hub, and what to do."""
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    if isinstance(error, RevisionNotFoundError):
        return f"{repo} has no revision {revision}: take the full commit sha from its page on the Hub."
    if isinstance(error, RepositoryNotFoundError) or status in (401, 403, 404):
        return f"There is no {repo} on the Hub, or it is private and HF_TOKEN is not set to a token that may read it."
    if status is not None:
        return f"The Hub answered with an error, HTTP {status}."
    if isinstance(error, OSError) and error.errno in NO_WRITING:
        return (
            f"{constants.HF_HUB_CACHE} cannot be written ({error.strerror}). "
            "Make room there, or set HF_HOME to a folder that can be."
        )
    return f"The Hub cannot be reached ({type(error.__cause__ or error).__name__})."
