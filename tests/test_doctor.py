"""train.py doctor: one screen, a line for each thing, and what to do about what is amiss."""

import json
import sys
from types import SimpleNamespace

import pytest
from hub_server import HANG
from search_server import SearchServer, instead, status

import train
from beercan_or_bacon.training import doctor
from beercan_or_bacon.training.classes import load_classes

FORK = """
[[class]]
label = "teapot"
search = ["teapot -dome"]
[[class]]
label = "wine glasses"
search = ["wine"]
[neither]
search = ["dog", "cat -teapot"]
"""
NEAR = "".join(
    f'[neither.{name}]\nlike = "{label}"\nsearch = {[f"{name} {n}" for n in range(5)]}\n'
    for name, label in [("pots", "teapot"), ("cups", "wine glasses")]
)


@pytest.fixture
def fork(tmp_path):
    """fork(text) -> the path of a classes.toml."""

    def fork(text: str = FORK):
        path = tmp_path / f"{len(list(tmp_path.glob('*.toml')))}.toml"
        path.write_text(text)
        return path

    return fork


@pytest.fixture
def screen(tiny_model, tmp_path, fork, capsys):
    """screen() -> {line: what to do about it, or ""}"""

    def screen(*options: str, model=tiny_model) -> dict[str, str]:
        words = ["--classes", str(fork(FORK + NEAR))]
        assert train.main(["doctor", "--out", str(model), "--data", str(tmp_path / "data"), *words, *options]) == 0
        lines, said = capsys.readouterr().out.splitlines(), {}
        assert len(lines) <= 24
        for line in lines:
            if line.startswith(("  ok  ", "  --  ")):
                said[line[6:]] = ""
            elif line.startswith("        "):
                said[list(said)[-1]] = line.strip()
        return said

    return screen


def about(said: dict[str, str], words: str) -> tuple[str, str]:
    (found,) = [(line, todo) for line, todo in said.items() if words in line]
    return found


def test_all_is_well(hub, screen, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_write")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=doctor.ROOM * 1e9))
    said = screen()
    for words in ("Python", "torchvision", "GB free", "answers a test picture", f"The Hub answers: {hub.url}"):
        assert about(said, words)[1] == "", words
    assert about(said, "The token is user's")[1] == ""


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("token", "line"), [("", "No token"), ("hf_wrong", "does not accept the token"), ("hf_read", "its role is read")]
)
def test_tokens(screen, monkeypatch, token, line):
    monkeypatch.setenv("HF_TOKEN", token)
    assert "settings/tokens" in about(screen(), line)[1]


@pytest.mark.parametrize("fault", ["dead", HANG])
def test_no_hub(hub, screen, monkeypatch, fault):
    monkeypatch.setattr(doctor, "PATIENCE", 0.3)
    hub.faults["HEAD /"] = HANG
    if fault == "dead":
        hub.__exit__()
    assert "network" in about(screen(), "The Hub does not answer")[1]


@pytest.mark.usefixtures("hub")
def test_what_is_missing_or_does_not_fit_is_named(screen, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "installed", lambda package: "0.1" if package == "gradio" else "missing")
    monkeypatch.setitem(sys.modules, "torchvision.ops", None)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=doctor.ROOM * 1e9 - 1))
    said = screen(model=tmp_path)
    assert about(said, "gradio 0.1")[1] == "pip install -r requirements.txt"
    assert about(said, "fastai missing")[1] == "pip install -r requirements-train.txt"
    assert "requirements-train.txt" in about(said, "do not work together")[1]
    assert about(said, "Chromium")[1].startswith("apt-get")
    assert "--data" in about(said, "GB free")[1]
    assert "train.py" in about(said, "holds no model.onnx")[1]


@pytest.fixture
def engine():
    with SearchServer() as engine:
        names = [
            "teapot blue kettle", "teapot and a kettle", "teapot, kettles", "teapot dog", "teapot dogs", "teapot mug",
            "teapot mug 2", "wine glass kettle", "wine decanter", "wine decanter 2", "wine dog",
        ]  # fmt: skip
        engine.pictures = {f"{name}.jpg": b"" for name in names}
        yield engine


@pytest.mark.usefixtures("hub")
def test_near_misses_are_proposed_from_what_the_engines_return(screen, fork, engine):
    said = screen("--classes", str(fork()), "--openverse", engine.url)
    _, todo = about(said, "[neither] has no search that resembles “teapot”")
    assert '[neither.near-teapot] like = "teapot", search = ["kettle -teapot", "mug -teapot"]' in todo
    _, todo = about(said, "[neither] has no search that resembles “wine glasses”")
    assert 'search = ["decanter -\\"wine glasses\\""]' in todo
    assert any("/v1/images/?q=teapot" in path for path in engine.requests)
    load_classes(fork(FORK + '[neither.near-teapot]\nlike = "teapot"\nsearch = ["kettle -teapot", "mug -teapot"]'))


@pytest.mark.usefixtures("hub")
def test_nobody_is_asked_when_neither_resembles_every_class(screen, engine):
    said = screen("--openverse", engine.url)
    assert about(said, "[neither] resembles “teapot” in 5 searches")[1] == ""
    assert about(said, "[neither] resembles “wine glasses” in 5 searches")[1] == ""
    assert engine.requests == []


@pytest.mark.usefixtures("hub")
def test_tags_count_as_titles_do(screen, fork, engine):
    item = {"url": "http://e.org/a", "title": "teapot", "tags": [{"name": "samovar"}, None, {"name": 3}, "urn"]}
    engine.answers["/v1/images/"] = instead(
        json.dumps({"results": [item, item | {"tags": [{"name": "Samovars"}]}]}).encode()
    )
    _, todo = about(screen("--classes", str(fork()), "--openverse", engine.url), "resembles “teapot”")
    assert "samovar" not in todo  # it is beside both classes alike, and tells nothing
    engine.answers["/v1/images/"] = lambda handler, *_: handler.reply(
        200,
        json.dumps(
            {"results": [item, item | {"url": "http://e.org/b"}] if "q=teapot" in handler.path else []}
        ).encode(),
    )
    _, todo = about(screen("--classes", str(fork()), "--openverse", engine.url), "resembles “teapot”")
    assert '["samovar -teapot", "urn -teapot"]' in todo


@pytest.mark.usefixtures("hub")
def test_an_engine_that_cannot_be_asked_and_words_that_cannot_be_read(screen, fork, engine):
    engine.answers["/v1/images/"] = status(403)
    said = screen("--classes", str(fork()), "--openverse", engine.url)
    assert "http 403" in about(said, "Near misses cannot be looked for")[0]
    assert "Think of what looks like it" in about(said, "no search that resembles “teapot”")[1]
    said = screen("--classes", str(fork("titel = 3")))
    assert "own classes.toml" in about(said, "The words cannot be used")[1]
