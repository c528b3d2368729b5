"""MODEL and MODEL_REVISION: whatever the Hub does, a model serves, and the note and the log say which and why."""

import json
import logging
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from hub_server import CUT, HANG, TRICKLE
from huggingface_hub import close_session, constants

from beercan_or_bacon.__main__ import main
from beercan_or_bacon.errors import HubError, ModelError
from beercan_or_bacon.serving import hub as serving
from beercan_or_bacon.serving.classifier import Classifier
from beercan_or_bacon.serving.hub import Source, choose_model, find_model

REPO = "user/beercan"
SHIPPED_ANSWER, SHIPPED_ARRIVAL = serving.ANSWER, serving.ARRIVAL


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def published(hub, tiny_model):
    """The tiny model on the Hub, beside files that serving has no use for."""
    return hub.add(
        REPO, {**files_of(tiny_model), "model.safetensors": b"weights", "export.pkl": b"a pickle", "README.md": b""}
    )


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """What is not about patience has all of it, however busy the machine."""
    monkeypatch.setattr(serving, "ANSWER", 60.0)
    monkeypatch.setattr(serving, "ARRIVAL", 60.0)


@pytest.fixture
def default(tmp_path) -> Path:
    """Stands for the embedded default; only its path matters."""
    return tmp_path / "embedded"


def falls_back(default, caplog, model=REPO, revision="") -> str:
    """The note of a model that cannot be served: the embedded default serves, and the log says the same."""
    caplog.clear()
    source = choose_model(model, revision, default)
    assert source.folder == default
    assert source.name == source.revision == ""
    assert model in source.note
    (record,) = [record for record in caplog.records if record.name == serving.__name__]
    assert record.levelno == logging.WARNING
    assert source.note.split(". ", 1)[1] in record.getMessage()
    return source.note


def test_nothing_asked_for_is_the_default_without_a_word(default):
    assert choose_model("", "", default) == Source(default)


def test_a_folder(tiny_model, default):
    assert choose_model(str(tiny_model), "", default) == Source(tiny_model, str(tiny_model))


def test_pull_by_branch_fetches_what_serving_reads_and_nothing_else(hub, published, default):
    source = choose_model(REPO, "", default)
    assert (source.name, source.revision, source.note) == (REPO, published.head.sha, "")
    assert {path.name for path in source.folder.iterdir()} == {"model.onnx", "classifier.json"}
    sha = published.head.sha
    assert hub.requests == [
        f"GET /api/models/{REPO}/revision/main",
        f"GET /api/models/{REPO}/tree/{sha}",
        f"HEAD /{REPO}/resolve/{sha}/model.onnx",
        f"GET /{REPO}/resolve/{sha}/model.onnx",
        f"HEAD /{REPO}/resolve/{sha}/classifier.json",
        f"GET /{REPO}/resolve/{sha}/classifier.json",
    ]
    Classifier(source.folder)


def test_a_full_sha_in_the_cache_makes_no_request(hub, published, default):
    sha = published.head.sha
    first = choose_model(REPO, sha, default)
    published.commit("Something else", {})
    hub.requests.clear()
    assert choose_model(REPO, sha, default) == first
    assert hub.requests == []


def test_a_branch_that_moved_is_followed(published, default, tiny_model):
    first = choose_model(REPO, "", default)
    published.commit("A second model", {**files_of(tiny_model), "classifier.json": retitled(tiny_model)})
    second = choose_model(REPO, "", default)
    assert second.revision == published.head.sha != first.revision
    assert Classifier(second.folder).description.title == "Another title"


def retitled(folder: Path) -> bytes:
    description = json.loads((folder / "classifier.json").read_text())
    return json.dumps({**description, "title": "Another title"}).encode()


