"""model/ -> a repository on the Hugging Face Hub, in one commit or not at all."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from httpx2 import Request, TransportError
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    RepoFile,
    constants,
    get_session,
    get_token,
)
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from ...errors import HubError
from ...files import write_whole
from ...serving.check import check_model
from ..settings import NO_TOKEN
from .card import write_card

# What of a model folder is published. Nothing that would have to be unpickled is among it.
PUBLISHED = (
    "model.onnx", "classifier.json", "evaluation.json", "model.safetensors", "config.json", "README.md", "report.html",
    "*.png",
)  # fmt: skip
PATIENCE = 60.0  # seconds without a byte until a request has failed; a commit may take a while to be answered


@dataclass(frozen=True)
class Commit:
    """A commit on the Hub: its page, its full sha, and whether this push made it (or found nothing to change)."""

    url: str
    sha: str
    new: bool


def push(model: Path, repo: str, data: Path, *, private: bool = False, overwrite: bool = False) -> Commit:
    """Publish a model folder as USER/REPO, new or existing, with a model card, and print where it is.

    data: the data folder; data/pushed.json remembers what was pushed from here.
    Raises ModelError for a model that could not serve and HubError when the Hub refuses or cannot be reached.
    """
    check_model(model, str(model))
    needed_token()
    write_card(model, repo, data)
    files: dict[str, Path | bytes] = {path.name: path for pattern in PUBLISHED for path in sorted(model.glob(pattern))}
    title = json.loads((model / "classifier.json").read_text(encoding="utf-8"))["title"]
    with told(repo):
        url = create(repo, "model", private=private)
        commit = commit_files(files, repo, "model", title, url, data, overwrite)
    print(f"{'Pushed' if commit.new else 'Nothing has changed since'} {commit.url}")
    print(f"To serve it: MODEL={repo} MODEL_REVISION={commit.sha} python app.py")
    return commit


def create(repo: str, kind: str, *, private: bool, **space: Any) -> str:
    """Create the repository unless it is there; its URL. Raises HubError before anything private becomes public."""
    needed_token()
    url = HfApi().create_repo(repo, repo_type=kind, private=private or None, exist_ok=True, **space)
    if private and not HfApi().repo_info(repo, repo_type=kind).private:
        raise HubError(f"{repo} exists and is public. Make it private in its settings first: {url}/settings")
    return str(url)


def needed_token() -> str:
    """The user's token. Raises HubError when there is none."""
    if token := get_token():
        return token
    raise HubError(NO_TOKEN)


@contextmanager
def patience() -> Iterator[None]:
    """The client waits PATIENCE for an answer; by itself it waits for ever for most."""

    def lose_patience(request: Request) -> None:
        request.extensions["timeout"] = {what: PATIENCE for what in ("connect", "read", "write", "pool")}

    session = get_session()
    before = session.event_hooks
    session.event_hooks = {**before, "request": [*before["request"], lose_patience]}
    try:
        yield
    finally:
        session.event_hooks = before


def commit_files(
    files: dict[str, Path | bytes], repo: str, kind: str, title: str, url: str, data: Path, overwrite: bool
) -> Commit:
    """Make a repository hold exactly these files (path in it -> content), in one commit; none if it does already.

    Unless `overwrite`, the Hub refuses a commit on top of one that was not pushed from here (the repository's first
    apart). `upload_folder` would do, but for its several commits where hf_xet is installed; `create_commit` makes one.
    """
    api, pushed = HfApi(), read_pushed(data)
    parent = None if overwrite else pushed.get(url) or api.list_repo_commits(repo, repo_type=kind)[-1].commit_id
    tree = api.list_repo_tree(repo, recursive=True, repo_type=kind)
    there = {entry.path for entry in tree if isinstance(entry, RepoFile)}
    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        *(CommitOperationAdd(path, content) for path, content in files.items()),
        *(CommitOperationDelete(path) for path in sorted(there - set(files) - {".gitattributes"})),
    ]
    before = api.repo_info(repo, repo_type=kind).sha
    info = api.create_commit(repo, operations, commit_message=title, repo_type=kind, parent_commit=parent)
    write_pushed(data, {**{key: value for key, value in pushed.items() if key != url}, url: info.oid})
    return Commit(info.commit_url, info.oid, info.oid != before)


def read_pushed(data: Path) -> dict[str, str]:
    """data/pushed.json: the URL of each repository pushed to -> the full sha of the last push; the latest is last."""
    try:
        pushed: dict[str, str] = json.loads((data / "pushed.json").read_text(encoding="utf-8"))
        return pushed
    except (FileNotFoundError, ValueError):
        return {}


def write_pushed(data: Path, pushed: dict[str, str]) -> None:
    """Replace data/pushed.json in one step."""
    write_whole(data / "pushed.json", json.dumps(pushed, indent=1))


@contextmanager
def told(repo: str) -> Iterator[None]:
    """Whatever the client raises becomes a HubError: one sentence that says what to do. A mistake of ours stays one."""
    try:
        with patience():
            yield
    except HFValidationError:
        raise HubError(f"{repo} is not a name on the Hub: it takes the form USER/REPO.") from None
    except (ValueError, KeyError, TypeError) as error:
        if not any(
            "huggingface_hub" in frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)
        ):
            raise
        if isinstance(error.__cause__, HfHubHTTPError):  # what the Hub finds wrong with README.md
            raise HubError(" ".join(str(error).split())) from None
        what = f"{type(error).__name__}: {error}"
        raise HubError(f"The Hub's answer makes no sense ({what}). Is {constants.ENDPOINT} the Hub?") from None
    except (HfHubHTTPError, TransportError, RuntimeError) as error:
        cause = error.__cause__ or error if isinstance(error, RuntimeError) else error  # as uploads have it
        if isinstance(cause, HfHubHTTPError):
            raise HubError(_refusal(cause, repo)) from None
        raise HubError(
            f"The connection to the Hub failed ({type(cause).__name__}), so nothing is certain to have arrived. "
            "Run the same command again: what is there already is not sent twice."
        ) from None
    except OSError as error:
        raise HubError(f"A file could not be read or written: {error}") from None


def _refusal(error: HfHubHTTPError, repo: str) -> str:
    """Why the Hub said no, and what to do."""
    status, said = error.response.status_code, error.server_message or "no reason given"
    match status:
        case 401:
            return "The Hub does not know this token. Make a new one with write access: https://huggingface.co/settings/tokens"
        case 402:
            return f"The Hub wants a paid plan for this: {said}"
        case 403:
            return (
                f"This token may not write to {repo} ({said}). Take a token with write access "
                "(https://huggingface.co/settings/tokens), and a name that begins with your own user name."
            )
        case 404:
            return f"There is no {repo} that this token may see. Check the name and the token."
        case 412:
            return (
                f"{repo} has changed since the last push from here. Look at {error.response.request.url.scheme}://"
                f"{error.response.request.url.netloc.decode()}/{repo}/commits/main; --overwrite replaces what is there."
            )
        case 429:
            return f"The Hub asks for a pause: {said}. Run the same command again in some minutes."
    if status >= 500:
        return f"The Hub has a problem of its own (HTTP {status}: {said}). Run the same command again later."
    return f"The Hub refuses (HTTP {status}): {said}"
