"""classifier.json and the report -> README.md, the model card that the Hub shows."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ...errors import DataError
from ...serving.classifier import Description
from ..files import write_whole
from ..table import read_table

TEMPLATE = Path(__file__).parent / "card.md.jinja"


def write_card(model: Path, repo: str, data: Path) -> None:
    """Write README.md into a model folder, for USER/REPO: only what was measured, and the same for the same model.

    data: the data folder; the pictures' licences are told when they are those the model was trained on.
    """
    about = Description.model_validate_json((model / "classifier.json").read_bytes())
    name = repo.split("/")[-1]
    card = ModelCard.from_template(
        ModelCardData(
            license="apache-2.0",
            library_name="timm",
            pipeline_tag="image-classification",
            tags=["image-classification", "timm", "onnx", "safetensors", "multi-label", *map(slug, about.labels)],
            model_name=name,
            eval_results=[result for key, figure in about.metrics.items() for result in results(key, figure, about)],
        ),
        template_path=str(TEMPLATE),
        about=about,
        repo=repo,
        figures=dict(rows(about.metrics)),
        training=dict(rows({key: fact for key, fact in about.training.items() if not isinstance(fact, dict)})),
        counts=about.training.get("pictures", {}),
        recipe=dict(rows(about.training.get("recipe", {}))),
        failures=failures(about),
        licences=licences(about, data),
        pictures=[(path.name, words(path.stem)) for path in sorted(model.glob("*.png"))],
        timm=(model / "config.json").exists(),
    )
    write_whole(model / "README.md", str(card))


def results(name: str, figure, about: Description) -> list[EvalResult]:
    """A metric as an entry of the card's model-index; a group of metrics as several."""
    if isinstance(figure, dict) and "value" not in figure:
        return [result for key, inner in figure.items() for result in results(f"{name}, {key}", inner, about)]
    value = figure["value"] if isinstance(figure, dict) else figure
    if not isinstance(value, int | float):
        return []
    kinds = {"ROC": "roc_auc", "accuracy": "accuracy", "calibration": "expected_calibration_error"}
    return [
        EvalResult(
            task_type="image-classification",
            task_name="Image classification, a yes or no for each label",
            dataset_type="held-out",
            dataset_name="Held-out pictures of sources not trained on",
            metric_type=next((kind for word, kind in kinds.items() if word in name), slug(name)),
            metric_name=f"{name}, 95 % interval {told(figure)}" if isinstance(figure, dict) else name,
            metric_value=value,
        )
    ]


def failures(about: Description) -> list[str]:
    """What goes wrong how often, as sentences, from the metrics that tell."""

    def in_a_hundred(name: str) -> int | None:
        figure = about.metrics.get(name)
        return round(100 * figure["value"]) if isinstance(figure, dict) else None

    said = [
        f"Of 100 pictures of {label}, about {100 - found} are not recognised."
        for label in about.labels
        if (found := in_a_hundred(f"{label}: found")) is not None
    ]
    if (called := in_a_hundred("neither called something")) is not None:
        said.append(f"Of 100 pictures that show none of it, about {called} are taken for something.")
    said += [f"Pictures {of}: {what}." for of, what in (about.model_extra or {}).get("known_failures", {}).items()]
    return said


def rows(facts: dict, prefix: str = "") -> list[tuple[str, str]]:
    """Nested facts as (name, text) pairs for a table."""
    found = []
    for key, fact in facts.items():
        name = f"{prefix}{words(key)}"
        if isinstance(fact, dict) and "value" not in fact:
            found += rows(fact, f"{name}, ")
        elif isinstance(fact, dict):
            found.append((name, f"**{fact['value']:.3g}** ({told(fact)})"))
        else:
            found.append((name, f"{fact:.3g}" if isinstance(fact, float) else str(fact)))
    return found


def told(figure: dict) -> str:
    """The interval of a figure."""
    return f"{figure['low']:.3g} to {figure['high']:.3g}"


def licences(about: Description, data: Path) -> dict[tuple[str, str], int]:
    """(provider, licence) -> how many pictures; nothing if data/ does not hold the very pictures trained on."""
    try:
        kept = [record for record in read_table(data) if record.decision == "keep" and record.file]
    except DataError:
        return {}
    digest = hashlib.sha256("\n".join(sorted(record.sha256 for record in kept)).encode()).hexdigest()
    if digest != about.training.get("sha256"):
        return {}
    return dict(Counter((record.provider, record.licence or "not stated") for record in kept).most_common())


def words(key: str) -> str:
    """A key or a file's name as words."""
    return str(key).replace("_", " ").replace("-", " ")


def slug(text: str) -> str:
    """A text as a tag."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
