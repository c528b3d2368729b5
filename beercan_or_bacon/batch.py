"""Classify a million pictures on Ray: a folder or a bucket in, Parquet out; what is done is done when it is stopped.

    pip install -r requirements-ray.txt
    python -m beercan_or_bacon.batch pictures verdicts                                    every core of this machine
    ray job submit --working-dir . -- python -m beercan_or_bacon.batch s3://in s3://out   a cluster

A row a picture: path, verdict, error (a sentence, or empty), and a probability for every label. Run again, it looks at
what has no row yet: what was added, and after an interruption what is left.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .errors import BeerCanOrBaconError, BusyError, PictureError
from .serving.classifier import Classifier
from .serving.hub import find_model
from .serving.pictures import read_picture

EMBEDDED = Path(__file__).parent.parent / "model"
BATCH = 32  # pictures that go from one process to the next together
# that Ray gets beside the workers': one reads and writes, one knows what is done already; neither works much
PLACES = 2


class Look:
    """A classifier of one process's own, for Ray to keep there."""

    def __init__(self, model: str):
        self.classifier = Classifier(find_model(model).folder)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, Any]:
        """path and bytes, [n] each -> path, verdict, error and the probabilities, [n] each."""
        labels, keep = self.classifier.description.labels, self.classifier.description.input.keep
        rows: dict[str, Any] = {"path": batch["path"], "verdict": [], "error": []}
        shares: list[list[float]] = []
        for content in batch["bytes"]:
            try:
                prediction = self.classifier.predict(read_picture(io.BytesIO(content), keep).picture)
            except BusyError:  # of this machine, not of the picture: Ray stops, and a restart asks again
                raise
            except PictureError as error:
                rows["verdict"].append("")
                rows["error"].append(str(error))
                shares.append([float("nan")] * len(labels))
                continue
            rows["verdict"].append(prediction.verdict)
            rows["error"].append("")
            shares.append(list(prediction.probabilities.values()))
        columns = np.array(shares, np.float32).reshape(-1, len(labels)).T
        return rows | dict(zip(labels, columns, strict=True))


def look_at_all(source: str, out: str, model: str, workers: int | None) -> None:
    """Write a row to `out` for every file below `source` that has none there yet.

    source, out: a folder, or an address that Ray reads and writes. workers: processes, a core each; None for a worker a
    core, which on a cluster leaves PLACES.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray tells its makers, unless it is told not to
    import ray
    from ray.data.checkpoint import CheckpointConfig

    if "RAY_ADDRESS" in os.environ:  # a cluster, which counts its own cores
        ray.init()
        workers = workers or max(1, int(ray.cluster_resources()["CPU"]) - PLACES)
    else:  # all cores for the workers alone, and nothing would ever be read
        workers = workers or os.cpu_count() or 1
        ray.init(num_cpus=workers + PLACES, include_dashboard=False)
    ray.data.DataContext.get_current().checkpoint_config = CheckpointConfig(
        id_column="path", checkpoint_path=f"{out.rstrip('/')}.done", delete_checkpoint_on_success=False
    )
    pictures = ray.data.read_binary_files(source, include_paths=True)
    looked = pictures.map_batches(Look, fn_constructor_args=(model,), batch_size=BATCH, concurrency=workers, num_cpus=1)
    looked.write_parquet(out)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m beercan_or_bacon.batch", description=__doc__.splitlines()[0])
    parser.add_argument("source", help="a folder of pictures, or a bucket: s3://…, gs://…")
    parser.add_argument("out", help="a folder or bucket for the Parquet files")
    parser.add_argument("--model", default=str(EMBEDDED), metavar="FOLDER_OR_REPO", help="default: the embedded one")
    parser.add_argument("--workers", type=int, metavar="N", help="processes; default: one a core")
    args = parser.parse_args(arguments)
    try:
        import ray  # noqa: F401
    except ImportError:
        print("This needs Ray: pip install -r requirements-ray.txt", file=sys.stderr)
        return 1
    try:
        find_model(args.model)
    except BeerCanOrBaconError as error:
        print(error, file=sys.stderr)
        return 1
    look_at_all(args.source, args.out, args.model, args.workers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
