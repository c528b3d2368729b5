"""The house shows the architecture: what serves imports nothing that trains."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_page_imports_neither_torch_nor_fastai():
    trace = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import app"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stderr
    imported = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in trace.splitlines() if "|" in line}
    assert "gradio" in imported
    assert not imported & {"torch", "torchvision", "fastai", "timm", "onnx", "sklearn"}