def spoil(path: Path, how: str) -> None:
    """What a full disk or a bad one makes of a file in the cache."""
    content = path.read_bytes()
    path.resolve().write_bytes({"half": content[: len(content) // 2], "empty": b"", "other": content[::-1]}[how])


@pytest.mark.parametrize("how", ["half", "empty", "other"])
@pytest.mark.parametrize("file", ["model.onnx", "classifier.json"])
@pytest.mark.parametrize("by", ["sha", "branch"])
def test_a_damaged_copy_in_the_cache_is_fetched_again_and_said(hub, published, default, caplog, how, file, by):
    revision = published.head.sha if by == "sha" else ""
    first = choose_model(REPO, revision, default)
    spoil(first.folder / file, how)
    hub.requests.clear()
    assert choose_model(REPO, revision, default) == first
    assert [line for line in hub.requests if line.startswith("GET") and "resolve" in line] == [
        f"GET /{REPO}/resolve/{published.head.sha}/{file}"
    ]
    assert f"The copy of {file} in the cache is damaged" in caplog.text
    hub.requests.clear()
    assert choose_model(REPO, published.head.sha, default) == first
    assert hub.requests == []


def test_a_damaged_copy_and_no_hub(hub, published, default):
    spoil(choose_model(REPO, published.head.sha, default).folder / "model.onnx", "half")
    close_session()  # or what is open would be answered on
    hub.__exit__()
    note = choose_model(REPO, published.head.sha, default).note
    assert "The copy of model.onnx in the cache is damaged" in note
    assert "cannot be reached" in note


@pytest.mark.usefixtures("published")
def test_a_cache_that_cannot_be_written(default, caplog):
    Path(constants.HF_HUB_CACHE).parent.parent.mkdir(parents=True, exist_ok=True)
    Path(constants.HF_HUB_CACHE).parent.write_text("in the way")
    note = falls_back(default, caplog)
    assert f"{constants.HF_HUB_CACHE} cannot be written (Not a directory)" in note
    assert "HF_HOME" in note


@pytest.mark.usefixtures("published")
def test_a_cache_without_room(default):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))  # what is larger is refused as on a full disk
    try:
        note = choose_model(REPO, "", default).note
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert f"{constants.HF_HUB_CACHE} cannot be written (File too large). Make room there" in note


@pytest.mark.parametrize("fault", ["dead", HANG, (503, "Down for maintenance")])
@pytest.mark.usefixtures("published")
def test_a_branch_in_the_cache_serves_when_the_hub_does_not(hub, default, monkeypatch, fault):
    first = choose_model(REPO, "", default)
    monkeypatch.setattr(serving, "ANSWER", 0.5)
    if fault == "dead":
        hub.__exit__()
    else:
        hub.faults["GET /api"] = fault
    assert choose_model(REPO, "", default) == first


def test_a_private_repository_is_read_with_a_token(published, default, caplog, monkeypatch):
    published.private = True
    assert "HF_TOKEN" in falls_back(default, caplog)
    monkeypatch.setenv("HF_TOKEN", "hf_read")
    assert choose_model(REPO, "", default).revision == published.head.sha


CLIENT_GIVES_UP = 23  # seconds after which the client by itself ends its retries; benchmarks/app_start.py measures ours


def test_a_dead_hub_and_a_cold_cache(hub, default, caplog):
    hub.__exit__()
    start = time.monotonic()
    assert "cannot be reached" in falls_back(default, caplog)
    assert time.monotonic() - start < CLIENT_GIVES_UP / 2


@pytest.mark.parametrize("fault", [HANG, TRICKLE])
@pytest.mark.usefixtures("published")
def test_a_hub_that_accepts_and_never_answers(hub, default, caplog, monkeypatch, fault):
    monkeypatch.setattr(serving, "ANSWER", 0.5)
    hub.faults["GET /api"] = fault
    start = time.monotonic()
    assert "did not answer within 0.5 s" in falls_back(default, caplog)
    assert time.monotonic() - start < CLIENT_GIVES_UP / 2


def test_a_start_waits_for_the_hub_at_most_a_few_seconds():
    assert SHIPPED_ANSWER <= 2.5
    assert SHIPPED_ARRIVAL <= 5


@pytest.mark.parametrize("revision", ["0" * 40, "no-such-branch"])
@pytest.mark.usefixtures("published")
def test_a_revision_that_does_not_exist(default, caplog, revision):
    assert f"has no revision {revision}" in falls_back(default, caplog, revision=revision)


@pytest.mark.usefixtures("published")
def test_a_file_that_stops_arriving(hub, default, caplog, monkeypatch):
    monkeypatch.setattr(serving, "ARRIVAL", 0.5)
    hub.faults[f"GET /{REPO}/resolve"] = HANG
    assert "sent too little" in falls_back(default, caplog)


def test_a_connection_that_breaks_and_comes_back(hub, published, default):
    """The client goes on where it was cut off."""
    answers = iter([CUT])

    class Once(dict):
        def items(self):
            return [(f"GET /{REPO}/resolve", next(answers, None))] if self.asked() else []

        def asked(self):
            return hub.requests[-1].startswith(f"GET /{REPO}/resolve")

    hub.faults = Once()
    assert choose_model(REPO, "", default).revision == published.head.sha
    assert len([line for line in hub.requests if line.startswith(f"GET /{REPO}/resolve") and "onnx" in line]) == 2


def test_a_file_of_a_gigabyte_is_refused_before_it_is_fetched(hub, published, default, caplog):
    class Gigabyte(bytes):
        def __len__(self):
            return 1_000_000_000

    published.head.files["model.onnx"] = Gigabyte()
    assert "1,000 MB" in falls_back(default, caplog)
    assert not any("resolve" in line for line in hub.requests)


def test_a_pickle_is_not_fetched(hub, default, caplog):
    hub.add(REPO, {"export.pkl": b"a pickle", "README.md": b""})
    assert "export.pkl, a pickle" in falls_back(default, caplog)
    assert not any("resolve" in line for line in hub.requests)


def renamed_output(model):
    model.graph.output[0].name = model.graph.node[-1].output[0] = "scores"


def float_input(model):
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT


def other_size(model):
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 32


def unbounded(model):
    """Without its sigmoid: numbers, but not probabilities."""
    model.graph.node[-1].op_type = "Identity"


def external(model):
    """Weights in another file: on a Space, any file that the process may read."""
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="classifier.json")


