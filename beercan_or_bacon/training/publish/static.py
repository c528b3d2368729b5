"""model/ -> a folder for any static web server: the classifier in the reader's browser, with no server to sleep."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from html import escape
from pathlib import Path

import onnxruntime
import requests
from PIL import Image

from ...errors import EmbedError
from ...files import write_whole
from ...serving.about import facts_html, iframe_snippet, known_html
from ...serving.classifier import Classifier, Description
from ...serving.examples import credits_html
from ...serving.preview import preview_picture
from ..stage_key import sha256_of

PAGE = Path(__file__).parents[3] / "embed"
SERVING = Path(__file__).parents[2] / "serving"
SHARED = ("words.js", "share.js")  # what both pages have in common

# onnxruntime-web as npm has it; `npm view onnxruntime-web@1.30.0 dist` prints the same address and hash.
RUNTIME_VERSION = "1.30.0"
RUNTIME_URL = f"https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-{RUNTIME_VERSION}.tgz"
RUNTIME_SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="  # base64

BUILT = "built.json"  # what a build wrote, so that the next one deletes that and nothing else
THUMBNAIL = 160  # pixels, the longer side


@dataclass(frozen=True)
class Place:
    """Where the page will stand: its address, "" when that is not known; links to its source and its model."""

    address: str = ""
    source: str = "page.js"  # nothing is minified: what the browser reads is what was written
    model: str = "classifier.json"


def build_embed(model: Path, out: Path, examples: list[Path], place: Place | None = None) -> Path:
    """Write the static page into the folder `out`, which must be new, empty, or an earlier build; return it.

    model: a published model folder. examples: pictures to click on, in the order shown.
    Raises ModelError for a model that cannot serve and EmbedError for anything else that is in the way.
    """
    about = Classifier(model).description
    if strangers := not_ours(out):
        raise EmbedError(f"{out} holds other files, {strangers[0]} for one. Give --out a new or an empty folder.")
    tarball = runtime_tarball()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:
        building = Path(temporary) / "page"
        shutil.copytree(PAGE, building, ignore=shutil.ignore_patterns("*.md"))
        for name in SHARED:
            shutil.copyfile(SERVING / name, building / name)
        _write_page(building / "index.html", about, place or Place(), credits_html(examples))
        (building / "preview.jpg").write_bytes(preview_picture(about, examples))
        for name in ("classifier.json", "model.onnx"):
            shutil.copyfile(model / name, building / name)
        _unpack_runtime(tarball, building / "runtime")
        shown = _copy_examples(examples, building / "examples")
        _list_files(building, shown)
        (building / BUILT).write_text(json.dumps(hashes_in(building), indent=1), encoding="utf-8")
        building.chmod(0o755)
        if out.exists():
            shutil.rmtree(out)
        building.rename(out)
    return out


def hashes_in(folder: Path) -> dict[str, str | None]:
    """The files of a folder, by their paths in it, and the sha256 of each."""
    files = sorted(path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
    return {path.relative_to(folder).as_posix(): sha256_of(path) if path.is_file() else None for path in files}


def not_ours(folder: Path) -> list[str]:
    """The files of a folder that no build of the static page has written there as they are now."""
    try:
        built = json.loads((folder / BUILT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        built = {}
    built = built if isinstance(built, dict) else {}
    there = hashes_in(folder) if folder.is_dir() else {}
    return [name for name, sha256 in there.items() if name != BUILT and (sha256 is None or built.get(name) != sha256)]


def _write_page(path: Path, about: Description, place: Place, credits: str) -> None:
    """Put the model's words into the page, and the hash of its one inline script, which the page's policy names."""
    page = path.read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    words = {
        "title": escape(about.title),
        "tagline": escape(about.tagline),
        "credits": credits,
        "about": facts_html(about, "the one in this page"),
        "known": known_html(about),
        "address": escape(place.address),
        "source": escape(place.source),
        "model": escape(place.model),
        "snippet": escape(iframe_snippet("{here}", about.title), quote=False),
        "script": f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
    }
    for word, text in words.items():
        page = page.replace("{{" + word + "}}", text)
    path.write_text(page, encoding="utf-8")


def runtime_tarball() -> Path:
    """onnxruntime-web's npm package, from the user's cache or else from npm (33 MB), its hash checked either way."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "beercan-or-bacon"
    tarball = cache / RUNTIME_URL.rsplit("/", 1)[-1]
    if tarball.exists() and _is_pinned(tarball.read_bytes()):
        return tarball
    try:
        response = requests.get(RUNTIME_URL, timeout=60)
        response.raise_for_status()
    except requests.RequestException as error:
        raise EmbedError(f"{RUNTIME_URL} could not be fetched (it is needed once): {error}") from None
    if not _is_pinned(response.content):
        raise EmbedError(f"{RUNTIME_URL} is not the file it should be (its sha512 differs), so it is not used.")
    write_whole(tarball, response.content)
    return tarball


