"""The words of a verdict are the same, whether they are made in the browser or in Python."""

import json

import numpy as np
from conftest import ROOT

from beercan_or_bacon.notebook.words import sureness
from beercan_or_bacon.serving.classifier import Description, Prediction
from beercan_or_bacon.serving.panel import percent

ASK = """async ([source, cases]) => {
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const { sureness, percent } = await import(address);
  return cases.map(([about, shares]) => [sureness(about, shares), ...shares.map(percent)]);
}"""


def test_browser_and_python_say_the_same(browser, tiny_model):
    chance = np.random.default_rng(3)
    known = json.loads((tiny_model / "classifier.json").read_text())
    cases = []
    for _ in range(400):
        size = int(chance.integers(2, 6))
        lines = [round(float(line), 3) for line in chance.uniform(0.1, 0.9, size)]
        near = float(chance.choice([0, 0.01, 0.1]))
        about = {"labels": list("abcde")[:size], "thresholds": lines, "close": [[max(0, x - near), x] for x in lines]}
        cases.append((known | about, [round(float(share), 3) for share in chance.beta(0.4, 0.4, size)]))
    page = browser.new_page()
    source = (ROOT / "beercan_or_bacon" / "serving" / "words.js").read_text(encoding="utf-8")
    said = page.evaluate(ASK, [source, cases])
    page.close()
    assert len({sentence for sentence, *_ in said}) > 20
    for (about, shares), (sentence, *percents) in zip(cases, said, strict=True):
        description = Description.model_validate(about)
        named = dict(zip(description.labels, shares, strict=True))
        lines = dict(zip(description.labels, description.thresholds, strict=True))
        present = tuple(label for label, share in named.items() if share >= lines[label])
        close = tuple(
            label for label, (low, high) in zip(named, description.close, strict=True) if low <= named[label] <= high
        )
        assert sureness(description, Prediction("", present, named, close, None)) == sentence
        assert [percent(share) for share in shares] == percents
