"""train.py doctor: one screen, a line for each thing, and what to do about what is amiss."""

import sys

import pytest
from hub_server import HANG

import train
from beercan_or_bacon.training import doctor


@pytest.fixture
def screen(tiny_model, tmp_path, capsys):
    """screen() -> {line: what to do about it, or ""}"""

    def screen(model=tiny_model) -> dict[str, str]:
        assert train.main(["doctor", "--out", str(model), "--data", str(tmp_path / "data")]) == 0
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
    monkeypatch.setattr(doctor, "ROOM", 10**9)
    said = screen(model=tmp_path)
    assert about(said, "gradio 0.1")[1] == "pip install -r requirements.txt"
    assert about(said, "fastai missing")[1] == "pip install -r requirements-train.txt"
    assert "requirements-train.txt" in about(said, "do not work together")[1]
    assert about(said, "Chromium")[1].startswith("apt-get")
    assert "--data" in about(said, "GB free")[1]
    assert "train.py" in about(said, "holds no model.onnx")[1]
