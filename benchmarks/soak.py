"""Many visitors for a long time: no error, and memory that stays where it is.

python benchmarks/soak.py [--model FOLDER] [--minutes 10] [--clients 16]
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from pathlib import Path

import httpx
from page import HERE, draw, post, predict, serve


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="", help="a model folder (default: the embedded one)")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=16)
    args = parser.parse_args()
    answers, errors = [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        serve("ours", [HERE.parent / "app.py"], args.model) as (client, process),
    ):
        pictures = [draw(Path(folder), width, width * 3 // 4) for width in (640, 800, 1600, 4000)]
        end = time.monotonic() + 60 * args.minutes

        def visit(number: int) -> None:
            ask = (predict, post)[number % 2]  # half of them by Gradio's steps, half by one POST
            with httpx.Client(base_url=client.base_url, timeout=120) as own:
                while time.monotonic() < end:
                    try:
                        ask(own, pictures[(number + len(answers)) % len(pictures)])
                        answers.append(time.monotonic())
                    except Exception as error:
                        errors.append(repr(error))

        threads = [threading.Thread(target=visit, args=(number,)) for number in range(args.clients)]
        for thread in threads:
            thread.start()
        print("| minute | answers | errors | resident MB |\n|-------:|--------:|-------:|------------:|", flush=True)
        for step in range(1, 11):
            time.sleep(max(0, end - time.monotonic() - 6 * args.minutes * (10 - step)))
            resident = process.memory_info().rss / 1e6
            print(
                f"| {args.minutes * step / 10:6.1f} | {len(answers):7} | {len(errors):6} | {resident:11.1f} |",
                flush=True,
            )
        for thread in threads:
            thread.join()
    print("\n".join(sorted(set(errors))))


if __name__ == "__main__":
    main()
