"""A path is read only if the upload handed it out; whatever else is asked for, the answer is the same."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import httpx
import pytest
from hostile import written

from beercan_or_bacon.errors import PictureError
from beercan_or_bacon.serving.uploads import NOT_HERE, open_upload


@pytest.fixture
def client(server):
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


def answer_to(client: httpx.Client, data) -> tuple[str, object]:
    """(the event, its data) of a call of /predict with these arguments."""
    event = client.post("/gradio_api/call/predict", json={"data": data}).raise_for_status().json()["event_id"]
    text = client.get(f"/gradio_api/call/predict/{event}").raise_for_status().text.strip().split("\n\n")[-1]
    kind, said = (line.split(": ", 1)[1] for line in text.split("\n"))
    return kind, json.loads(said)


META = {"_type": "gradio.FileData"}


def paths_to_try(own: Path, folder: Path) -> dict[str, object]:
    """What to ask for instead of `own`, which was uploaded; there are pictures, links and pipes in `folder`."""
    secret = folder / "secret.png"
    secret.write_bytes(written("PNG"))
    (link := folder / "link.png").symlink_to(own)
    (away := own.parent / "away.png").symlink_to(secret)
    os.mkfifo(pipe := folder / "pipe.png")
    os.mkfifo(inside := own.parent / "pipe.png")
    shutil.copy(secret, beside := own.parent / "beside.png")
    return {
        "a private picture": secret, "a missing one": folder / "none.png", "a folder": folder, "a pipe": pipe,
        "the upload folder": own.parent, "a pipe in the upload folder": inside, "a link to the upload": link,
        "a link out of the upload folder": away, "in the upload folder, and not uploaded": beside,
        "/proc, the environment": "/proc/self/environ", "/proc, a descriptor": "/proc/self/fd/0",
        "/proc, the root": f"/proc/self/root{secret}", "an endless file": "/dev/zero", "standard input": "/dev/stdin",
        "passwords": "/etc/passwd", "upwards and down": f"{own.parent}/../{own.parent.name}/{own.name}",
        "upwards and away": f"{own.parent}/../../..{secret}", "here": f"{own.parent}/./{own.name}",
        "double slashes": str(own).replace("/", "//"), "other slashes": str(own).replace("/", "\\"),
        "upper case": str(own).upper(), "upper case name": own.parent / own.name.upper(), "a zero": f"{own}\0.png",
        "a slash behind": f"{own}/", "spaces around": f" {own} ", "a file address": f"file://{own}",
        "an address": "http://127.0.0.1:1/x.png", "quoted": str(own).replace("/", "%2f"),
        "relative": os.path.relpath(own), "at home": "~/picture.png", "nothing": "", "long": "/x" * 5000,
        "a number": 5, "null": None, "a list": [str(own)],
    }  # fmt: skip


def payloads_to_try(paths: dict[str, object]) -> dict[str, object]:
    """The same with and without what Gradio looks for, and what is no payload at all."""
    bare = {name: {"path": str(path) if isinstance(path, Path) else path} for name, path in paths.items()}
    complete = {f"{name}, as Gradio has it": {**payload, "meta": META} for name, payload in bare.items()}
    secret = str(paths["a private picture"])
    others = {
        "a plain path": secret, "a number alone": 7, "true": True, "an empty list": [], "an empty object": {},
        "a stream": {"path": secret, "is_stream": True, "meta": META}, "an address only": {"url": secret, "meta": META},
        "an address of data": {"path": "", "url": "data:image/png;base64,AAAA", "meta": META},
        "a payload in a payload": {"path": {"path": secret}, "meta": META},
        "another meta": {"path": secret, "meta": 1},
    }  # fmt: skip
    return bare | complete | others


def test_everything_but_an_upload_is_refused_alike(client, tmp_path):
    own = client.post("/gradio_api/upload", files={"files": ("picture.png", written("PNG"))}).json()[0]
    assert answer_to(client, [{"path": own, "meta": META}])[0] == "complete"
    for name, payload in payloads_to_try(paths_to_try(Path(own), tmp_path)).items():
        kind, said = answer_to(client, [payload])
        assert (kind, said["error"]) == ("error", NOT_HERE), name
    for arguments in ([], [{"path": own}, {"path": own}]):
        kind, said = answer_to(client, arguments)
        assert (kind, said["error"]) == ("error", NOT_HERE), arguments
    assert answer_to(client, [{"path": own}])[0] == "complete"  # nobody waits at a pipe


def test_what_lies_there_by_now_is_looked_at_again(tmp_path):
    (picture := tmp_path / "picture.png").write_bytes(b"x")
    with open_upload(str(picture)) as file:
        assert file.read() == b"x"
    (link := tmp_path / "link.png").symlink_to(picture)
    os.mkfifo(pipe := tmp_path / "pipe.png")
    for path in (link, pipe, tmp_path, tmp_path / "none.png", "", None):
        with pytest.raises(PictureError, match="not here"):
            open_upload(path and str(path))
