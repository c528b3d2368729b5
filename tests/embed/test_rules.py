"""Other models than the shipped one: squashed or bilinear pictures, larger ones, no heat map; both pages follow."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import write_tiny_model
from PIL import Image
from static_site import Site, choose, visit

from beercan_or_bacon.serving import check
from beercan_or_bacon.serving.classifier import Classifier, fit_to_square
from beercan_or_bacon.serving.heat import heat_picture
from beercan_or_bacon.serving.page import build_page
from beercan_or_bacon.serving.pictures import open_picture
from beercan_or_bacon.training.publish import static


def write_model(folder: Path, *, heatmap: bool = True, **rule) -> Path:
    """The tiny model with another rule, and without its heat map if so asked."""
    write_tiny_model(folder)
    graph, path = onnx.load(folder / "model.onnx"), folder / "classifier.json"
    if not heatmap:
        del graph.graph.output[1]
    onnx.save(graph, folder / "model.onnx")
    description = json.loads(path.read_text())
    path.write_text(json.dumps(description | {"heatmap": heatmap, "input": description["input"] | rule}))
    check.test(folder)
    return folder


def stripes(path: Path, size: tuple[int, int]) -> Path:
    """Noise over two colours, so that a wrong filter or shape shows."""
    noise = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3))
    noise[:, : size[0] // 3] //= (8, 8, 1)
    Image.fromarray(noise.astype(np.uint8)).save(path)
    return path


@pytest.mark.parametrize("rule", [{"resize": "squash"}, {"interpolation": "bilinear"}], ids=lambda rule: str(*rule))
def test_the_browser_scales_as_python_does(browser, tmp_path, rule):
    model = write_model(tmp_path / "model", **rule)
    classifier, plain = Classifier(model), Classifier(write_tiny_model(tmp_path / "plain"))
    site = Site(static.build_embed(model, tmp_path / "page", []))
    with visit(browser, site.url) as page:
        for size in ((333, 1000), (90, 41), (700, 500)):
            picture = open_picture(stripes(tmp_path / "stripes.png", size))
            expected = classifier.predict(picture)
            seen = choose(page, tmp_path / "stripes.png")
            assert np.abs(np.subtract(seen["probabilities"], [*expected.probabilities.values()])).max() < 1e-5
            assert np.abs(np.subtract(seen["heatmap"]["data"], expected.heatmap.ravel())).max() < 1e-4
            # and not as the other rule would have it
            assert np.abs(expected.heatmap - plain.predict(picture).heatmap).max() > 0.001
    site.close()


def test_a_squashed_picture_fills_the_square_and_its_heat_map_the_picture(tmp_path):
    classifier = Classifier(write_model(tmp_path / "model", resize="squash"))
    halves = Image.new("RGB", (300, 100), "white")
    halves.paste((20, 20, 240), (0, 0, 150, 100))  # a beer can's blue
    square = np.asarray(fit_to_square(halves, classifier.description.input))
    assert (square[0, 0] == (20, 20, 240)).all()
    assert (square[-1, -1] == 255).all()
    picture = np.asarray(heat_picture(halves, classifier.predict(halves), classifier.description.input))
    assert picture.shape == (100, 300, 3)
    assert picture[50, 20, 2] > 2 * picture[50, 280, 2]


def test_pictures_keep_what_a_larger_model_looks_at(tmp_path):
    about = Classifier(write_tiny_model(tmp_path)).description.input
    assert about.keep == 320
    assert about.model_copy(update={"size": 448}).keep == 448


def test_both_pages_leave_out_a_heat_map_that_there_is_not(browser, tmp_path, draw):
    model = write_model(tmp_path / "model", heatmap=False)
    classifier = Classifier(model)
    bacon = open_picture(draw("bacon"))
    assert classifier.predict(bacon).heatmap is None
    assert heat_picture(bacon, classifier.predict(bacon), classifier.description.input) is None
    assert "disabled hidden>Where it looked" in json.dumps(build_page(classifier, []).config).replace("\\", "")
    assert "hidden>Where" not in json.dumps(build_page(Classifier(write_tiny_model(tmp_path / "tiny")), []).config)
    site = Site(static.build_embed(model, tmp_path / "page", []))
    with visit(browser, site.url) as page:
        assert choose(page, draw("bacon"))["verdict"] == "bacon"
        assert page.is_hidden("#looked")
        assert page.is_hidden("#heat")
    site.close()
