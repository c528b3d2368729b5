"""Many visitors for a long time: no error, and memory that stays where it is.

python benchmarks/soak.py [--model FOLDER] [--minutes 10] [--clients 16] [--image NAME]

With --image, the page runs in a container too (Podman, as root; the limits of compose.yaml), beside the one without and
at the same time, each with that many clients; the last line is the ratio.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil
from page import HERE, draw, free_port, post, predict, serve

PORT = free_port()  # of the container
PODMAN = ["podman", "--runtime", "runc"]
# as in compose.yaml; files and processes, for machines where Podman may not raise these limits
LIMITS = ["--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges",
    "--memory=1g", "--pids-limit=128",
          "--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096"]  # fmt: skip


class Soak:
    """The clients of one page, and what became of their requests."""

    def __init__(self, name: str, base_url: httpx.URL, process: psutil.Process):
        self.name, self.base_url, self.process = name, base_url, process
        self.answers, self.errors, self.resident = 0, [], []

    def start(self, clients: int, pictures: list[Path], end: float) -> None:
        """Let that many clients ask until `end`, half of them by Gradio's steps, half by one POST."""

        def visit(number: int) -> None:
            ask, asked = (predict, post)[number % 2], 0
            with httpx.Client(base_url=self.base_url, timeout=120) as own:
                while time.monotonic() < end:
                    try:
                        ask(own, pictures[(number + asked) % len(pictures)])
                        self.answers += 1
                    except Exception as error:
                        self.errors.append(repr(error))
                        time.sleep(1)
                    asked += 1

        self.threads = [threading.Thread(target=visit, args=(number,)) for number in range(clients)]
        for thread in self.threads:
            thread.start()

    def weigh(self) -> float:
        """MB that the page and the processes that it started hold; what they share is counted once."""
        processes = [self.process, *self.process.children(recursive=True)]
        self.resident.append(sum(process.memory_full_info().pss for process in processes) / 1e6)
        return self.resident[-1]

    def work(self) -> float:
        """Answers in a second of a core: how many each gets is the system's choice, and a container counts as one."""
        processes = [self.process, *self.process.children(recursive=True)]
        return self.answers / sum(sum(process.cpu_times()[:4]) for process in processes)


@contextmanager
def contain(image: str) -> Iterator[tuple[httpx.Client, psutil.Process]]:
    """Run the image on PORT of this machine until the block ends."""
    here = ["--network=host", "--env=HOST=127.0.0.1", f"--env=PORT={PORT}"]
    name = subprocess.check_output([*PODMAN, "run", "--detach", *LIMITS, *here, image], text=True).strip()
    try:
        state = json.loads(subprocess.check_output([*PODMAN, "inspect", name]))[0]["State"]
        with httpx.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=120) as client:
            while True:
                try:
                    client.get("/livez")
                    break
                except httpx.TransportError:
                    time.sleep(0.02)
            yield client, psutil.Process(state["Pid"])
    finally:
        subprocess.run([*PODMAN, "rm", "--force", "--volumes", name], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="", help="a model folder (default: the embedded one)")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--image", help="also in a container of this image, whose model is the embedded one")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        pages = {"page": serve("ours", [HERE.parent / "app.py"], args.model)}
        if args.image:
            pages["container"] = contain(args.image)
        soaks = []
        for name, page in pages.items():
            start = time.monotonic()
            client, process = stack.enter_context(page)
            while not client.get("/readyz").is_success:
                time.sleep(0.02)
            soaks.append(Soak(name, client.base_url, process))
            print(f"{name}: ready after {time.monotonic() - start:.1f} s with {soaks[-1].weigh():.0f} MB")
        pictures = [draw(Path(folder), width, width * 3 // 4) for width in (640, 800, 1600, 4000)]
        start = time.monotonic()
        for soak in soaks:
            soak.start(args.clients, pictures, start + 60 * args.minutes)
        print("| minute | page      | answers | errors | memory, MB |")
        print("|-------:|-----------|--------:|-------:|-----------:|", flush=True)
        for step in range(1, 11):
            time.sleep(max(0, start + 6 * args.minutes * step - time.monotonic()))
            for soak in soaks:
                row = f"{soak.name:9} | {soak.answers:7} | {len(soak.errors):6} | {soak.weigh():10.1f}"
                print(f"| {args.minutes * step / 10:6.1f} | {row} |", flush=True)
        for soak in soaks:
            for thread in soak.threads:
                thread.join()
        work = [soak.work() for soak in soaks]
    print("\n".join(sorted({error for soak in soaks for error in soak.errors})))
    if args.image:
        plain, contained = soaks
        answers, memory = contained.answers / plain.answers, contained.resident[-1] / plain.resident[-1]
        print(f"container/page: answers {answers:.2f}, a second of a core {work[1] / work[0]:.2f}, memory {memory:.2f}")


if __name__ == "__main__":
    main()
