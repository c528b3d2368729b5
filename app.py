"""The Space: load the classifier, build the page, launch.

python app.py                            the page on http://127.0.0.1:7860
MODEL=USER/REPO python app.py            another model: a folder, or a repository on the Hub
MODEL_REVISION=SHA                       which commit of that repository
HOST=0.0.0.0 PORT=80                     where to listen: other machines too, another port
LOG_REQUESTS=1                           one line of JSON a request
METRICS=1                                Prometheus text at /metrics

When that model cannot be had, or is not what it should be, model/ serves and the page says so.
"""

import contextlib
import os
import signal
import sys
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
from beercan_or_bacon.serving import memory

memory.while_loading()
from beercan_or_bacon.serving.pictures import workers

if __name__ == "__main__":
    workers.start("quick")  # while the modules below are loaded
from beercan_or_bacon.errors import ServerError
from beercan_or_bacon.serving.classifier import Classifier
from beercan_or_bacon.serving.examples import examples_of
from beercan_or_bacon.serving.hub import choose_model
from beercan_or_bacon.serving.keep import open_keeper
from beercan_or_bacon.serving.page import build_page
from beercan_or_bacon.serving.server import launch, read_settings

HERE = Path(__file__).parent

with contextlib.suppress(ImportError):
    import spaces  # on ZeroGPU Spaces only, which start only if something asks for their GPU

    spaces.GPU(lambda: None)


def main() -> None:
    # until it serves, there is nothing to finish; a container's first process is not ended by a signal unless it asks
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = read_settings(os.environ)
    source = choose_model(os.environ.get("MODEL", ""), os.environ.get("MODEL_REVISION", ""), default=HERE / "model")
    classifier = Classifier(source.folder)
    keeper = open_keeper(os.environ)
    page = build_page(
        classifier,
        examples=examples_of(source.folder, HERE / "model" / "examples", HERE / "examples"),
        model=f"{source.name} {source.revision}".strip(),
        note=source.note,
        keeps=keeper.where if keeper else "",
    )
    memory.while_serving()
    launch(page, classifier, settings, keeper)


if __name__ == "__main__":
    try:
        main()
    except ServerError as error:
        sys.exit(str(error))
