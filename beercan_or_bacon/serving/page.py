"""The Gradio page."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import numpy as np
from PIL import Image

from ..errors import PictureError
from .classifier import Classifier
from .pictures import open_picture


def build_page(classifier: Classifier, examples: list[Path], note: str = "") -> gr.Blocks:
    """One picture in (`/predict`); out, the label with its confidences and the heat-map picture.

    note: why the embedded default answers instead of the model that was asked for, or "".
    """
    about = classifier.description

    def predict(path: str | None):
        if path is None:
            return None, None
        try:
            image = open_picture(Path(path))
        except PictureError as error:
            raise gr.Error(str(error), print_exception=False) from None
        prediction = classifier.predict(image)
        heat = Image.fromarray((prediction.heatmap.max(axis=0) * 255).astype(np.uint8)).resize(image.size)
        return prediction.probabilities, heat

    with gr.Blocks(title=about.title) as page:
        gr.Markdown(f"# {about.title}\n{about.tagline}")
        if note:
            gr.Markdown(note, elem_id="note")
        picture = gr.Image(type="filepath", label="Picture")
        label = gr.Label(label="Verdict")
        heatmap = gr.Image(label="Where it looked", interactive=False)
        picture.change(predict, picture, [label, heatmap], api_name="predict")
        if examples:
            gr.Examples([str(path) for path in examples], picture)
    return page
