"""train.py push: one commit or none, the real client against a Hub on loopback, and back again."""

import json
import re
import shutil

import pytest
import yaml
from evaluations import EVALUATION
from hub_server import CUT, HANG, LOST
from huggingface_hub import ModelCard, get_session

import train
from beercan_or_bacon.errors import HubError
from beercan_or_bacon.serving import hub as serving
from beercan_or_bacon.serving.check import check_model
from beercan_or_bacon.serving.hub import choose_model
from beercan_or_bacon.training.evaluation import table, write_evaluation
from beercan_or_bacon.training.publish import model as publishing

REPO = "user/beercan"


@pytest.fixture
def model(tiny_model, tmp_path):
    """A model folder as export leaves it, and some things beside that are nobody's business."""
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    description = json.loads((folder / "classifier.json").read_text())
    description["training"] = {"pictures": {"beer can": 300, "bacon": 299, "neither": 700}, "epochs": 6}
    (folder / "classifier.json").write_text(json.dumps(description))
    write_evaluation(folder, EVALUATION)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text('{"architecture": "tf_efficientnet_lite0"}')
    (folder / "calibration.png").write_bytes(b"\x89PNG")
    (folder / "export.pkl").write_bytes(b"a pickle")
    (folder / ".env").write_text("HF_TOKEN=hf_secret")
    return folder


@pytest.fixture
def push(model, tmp_path, monkeypatch, hub, capsys):  # noqa: ARG001
    """push(*options) -> (exit status, what it printed, its errors)."""
    monkeypatch.setenv("HF_TOKEN", "hf_write")
    monkeypatch.setattr(publishing, "check_model", lambda *_: None)  # it takes a second, and has a test of its own

    def push(*options: str) -> tuple[int, str, str]:
        folders = ["--out", str(model), "--data", str(tmp_path / "data")]
        status = train.main(["push", *folders, *(options or ("--push", REPO))])
        return status, *capsys.readouterr()

    return push


def refused(answer: tuple[int, str, str], sentence: str) -> None:
    """A non-zero exit, one line at the end that says why, and nothing that sounds like success."""
    status, out, err = answer
    assert status == 1
    assert out == ""
    assert "Traceback" not in err
    said = err.splitlines()[-1]
    assert said.startswith("train.py: ")
    assert re.search(sentence, said)


def test_push_makes_one_commit_and_says_which(hub, push):
    status, out, _ = push()
    assert status == 0
    repo = hub.repos[f"models/{REPO}"]
    assert len(repo.commits) == 2  # the Hub's initial one, and ours
    assert set(repo.head.files) == {
        ".gitattributes", "model.onnx", "classifier.json", "evaluation.json", "model.safetensors", "config.json",
        "README.md", "calibration.png",
    }  # fmt: skip
    assert f"{hub.url}/{REPO}/commit/{repo.head.sha}" in out
    assert f"MODEL={REPO} MODEL_REVISION={repo.head.sha}" in out


def test_a_large_file(hub, push, model):
    (model / "model.safetensors").write_bytes(bytes(12_000_000))
    assert push()[0] == 0
    assert len(hub.repos[f"models/{REPO}"].head.files["model.safetensors"]) == 12_000_000


def test_the_requests_of_a_push(hub, push):
    push()
    puts = sorted(line for line in hub.requests if line.startswith("PUT /lfs/"))
    assert [line for line in hub.requests if line not in puts] == [
        "POST /api/repos/create",
        f"GET /api/models/{REPO}/commits/main",
        f"GET /api/models/{REPO}/tree/main",
        f"GET /api/models/{REPO}",
        "POST /api/validate-yaml",
        f"POST /api/models/{REPO}/preupload/main",
        f"POST /{REPO}.git/info/lfs/objects/batch",
        f"POST /api/models/{REPO}/commit/main",
    ]
    assert len(puts) == 3  # graph, weights, picture


def test_there_and_back(hub, push, model, tmp_path, monkeypatch):
    monkeypatch.setattr(serving, "ANSWER", 60.0)
    monkeypatch.setattr(serving, "ARRIVAL", 60.0)
    push()
    sha = hub.repos[f"models/{REPO}"].head.sha
    for revision in ("", "main", sha):
        source = choose_model(REPO, revision, tmp_path / "default")
        assert source.revision == sha
        for name in ("model.onnx", "classifier.json"):
            assert (source.folder / name).read_bytes() == (model / name).read_bytes()


def test_a_push_without_a_change_makes_no_commit(hub, push):
    push()
    repo = hub.repos[f"models/{REPO}"]
    status, out, _ = push()
    assert status == 0
    assert len(repo.commits) == 2
    assert f"Nothing has changed since {hub.url}/{REPO}/commit/{repo.head.sha}" in out


def test_a_second_model_replaces_the_first_and_what_it_no_longer_has(hub, push, model):
    push()
    (model / "calibration.png").unlink()
    (model / "confusion.png").write_bytes(b"\x89PNG another")
    push()
    repo = hub.repos[f"models/{REPO}"]
    assert len(repo.commits) == 3
    assert "calibration.png" not in repo.head.files
    assert "confusion.png" in repo.head.files


def test_somebody_elses_change_is_not_pushed_over(hub, push, model):
    push()
    repo = hub.repos[f"models/{REPO}"]
    theirs = repo.commit("Better words", {**repo.head.files, "README.md": b"---\nlicense: mit\n---\n"})
    (model / "calibration.png").write_bytes(b"\x89PNG 2")
    refused(push(), "has changed since the last push")
    assert repo.head is theirs
    status, _, _ = push("--push", REPO, "--overwrite")
    assert status == 0
    assert repo.commits[-2] is theirs