def endless(model):
    """A loop that does not end."""
    body = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Identity", ["condition"], ["again"]),
            onnx.helper.make_node("Identity", ["before"], ["after"]),
        ],
        "body",
        [
            onnx.helper.make_tensor_value_info("turn", onnx.TensorProto.INT64, []),
            onnx.helper.make_tensor_value_info("condition", onnx.TensorProto.BOOL, []),
            onnx.helper.make_tensor_value_info("before", onnx.TensorProto.FLOAT, None),
        ],
        [
            onnx.helper.make_tensor_value_info("again", onnx.TensorProto.BOOL, []),
            onnx.helper.make_tensor_value_info("after", onnx.TensorProto.FLOAT, None),
        ],
    )
    last = model.graph.node[-1]
    last.output[0] = "first"
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(True), "yes"))
    model.graph.node.append(onnx.helper.make_node("Loop", ["", "yes", "first"], ["probabilities"], body=body))


def greedy(model):
    """200 GB for one picture."""
    shape = onnx.numpy_helper.from_array(np.array([50_000_000_000], np.int64), "huge")
    model.graph.initializer.append(shape)
    model.graph.node[-1].output[0] = "first"
    model.graph.node.extend([
        onnx.helper.make_node("ConstantOfShape", ["huge"], ["zeros"]),
        onnx.helper.make_node("ReduceMax", ["zeros"], ["zero"], keepdims=0),
        onnx.helper.make_node("Add", ["first", "zero"], ["probabilities"]),
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (renamed_output, "its graph gives"),
        (float_input, "its graph takes"),
        (other_size, "its graph takes"),
        (unbounded, "between 0 and 1"),
        (external, "does not load"),
        (endless, "did not answer one test picture"),
        (greedy, "cannot serve"),
    ],
)
def test_a_wrong_or_hostile_graph(hub, tiny_model, default, caplog, monkeypatch, spoil, said):
    monkeypatch.setattr("beercan_or_bacon.serving.check.CPU_SECONDS", 3)
    model = onnx.load(tiny_model / "model.onnx")
    spoil(model)
    hub.add(REPO, {**files_of(tiny_model), "model.onnx": model.SerializeToString()})
    assert said in falls_back(default, caplog)


def test_a_truncated_file(hub, tiny_model, default, caplog):
    files = files_of(tiny_model)
    hub.add(REPO, {**files, "model.onnx": files["model.onnx"][:-100]})
    assert "does not load" in falls_back(default, caplog)


@pytest.mark.parametrize(
    "change",
    [{"labels": ["bacon"]}, {"thresholds": [0.5]}, {"thresholds": [0.5, 2]}, {"format": 2}, {"input": {"size": 1e9}}],
)
def test_a_description_that_does_not_hold(hub, tiny_model, default, caplog, change):
    description = {**json.loads((tiny_model / "classifier.json").read_text()), **change}
    hub.add(REPO, {**files_of(tiny_model), "classifier.json": json.dumps(description).encode()})
    assert "classifier.json" in falls_back(default, caplog)


def test_on_the_command_line_an_error_is_an_error(published):
    with pytest.raises(HubError, match="has no revision"):
        find_model(REPO, "0" * 40)
    with pytest.raises(ModelError, match="neither a folder"):
        find_model("no folder here", "")
    assert find_model(REPO).revision == published.head.sha


@pytest.mark.usefixtures("published")
def test_the_command_line_takes_a_repository(draw, capsys):
    assert main([str(draw("bacon")), "--model", REPO, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "bacon"
    assert main([str(draw("bacon")), "--model", "user/nothing"]) == 1
    assert capsys.readouterr().err.startswith("There is no user/nothing on the Hub")


def test_the_page_says_why_the_built_in_model_answers(hub, monkeypatch):
    import app

    hub.__exit__()
    monkeypatch.setenv("MODEL", REPO)
    pages = []
    monkeypatch.setattr(app, "launch", lambda page, *_: pages.append(page))
    monkeypatch.setattr(app.signal, "signal", lambda *_: None)
    app.main()
    (page,) = pages
    assert f"The built-in model answers instead of {REPO}. The Hub cannot be reached" in str(page.get_config_file())
