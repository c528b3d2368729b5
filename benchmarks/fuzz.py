"""Broken pictures without end, at the processes that decode: what kills one, takes its time, or its memory?

    python benchmarks/fuzz.py [--seconds 60] [--seed N] [--keep FOLDER]

Pictures of every format that is read are taken apart into their parts (segments, chunks, blocks, boxes, tags); parts
are doubled, dropped, exchanged, cut, given other lengths and other bytes; and what comes out is decoded as an upload
is. The exit status is 1 if anything but an answer or a refusal came back. With --keep, files that ended a process are
written there.
"""

from __future__ import annotations

import argparse
import io
import itertools
import random
import re
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import hostile  # noqa: E402

from beercan_or_bacon.serving.decode.protocol import LANES, Outcome  # noqa: E402
from beercan_or_bacon.serving.decode.workers import Died, Worker  # noqa: E402

NUMBERS = (0, 1, 2, 7, 8, 127, 128, 255, 256, 32767, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)
MOST = 2_000_000  # bytes of a file; larger ones only say the same for longer


def seeds() -> list[bytes]:
    """A picture of each format and of the ways they are built, and the smaller of the hostile ones."""
    exif = Image.Exif()
    exif[0x0112] = 6
    photograph = Image.effect_noise((96, 64), 60).convert("RGB")

    def written(kind: str, image: Image.Image = photograph, **save) -> bytes:
        image.save(into := io.BytesIO(), kind, **save)
        return into.getvalue()

    frames = {"save_all": True, "append_images": [photograph.rotate(90), photograph]}
    found = [
        *(written("JPEG", exif=exif, progressive=way, quality=60) for way in (False, True)),
        written("JPEG", photograph.convert("CMYK")), written("JPEG", photograph.convert("L"), comment=b"words"),
        *(written(kind, exif=exif) for kind in ("PNG", "WEBP", "TIFF", "HEIF")), written("AVIF", exif=exif, speed=10),
        written("PNG", photograph.quantize(16), transparency=1), written("PNG", photograph.convert("RGBA"), **frames),
        written("WEBP", lossless=True), written("WEBP", photograph.convert("RGBA"), **frames),
        written("GIF", comment=b"words" * 99), written("GIF", **frames), written("BMP"),
        written("BMP", photograph.quantize(4)),
        *(written("TIFF", compression=way) for way in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits")),
        written("TIFF", photograph.convert("1"), compression="group4"), written("TIFF", **frames),
        written("HEIF", photograph.convert("RGBA")), written("AVIF", photograph.convert("RGBA"), speed=10),
    ]  # fmt: skip
    small = ("tags-190-kB.tif", "comment-190-kB.gif", "exif.png", "exif.jpg", "exif.webp", "exif.avif", "exif.heic")
    return found + [hostile.HOSTILE[name]() for name in small]


# Where parts begin: a JPEG's markers, and the names of chunks and boxes with the length before or behind them.
BEGINNINGS = {
    b"\xff\xd8": (rb"\xff[\xc0-\xfe]", 0),
    b"\x89P": (rb"[A-Za-z]{4}", -4),
    b"RI": (rb"VP8[ LX]|ALPH|ANIM|ANMF|EXIF|ICCP|XMP ", 0),
    b"GI": (rb"!\xf9|!\xfe|!\xff|,", 0),
    b"\0\0": (rb"ftyp|meta|hdlr|pitm|iloc|iinf|infe|iprp|ipco|ipma|ispe|pixi|av1C|hvcC|mdat|iref|auxC|irot", -4),
}


def parts_of(data: bytes, chance: random.Random) -> list[bytes]:
    """The file in pieces; of a TIFF and of what is not known, at random."""
    pattern, before = BEGINNINGS.get(data[:2], (None, 0))
    if pattern:
        cuts = [found.start() + before for found in re.finditer(pattern, data[:200_000])]
    else:
        cuts = [8 + 2 + 12 * number for number in range(20)] if data[:2] in (b"II", b"MM") else []
        cuts += [chance.randrange(len(data) + 1) for _ in range(6)]
    cuts = sorted({0, *(cut for cut in cuts if 0 < cut < len(data)), len(data)})
    return [data[a:b] for a, b in itertools.pairwise(cuts)]


def double(parts: list[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(parts))
    times = min(chance.choice((1, 2, 10, 300, 100_000)), MOST // max(1, len(parts[at])))
    parts[at : at + 1] = [parts[at] * (1 + times)]


def drop(parts: list[bytes], chance: random.Random) -> None:
    del parts[chance.randrange(len(parts))]


def exchange(parts: list[bytes], chance: random.Random) -> None:
    a, b = chance.randrange(len(parts)), chance.randrange(len(parts))
    parts[a], parts[b] = parts[b], parts[a]


def cut(parts: list[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(parts))
    parts[at] = parts[at][: chance.randrange(len(parts[at]) + 1)]


def number(parts: list[bytes], chance: random.Random) -> None:
    """One that decides: at the beginning of a part, where lengths, counts and sizes are."""
    at = chance.randrange(len(parts))
    part, width = parts[at], chance.choice("BHI")
    value = chance.choice(NUMBERS) & (2 ** (8 * struct.calcsize(width)) - 1)
    place = chance.randrange(min(len(part), 24) + 1)
    new = struct.pack(chance.choice("<>") + width, value)
    parts[at] = part[:place] + new + part[place + len(new) :]


def flip(parts: list[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(parts))
    part = bytearray(parts[at])
    for _ in range(chance.choice((1, 1, 4, 30))):
        if part:
            part[chance.randrange(len(part))] ^= 1 << chance.randrange(8)
    parts[at] = bytes(part)


CHANGES: tuple[Callable[[list[bytes], random.Random], None], ...] = (
    double, drop, exchange, cut, number, number, flip, flip,
)  # fmt: skip


def broken(files: list[bytes], chance: random.Random) -> bytes:
    """One of the files with a few changes, and the checksums of a PNG right again more often than not."""
    data = chance.choice(files)
    parts = parts_of(data, chance)
    for _ in range(chance.choice((0, 0, 0, 1, 4))):  # of another file, which may be of another format
        parts.insert(chance.randrange(len(parts) + 1), chance.choice(parts_of(chance.choice(files), chance)))
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        if parts:
            chance.choice(CHANGES)(parts, chance)
    if data[:4] == b"\x89PNG" and chance.random() < 0.8:
        parts = [part[:-4] + struct.pack(">I", zlib.crc32(part[4:-4])) if len(part) >= 12 else part for part in parts]
    changed = b"".join(parts)[: 10 * MOST]
    # most keep what they are known by, so that most of the time goes into decoders
    return data[:12] + changed[12:] if chance.random() < 0.8 else changed


def peak(worker: Worker) -> int:
    """Bytes that a process has held at most; Linux."""
    try:
        status = Path(f"/proc/{worker.process.pid}/status").read_text()
        return 1024 * int(status.split("VmHWM:")[1].split()[0])
    except (OSError, IndexError):
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for files that ended a process")
    args = parser.parse_args()
    chance, files, workers = random.Random(args.seed), seeds(), {lane: Worker(lane) for lane in LANES}
    found, ends, memory, slowest, failures = Counter(), Counter(), dict.fromkeys(LANES, 0), 0.0, []
    end = time.monotonic() + args.seconds
    while time.monotonic() < end:
        data = broken(files, chance)
        begun, outcome = time.monotonic(), Outcome.TOO_MUCH
        for lane in LANES if data else ():  # as Workers does it, which tells less
            try:
                outcome = workers[lane].ask(io.BytesIO(data), len(data), keep=320).outcome
                memory[lane] = max(memory[lane], peak(workers[lane]))
            except Died:
                outcome = Outcome.TOO_MUCH
                workers[lane].process.wait()
                how = f"{lane}: {-workers[lane].process.returncode}"
                ends[how] += 1
                if args.keep:
                    args.keep.mkdir(parents=True, exist_ok=True)
                    (args.keep / f"{how.replace(': ', '-')}-{sum(found.values())}").write_bytes(data)
                workers[lane].kill()
                workers[lane] = Worker(lane)
            except Exception as error:
                failures.append(repr(error))
            if outcome is not Outcome.TOO_MUCH:
                break
        found[outcome.name] += 1
        slowest = max(slowest, time.monotonic() - begun)
    for worker in workers.values():
        worker.kill()
    print(f"{sum(found.values())} files: " + ", ".join(f"{name} {count}" for name, count in found.most_common()))
    print(f"processes ended, by signal (27: out of time): {dict(ends)}; slowest answer {slowest:.1f} s")
    print("most memory: " + ", ".join(f"{lane} {size / 1e6:.0f} MB" for lane, size in memory.items()))
    print("\n".join(failures) or "no failures")
    raise SystemExit(bool(failures))


if __name__ == "__main__":
    main()