def test_a_repository_that_was_there_with_something_in_it_is_not_pushed_over(hub, push):
    repo = hub.add(REPO, {"pytorch_model.bin": b"another project"})
    refused(push(), "has changed since the last push")
    assert repo.head.title == "Add files"


def test_a_private_repository(hub, push):
    assert push("--push", REPO, "--private")[0] == 0
    assert hub.repos[f"models/{REPO}"].private
    hub.add("user/public", {})
    refused(push("--push", "user/public", "--private"), "exists and is public")
    assert len(hub.repos["models/user/public"].commits) == 2


@pytest.mark.parametrize(
    ("token", "sentence"),
    [("", "There is no token"), ("hf_wrong", "does not know this token"), ("hf_read", "may not write to user/beercan")],
)
def test_tokens(hub, push, monkeypatch, token, sentence):
    monkeypatch.setenv("HF_TOKEN", token)
    refused(push(), sentence)
    assert not hub.repos


def test_nothing_is_written_for_somebody_without_a_token(hub, push, model, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "")
    push()
    with pytest.raises(HubError, match="There is no token"):
        publishing.push(model, REPO, tmp_path / "data")
    assert not (model / "README.md").exists()
    assert hub.requests == []


def test_the_client_is_as_patient_after_a_push_as_before(push):
    before = get_session().event_hooks
    for _ in range(2):
        assert push()[0] == 0
    assert get_session().event_hooks == before


def test_a_mistake_of_ours_is_not_told_as_the_hubs():
    with pytest.raises(ValueError, match="invalid literal"), publishing.told(REPO):
        int("x")
    with pytest.raises(KeyError), publishing.told(REPO):
        {}["x"]


def test_what_the_hub_finds_wrong_with_the_card(push, monkeypatch):
    monkeypatch.setattr(publishing, "write_card", lambda model, *_: (model / "README.md").write_text("no header"))
    refused(push(), r"Invalid metadata in README\.md\. - Missing metadata")


@pytest.mark.parametrize("step", ["POST /api/repos/create", f"GET /api/models/{REPO}/tree"])
def test_an_answer_that_makes_no_sense(hub, push, step):
    hub.faults[step] = (200, "A page of a hotel's network")
    refused(push(), "The Hub's answer makes no sense")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("somebody/beercan", "begins with your own user name"), ("no spaces", "USER/REPO"), ("", "USER/REPO")],
)
def test_names(hub, push, name, sentence):
    refused(push("--push", name), sentence)
    assert not hub.repos


def test_no_network(hub, push):
    hub.__exit__()
    refused(push(), "connection to the Hub failed")


STEPS = [
    "POST /api/repos/create", f"GET /api/models/{REPO}", "POST /api/validate-yaml",
    f"POST /api/models/{REPO}/preupload", f"POST /{REPO}.git/info/lfs", "PUT /lfs/", f"POST /api/models/{REPO}/commit",
]  # fmt: skip


FAULTS = {"403": (403, "Not yours"), "500": (500, "Out of order"), "cut": CUT, "hang": HANG}
SENTENCES = {"403": "may not write", "500": "problem of its own"}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("step", STEPS)
def test_a_fault_at_any_step_is_said_and_the_next_push_succeeds(hub, push, monkeypatch, step, fault):
    monkeypatch.setattr(publishing, "PATIENCE", 0.2)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)  # between the client's retries
    hub.faults[step] = FAULTS[fault]
    refused(push(), SENTENCES.get(fault, "connection to the Hub failed"))
    repo = hub.repos.get(f"models/{REPO}")
    assert repo is None or len(repo.commits) == 1
    hub.faults.clear()
    assert push()[0] == 0
    assert len(hub.repos[f"models/{REPO}"].commits) == 2


def test_an_answer_lost_after_the_commit_does_not_lead_to_a_second_one(hub, push):
    hub.faults[f"POST /api/models/{REPO}/commit"] = LOST
    refused(push(), "connection to the Hub failed")
    repo = hub.repos[f"models/{REPO}"]
    assert len(repo.commits) == 2
    hub.faults.clear()
    status, out, _ = push()
    assert status == 0
    assert "Nothing has changed" in out
    assert len(repo.commits) == 2


def test_a_model_that_cannot_serve_is_not_published(hub, push, model, monkeypatch):
    monkeypatch.setattr(publishing, "check_model", check_model)
    (model / "model.onnx").write_bytes(b"not a graph")
    refused(push(), "cannot serve")
    shutil.rmtree(model)
    refused(push(), "There is no model folder")
    assert hub.requests == []


def test_the_card(hub, push):
    push()
    text = hub.repos[f"models/{REPO}"].head.files["README.md"].decode()
    card = ModelCard(text)
    assert card.data.library_name == "timm"
    assert card.data.pipeline_tag == "image-classification"
    assert card.data.license == "apache-2.0"
    metrics = yaml.safe_load(text.split("---\n")[1])["model-index"][0]["results"][0]["metrics"]
    assert [(m["type"], m["value"]) for m in metrics] == [
        ("accuracy", 1.0), ("recall", 0.9), ("recall", 0.9), ("roc_auc", 0.9), ("roc_auc", 0.9),
        ("false_positive_rate", 0.04), ("false_positive_rate", 0.04), ("expected_calibration_error", 0.04),
        ("expected_calibration_error", 0.04), ("false_positive_rate", 0.04),
    ]  # fmt: skip
    assert metrics[2]["name"] == "bacon: found: 90 % (80 to 95)"
    assert table(EVALUATION) in text

    for said in (
        "0.9 (0.8 to 0.95)",
        "Of 100 pictures of bacon it finds about 90.",
        "Of 20 pictures found as “soda can”, 5 are called something.",
        "| bacon | 299 |",
        "![calibration](calibration.png)",
        f"hf-hub:{REPO}",
    ):
        assert said in text
