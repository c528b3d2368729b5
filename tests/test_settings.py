"""Settings that cannot work are said before any work is done, all in one go."""

import sys

import pytest

import train
from beercan_or_bacon.training import settings
from beercan_or_bacon.training.networks import PACKAGED


@pytest.fixture
def refused(tmp_path, capsys, monkeypatch):
    """refused(*arguments) -> what train.py says; it has done nothing."""
    monkeypatch.setattr(train, "STAGES", {name: lambda _args: pytest.fail("it began") for name in train.STAGES})

    def refused(*arguments: str) -> str:
        stage, rest = (arguments[:1], arguments[1:]) if arguments[0] in train.STAGES else ((), arguments)
        assert train.main([*stage, "--data", str(tmp_path / "data"), *rest]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert "Traceback" not in err
        assert list(tmp_path.iterdir()) == []
        return err

    return refused


@pytest.mark.parametrize("stage", [["fit"], []])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--epochs", "0"], "--epochs 0 trains nothing: it takes 1 at least."),
        (["--epochs", "-3"], "--epochs -3 trains nothing"),
        (["--seed", "-1"], "--seed -1 is none: it takes a number from 0 to 4294967295."),
        (["--seed", "4294967296"], "--seed 4294967296 is none"),
        (["--arch", "nosuch"], "--arch nosuch is not a network that timm knows."),
        (["--arch", "convnext2_tiny"], "Is one of these meant: convnextv2_tiny, "),
        (["--arch", "resnet18.other"], "resnet18.other has no weights on the Hub. Is one of these meant: resnet18."),
        (["--arch", "gcvit_base"], "--arch gcvit_base has no weights on the Hub."),  # timm has them elsewhere
        (["--device", "cuda"], "--device cuda: this machine has none that torch can use. It has: --device cpu."),
        (["--device", "mps"], "--device mps: this machine has none"),
    ],
)
def test_what_a_fit_cannot_do(stage, arguments, said, refused, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    assert said in refused(*stage, *arguments)


@pytest.mark.parametrize("repo", ["nameonly", "a/b/c", "user/", "/repo", "user/a repo", "user/--x"])
@pytest.mark.parametrize(("stage", "option"), [("push", "--push"), ("space", "--space"), (None, "--push")])
def test_what_is_no_name_on_the_hub(repo, stage, option, refused, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_write")
    said = refused(*([stage] if stage else []), option, repo)
    assert f"{option} {repo} is not a name on the Hub: it takes the form USER/" in said


@pytest.mark.parametrize(
    "arguments", [["push", "--push", "user/a"], ["space", "--space", "user/a"], ["--push", "user/a"],
                  ["fit", "--on", "hf-jobs"]],
)  # fmt: skip
def test_what_needs_a_token(arguments, refused, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    assert "There is no token for the Hub." in refused(*arguments)


@pytest.mark.parametrize("url", ["localhost:8765", "ftp://example.org", "http://", "http://[::1"])
@pytest.mark.parametrize("option", ["--openverse", "--commons"])
def test_what_is_no_server(url, option, refused):
    assert f"{option} {url} is no address of a server" in refused("scrape", option, url)


def test_all_of_it_in_one_go(refused, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    said = refused("--epochs", "0", "--arch", "nosuch", "--push", "nameonly", "--openverse", "x")
    for part in ("--epochs", "--arch", "--push", "--openverse", "no token"):
        assert part in said


def test_what_a_stage_does_not_read_is_not_its_mistake(tmp_path, monkeypatch):
    begun = []
    monkeypatch.setattr(train, "STAGES", {name: begun.append for name in train.STAGES})
    monkeypatch.delenv("HF_TOKEN", raising=False)
    for arguments in (["clean"], ["fit", "--arch", "resnet18"], ["scrape", "--openverse", "http://127.0.0.1:8765"]):
        assert train.main([arguments[0], "--data", str(tmp_path / "data"), *arguments[1:]]) == 0
    assert len(begun) == 3


@pytest.mark.parametrize("arch", PACKAGED)
def test_of_a_packaged_network_timm_is_not_asked(arch, monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)  # it cannot be imported now
    assert list(settings.network(arch)) == []
    with pytest.raises(ImportError):
        list(settings.network("resnet18"))
