"""Containers for the tests: started by Podman, asked from inside their own network."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

IMAGE = "localhost/beercan-or-bacon"
PAGE = "http://127.0.0.1:7860"  # of a container in its own network
# as compose.yaml has it; the limits of files and processes are for machines where Podman may not raise them
HARDENED = (
    "--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges",
    "--memory=1g", "--pids-limit=128",
    "--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096",
)  # fmt: skip
NEW_NETWORK = 0x40000000  # CLONE_NEWNET, see setns(2)


def podman(*arguments: str) -> str:
    """What `podman` prints. Raises RuntimeError with what it complained of."""
    done = subprocess.run(["podman", "--runtime", "runc", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"podman {' '.join(arguments)}: {done.stderr or done.stdout}")
    return done.stdout.strip()


@dataclass(frozen=True)
class Container:
    """A running container, and the id that its first process has out here."""

    name: str
    pid: int


@contextmanager
def container(*options: str) -> Iterator[Container]:
    """The image, running hardened with more options; removed afterwards with its volumes."""
    name = podman("run", "--detach", *HARDENED, *options, IMAGE)
    try:
        yield Container(name, json.loads(podman("inspect", name))[0]["State"]["Pid"])
    finally:
        podman("rm", "--force", "--volumes", "--time=0", name)


@contextmanager
def network_of(pid: int) -> Iterator[None]:
    """This thread, and the threads and processes that it starts, in the network of that process."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(place: str) -> None:
        with open(place) as network:
            if libc.setns(network.fileno(), NEW_NETWORK):
                raise OSError(ctypes.get_errno(), "setns", place)

    with open(f"/proc/self/task/{threading.get_native_id()}/ns/net") as home:
        enter(f"/proc/{pid}/ns/net")
        try:
            yield
        finally:
            enter(f"/proc/{os.getpid()}/fd/{home.fileno()}")
