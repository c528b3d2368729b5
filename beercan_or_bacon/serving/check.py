"""Is this folder a model that can serve? Asked of every model that did not come with the project.

What a repository on the Hub holds is somebody else's: the check runs in a process of its own, with little memory and
little time, so that a broken or hostile model takes down nothing but the check.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import ModelError
from .classifier import Classifier

# All that serving reads, and the most bytes each may have: ten times what train.py publishes.
MAX_BYTES = {"model.onnx": 100_000_000, "classifier.json": 1_000_000}
CPU_SECONDS = 10  # for loading and one prediction; 1 is usual. Of computing, so that a busy machine fails no model
SECONDS = 60  # the same by the clock, where the system cannot limit computing
MEMORY = 4 * 1024**3  # bytes of address space; ONNX Runtime and a 10 MB model take 1 GB of it


def check_sizes(name: str, sizes: dict[str, int]) -> None:
    """Raise ModelError unless what a folder or a repository holds (file -> bytes) is a model of a decent size."""
    for file, most in MAX_BYTES.items():
        if file not in sizes:
            pickles = [other for other in sorted(sizes) if other.endswith((".pkl", ".pickle", ".pth", ".pt", ".bin"))]
            why = (
                f" It has {pickles[0]}, a pickle, which can run any code: pickles are never opened." if pickles else ""
            )
            raise ModelError(f"{name} holds no {file}.{why} `python train.py export` writes what is needed.")
        if sizes[file] > most:
            size = f"{sizes[file] / 1e6:,.0f} MB"
            raise ModelError(f"{name} has a {file} of {size}; at most {most / 1e6:,.0f} MB are read.")


def check_model(folder: Path, name: str) -> None:
    """Check a model folder in a process of its own. Raises ModelError, saying `name` for it, when it cannot serve."""
    if not folder.is_dir():
        raise ModelError(f"There is no model folder {name}. `python train.py export` writes one.")
    check_sizes(name, {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()})
    command = [sys.executable, "-m", __name__, str(folder.absolute()), str(CPU_SECONDS)]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"{name} did not answer one test picture within {SECONDS} s.") from None
    if done.returncode and done.returncode == -getattr(signal, "SIGXCPU", 0):
        raise ModelError(f"{name} did not answer one test picture within {CPU_SECONDS} s of computing.")
    if done.returncode:
        # a process that was killed, or ran out of memory in a library, has said nothing of its own
        why = done.stdout.strip().splitlines()[-1:] or [f"the check of it ended with status {done.returncode}"]
        raise ModelError(f"{name} cannot serve: {why[0].replace(f'{folder.absolute()}/', 'its ')}")


def test(folder: Path) -> None:
    """Load the model in this process and let it answer one picture. Raises ModelError."""
    classifier = Classifier(folder)
    labels, size = len(classifier.description.labels), classifier.description.input.size
    inputs = {node.name: (node.type, node.shape[1:]) for node in classifier.session.get_inputs()}
    if inputs != {"image": ("tensor(uint8)", [size, size, 3])}:
        raise ModelError(f"its graph takes {inputs}, not one `image`: uint8 [n, {size}, {size}, 3].")
    outputs = {node.name: (node.type, len(node.shape)) for node in classifier.session.get_outputs()}
    needed = {"probabilities": ("tensor(float)", 2)}
    if outputs not in (needed, {**needed, "heatmap": ("tensor(float)", 4)}):
        raise ModelError(
            f"its graph gives {outputs}, not `probabilities` [n, classes] and, if any, `heatmap` [n, classes, h, w]."
        )
    ramp = np.linspace(0, 255, size * size * 3).reshape(size, size, 3).astype(np.uint8)
    try:
        prediction = classifier.predict(Image.fromarray(ramp))
    except Exception as error:  # ONNX Runtime raises a class of its own for each way to fail
        raise ModelError(f"it fails on a test picture: {' '.join(str(error).split())[:200]}") from None
    heatmap = np.zeros((labels, 1, 1)) if prediction.heatmap is None else prediction.heatmap
    numbers = np.concatenate([list(prediction.probabilities.values()), heatmap.ravel()])
    if not (len(heatmap) == labels and np.all((numbers >= 0) & (numbers <= 1))):  # NaN is neither
        raise ModelError("its answers to a test picture are not numbers between 0 and 1.")


def main() -> int:
    """The process of its own: print why the folder cannot serve, and say so with the exit status."""
    try:
        import resource  # not on Windows

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[2]), int(sys.argv[2]) + 1))
    except (ImportError, ValueError, OSError):  # nor can it be lowered everywhere; the time limit remains
        pass
    try:
        test(Path(sys.argv[1]))
    except ModelError as error:
        print(" ".join(str(error).split()))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
