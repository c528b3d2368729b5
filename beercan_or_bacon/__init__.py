"""From search terms to an embeddable image classifier.

`serving` is what the page needs (ONNX Runtime, Pillow, Gradio; no torch, no fastai); `training` is the pipeline.
"""

import os

__version__ = "1.1.0"

# ONNX Runtime's official builds report every session to Microsoft unless this is set before they are imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
