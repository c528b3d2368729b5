"""The page -> a Space on the Hugging Face Hub: app.py on a server there, or the static page without one."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, RepoCard, RepoUrl
from huggingface_hub.errors import HfHubHTTPError

from ...errors import HubError
from ...serving.about import iframe_snippet
from ...serving.check import MAX_BYTES, check_model
from ...serving.classifier import Description
from ...serving.examples import CREDITS, examples_of
from .model import Commit, commit_files, create, read_pushed, told
from .static import Place, build_embed

ROOT = Path(__file__).parents[3]
# What app.py needs, and nothing that trains.
NEEDED = (
    "app.py", "requirements.txt", "LICENSE", "NOTICE", "beercan_or_bacon/__init__.py",
    "beercan_or_bacon/errors.py", "beercan_or_bacon/files.py", "beercan_or_bacon/serving/**/*.py",
    "beercan_or_bacon/serving/*.css", "beercan_or_bacon/serving/*.js",
)  # fmt: skip
EMOJI = "🔎"  # of a model whose classes.toml names none; the Hub asks for one
PAID = (
    "The Hub creates a Gradio Space on a CPU only for paid plans. Without one: --hardware zero-a10g (a free account "
    "has two such Spaces), or --static (the same classifier in the reader's browser: free, and never asleep)."
)


@dataclass(frozen=True)
class Pinned:
    """A model repository on the Hub, and the full commit sha to serve."""

    repo: str
    sha: str


def publish_space(
    space: str,
    model: Path,
    data: Path,
    *,
    repo: str | None = None,
    static: bool = False,
    hardware: str | None = None,
    private: bool = False,
    overwrite: bool = False,
) -> Commit:
    """Create or update USER/SPACE in one commit, and print its address and the iframe to paste.

    model: the model folder that the Space falls back on. repo: the model repository that it serves; by default the last
    one pushed to from here, as it was then. hardware: as the Hub calls it ("cpu-basic", "zero-a10g" ...).
    Raises ModelError for a model that could not serve and HubError when the Hub refuses or cannot be reached.
    """
    check_model(model, str(model))
    with told(space), tempfile.TemporaryDirectory() as temporary:
        pinned = pinned_model(repo, data)
        files = (
            static_files(model, Path(temporary) / "page", place_of(space, pinned)) if static else gradio_files(model)
        )
        files["README.md"] = readme(model, pinned, static=static).encode()
        try:
            url = create(
                space, "space", private=private, space_sdk="static" if static else "gradio", space_hardware=hardware
            )
        except HfHubHTTPError as error:
            if error.response.status_code == 402:
                raise HubError(PAID) from None
            raise
        if pinned and not static:
            set_variables(space, {"MODEL": pinned.repo, "MODEL_REVISION": pinned.sha})
        title = Description.model_validate_json((model / "classifier.json").read_bytes()).title
        commit = commit_files(files, space, "space", title, url, data, overwrite)
        host = HfApi().space_info(space).host or address(space, static=static)
    print(f"{'Uploaded' if commit.new else 'Nothing has changed in'} {url} ({commit.sha})")
    print(f"It serves {f'{pinned.repo} {pinned.sha}' if pinned and not static else f'the model in {model}'}")
    print(iframe_snippet(host, title))
    return commit


def pinned_model(repo: str | None, data: Path) -> Pinned | None:
    """The repository named, at its newest commit; or the last one pushed to from here, at that push; or None."""
    if repo:
        return Pinned(repo, str(HfApi().model_info(repo).sha))
    pushed = [(RepoUrl(url), sha) for url, sha in read_pushed(data).items()]
    models = [Pinned(url.repo_id, sha) for url, sha in pushed if url.repo_type == "model"]
    return models[-1] if models else None


def gradio_files(model: Path) -> dict[str, Path | bytes]:
    """app.py and what it needs: path in the Space -> file here."""
    paths = (path for pattern in NEEDED for path in sorted(ROOT.glob(pattern)))
    files: dict[str, Path | bytes] = {path.relative_to(ROOT).as_posix(): path for path in paths}
    files |= {f"model/{name}": model / name for name in MAX_BYTES}
    pictures = examples_of(model, ROOT / "examples")
    place = "model/examples" if pictures and pictures[0].parent.parent == model else "examples"
    credited = [path for path in (pictures[0].parent / CREDITS,) if path.exists()] if pictures else []
    return files | {f"{place}/{path.name}": path for path in [*pictures, *credited]}


def place_of(space: str, pinned: Pinned | None) -> Place:
    """Where a static Space stands, and what it links to."""
    source = f"https://huggingface.co/spaces/{space}/tree/main"
    known = f"https://huggingface.co/{pinned.repo}/tree/{pinned.sha}" if pinned else f"{source}/classifier.json"
    return Place(f"{address(space, static=True)}/", source, known)


def static_files(model: Path, folder: Path, place: Place) -> dict[str, Path | bytes]:
    """The page without a server, built into a folder: path in the Space -> file there."""
    build_embed(model, folder, examples_of(model, ROOT / "examples"), place)
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def readme(model: Path, pinned: Pinned | None, *, static: bool) -> str:
    """README.md with the header that configures the Space: the project's own, with the model's words and revision."""
    about = Description.model_validate_json((model / "classifier.json").read_bytes())
    card = RepoCard.load(ROOT / "README.md")
    header = card.data
    ours = header.emoji if header.title == about.title else EMOJI
    header.emoji = (about.model_extra or {}).get("emoji") or ours
    header.title = about.title
    header.short_description = short_description(about)
    if static:
        header.sdk, header.app_file = "static", "index.html"
        for key in ("sdk_version", "python_version"):
            header.pop(key)
    else:
        (header.sdk_version,) = re.findall(r"^gradio==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    if pinned:
        header.models = [pinned.repo]
        if not static:  # fetched when the Space is built, so that it starts without a request
            header.preload_from_hub = [f"{pinned.repo} {','.join(MAX_BYTES)} {pinned.sha}"]
    card.text = f"\n# {about.title}\n\n{about.tagline}\n"
    return str(card)


def short_description(about: Description) -> str:
    """What the Space answers, in the 60 characters that the Hub takes."""
    names, both = ", ".join(about.labels), ", both" if len(about.labels) == 2 else ""
    for said in (f"{names}{both} or neither, and how sure it is.", f"{names} or neither?"):
        if len(said) <= 60:
            return said[0].upper() + said[1:]
    return f"Which of {len(about.labels)} things a picture shows, and how sure."


def set_variables(space: str, wanted: dict[str, str]) -> None:
    """Set a Space's variables; one that has its value already is left alone, for each change restarts the Space."""
    there = HfApi().get_space_variables(space)
    for key, value in wanted.items():
        if key not in there or there[key].value != value:
            HfApi().add_space_variable(space, key, value)


def address(space: str, *, static: bool) -> str:
    """The page's own address, without the Hub around it."""
    return f"https://{re.sub('[^a-z0-9]+', '-', space.lower())}.{'static.' if static else ''}hf.space"
