"""python -m beercan_or_bacon: one JSON line a picture, and an exit status that tells."""

import json

import pytest

from beercan_or_bacon import __version__
from beercan_or_bacon.__main__ import main


@pytest.mark.parametrize("verdict", ["beer can", "bacon", "both", "neither"])
def test_verdict(verdict, draw, tiny_model, capsys):
    assert main([str(draw(verdict)), "--model", str(tiny_model), "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["verdict"] == verdict
    assert set(line) == {"file", "verdict", "labels", "probabilities"}
    assert list(line["probabilities"]) == ["beer can", "bacon"]


def test_a_picture_that_cannot_be_read_is_said_and_the_others_answered(draw, tmp_path, tiny_model, capsys):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not a picture")
    assert main([str(broken), str(draw("bacon")), "--model", str(tiny_model), "--json"]) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert set(first) == {"file", "error"}
    assert second["verdict"] == "bacon"


def test_the_version_is_the_one_in_one_place(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert (stopped.value.code, capsys.readouterr().out.strip()) == (0, __version__)