def _is_pinned(content: bytes) -> bool:
    return base64.b64encode(hashlib.sha512(content).digest()).decode() == RUNTIME_SHA512


def _unpack_runtime(tarball: Path, folder: Path) -> None:
    """The smallest build that runs any graph on the CPU: script, WebAssembly and licence."""
    folder.mkdir()
    with tarfile.open(tarball) as package:
        names = ("package/dist/ort.wasm.bundle.min.mjs", "package/dist/ort-wasm-simd-threaded.wasm")
        script, binary = (file.read() for file in map(package.extractfile, names) if file)
    # not .mjs, which some web servers still do not send as a script
    (folder / "ort.wasm.bundle.min.js").write_bytes(script)
    # 14.2 MB; packed here (3.7 MB) and unpacked by the page, because many static servers do not compress
    (folder / "ort-wasm-simd-threaded.wasm.gz").write_bytes(gzip.compress(binary, mtime=0))
    shutil.copyfile(Path(onnxruntime.__file__).parent / "LICENSE", folder / "LICENSE")  # the same project's


def _copy_examples(examples: list[Path], folder: Path) -> list[dict[str, str]]:
    """The pictures and small copies of them; their addresses relative to the page, and the pictures' hashes."""
    folder.mkdir()
    shown = []
    for path in examples:
        thumbnail = folder / f"{path.stem}.thumbnail.jpg"
        shutil.copyfile(path, folder / path.name)
        with Image.open(path) as image:
            image.thumbnail((THUMBNAIL, THUMBNAIL))
            image.convert("RGB").save(thumbnail, quality=80, comment=b"")  # a GIF's may be longer than a JPEG takes
        shown.append({
            "url": f"examples/{path.name}",
            "thumbnail": f"examples/{thumbnail.name}",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        })  # fmt: skip
    return shown


def _list_files(folder: Path, examples: list[dict[str, str]]) -> None:
    """Write files.js, by which the page and its service worker know what there is and which version it is.

    shell: what is kept for the second visit at once, with its hash ("" for the page, to which a host may add a script
    of its own). runtime and model are kept when they arrive; their addresses change with their content, so that an
    unchanged one is not fetched again. unpacked: the runtime as a server sends it that unpacks .gz files on the way.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    hashes = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    version = hashlib.sha256(json.dumps(hashes).encode()).hexdigest()[:16]
    page = folder / "index.html"
    page.write_text(page.read_text(encoding="utf-8").replace("{{version}}", version), encoding="utf-8")

    def large(name: str) -> dict[str, str | int]:
        size, sha256 = (folder / name).stat().st_size, hashes[name]
        return {"url": f"{name}?sha256={sha256[:16]}", "bytes": size, "sha256": sha256}

    runtime, model = "runtime/ort-wasm-simd-threaded.wasm.gz", "model.onnx"
    later = {
        runtime,
        model,
        "service-worker.js",
        "runtime/LICENSE",
        "preview.jpg",
        *(shown["url"] for shown in examples),
    }
    unpacked = gzip.decompress((folder / runtime).read_bytes())
    listing = {
        "version": version,
        "shell": {name: sha256 for name, sha256 in hashes.items() if name not in later} | {"./": "", "index.html": ""},
        "runtime": large(runtime)
        | {"unpacked": {"bytes": len(unpacked), "sha256": hashlib.sha256(unpacked).hexdigest()}},
        "model": large(model),
        "examples": examples,
    }
    (folder / "files.js").write_text(f"self.FILES = {json.dumps(listing, indent=2)};\n", encoding="utf-8")
