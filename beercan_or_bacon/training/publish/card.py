"""classifier.json and evaluation.json -> README.md, the model card that the Hub shows."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ...errors import DataError
from ...files import write_whole
from ...serving.classifier import Description
from ..evaluation import FILE, Evaluation, Figure, read_evaluation, table
from ..table import read_table

TEMPLATE = Path(__file__).parent / "card.md.jinja"
# what was measured -> the Hub's name for it
METRICS = {
    "found": "recall", "called": "false_positive_rate", "area": "roc_auc",
    "calibration error": "expected_calibration_error", "right": "accuracy",
}  # fmt: skip


def write_card(model: Path, repo: str, data: Path) -> None:
    """Write README.md into a model folder, for USER/REPO: only what was measured, and the same for the same model.

    data: the data folder; the pictures' licences are told when they are those the model was trained on.
    """
    about = Description.model_validate_json((model / "classifier.json").read_bytes())
    evaluation = read_evaluation(model) if (model / FILE).exists() else None
    name = repo.split("/")[-1]
    card = ModelCard.from_template(
        ModelCardData(
            **dict[str, Any](licence_of([one["licence"] for one in weights_of(about)])),
            library_name="timm",
            pipeline_tag="image-classification",
            tags=["image-classification", "timm", "onnx", "safetensors", "multi-label", *map(slug, about.labels)],
            model_name=name,
            eval_results=[result(figure) for figure in evaluation.shown()] if evaluation else [],
        ),
        template_path=str(TEMPLATE),
        about=about,
        repo=repo,
        figures=table(evaluation) if evaluation else "",
        sentences=evaluation.sentences if evaluation else (),
        training=dict(rows({key: fact for key, fact in about.training.items() if not isinstance(fact, dict | list)})),
        weights=weights_of(about),
        counts=about.training.get("pictures", {}),
        recipe=dict(rows(about.training.get("recipe", {}))),
        failures=failures(evaluation),
        licences=licences(about, data),
        pictures=[(path.name, words(path.stem)) for path in sorted(model.glob("*.png"))],
        timm=(model / "config.json").exists(),
    )
    write_whole(model / "README.md", str(card))


def result(figure: Figure) -> EvalResult:
    """A figure as an entry of the card's model-index."""
    return EvalResult(
        task_type="image-classification",
        task_name="Image classification, a yes or no for each label",
        dataset_type="held-out",
        dataset_name="Held-out pictures of sources not trained on",
        metric_type=METRICS[figure.measure],
        metric_name=f"{figure.name}: {figure.text}",
        metric_value=figure.by_picture.value,
    )


def failures(evaluation: Evaluation | None) -> list[str]:
    """What is often taken for something, as sentences."""
    return [
        f"Of {search.pictures} pictures found as “{search.query}”, {search.called} are called something."
        for search in (evaluation.failures if evaluation else ())
    ]


def weights_of(about: Description) -> list[dict[str, str]]:
    """Where the weights came from that each network of the model began with; older models name one, and no list."""
    weights = about.training.get("weights", [])
    return [weights] if isinstance(weights, dict) else weights


def licence_of(weights: Sequence[str]) -> dict[str, str]:
    """The card's entries for the licences of the weights that the model began with: they hold for the model too."""
    licence = " and ".join(sorted(set(weights))) or "apache-2.0"
    if licence in {"apache-2.0", "mit", "bsd-3-clause", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0"}:
        return {"license": licence}
    return {"license": "other", "license_name": slug(licence)}  # the Hub takes no other words of its own


def rows(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Facts as (name, text) pairs for a list."""
    return [(words(key), f"{fact:.3g}" if isinstance(fact, float) else str(fact)) for key, fact in facts.items()]


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
