"""Downloading over real HTTP on loopback, with the faults that pictures on the web have."""

import asyncio
import hashlib
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import pytest
from search_server import (
    SearchServer,
    cut_short,
    cut_short_unannounced,
    drip,
    drip_headers,
    endless,
    hang_up,
    instead,
    once,
    picture,
    redirect,
    silence,
    stall,
    status,
)

from beercan_or_bacon.training.collect import download, web
from beercan_or_bacon.training.collect.download import Downloader, Picture, Rejection
from beercan_or_bacon.training.collect.web import is_public

ROOT = Path(__file__).parents[2]
NAMED = frozenset({"127.0.0.1"})


@pytest.fixture
def server():
    with SearchServer() as server:
        yield server


def fetch(data, *urls, named=NAMED) -> list[Picture | Rejection]:
    """What comes of these addresses, asked for all at once."""

    async def run():
        async with Downloader(data, named) as downloader:
            return await asyncio.gather(*map(downloader.fetch, urls), return_exceptions=True)

    return asyncio.run(run())


def files(data) -> list[str]:
    return sorted(path.name for path in (data / "pictures").iterdir())


def test_a_picture_arrives_bit_for_bit_under_the_hash_of_its_bytes(server, tmp_path):
    server.pictures["a.jpg"] = body = picture(1, (64, 48))
    (got,) = fetch(tmp_path, f"{server.url}/images/a.jpg")
    name = hashlib.sha256(body).hexdigest()
    assert got == Picture(f"pictures/{name}.jpg", name, len(body), 64, 48)
    assert (tmp_path / got.file).read_bytes() == body
    assert files(tmp_path) == [f"{name}.jpg"]


def test_the_query_of_an_address_is_sent_as_it_was_found(server, tmp_path):
    server.pictures["a.jpg"] = picture()
    address = "/images/a.jpg?size=large&signature=a%2Bb%7Ec%2F+d&empty="
    fetch(tmp_path, server.url + address)
    assert server.requests == [address]


def test_a_server_is_told_who_asks_and_how_to_complain(server, tmp_path):
    fetch(tmp_path, f"{server.url}/images/a.jpg")
    agent = server.headers[0]["User-Agent"]
    assert "beercan-or-bacon" in agent
    assert "(+http" in agent


@pytest.mark.parametrize(
    ("form", "extension"),
    [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("GIF", "gif"), ("BMP", "bmp"), ("AVIF", "avif")],
)
def test_the_extension_is_what_the_picture_is_not_what_it_is_called(form, extension, server, tmp_path):
    server.pictures["liar.html"] = picture(form=form)
    server.faults["liar.html"] = instead(picture(form=form), Content_Type="text/html")
    (got,) = fetch(tmp_path, f"{server.url}/images/liar.html")
    assert got.file.endswith(f".{extension}")


def test_size_is_as_displayed(server, tmp_path):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    server.pictures["a.jpg"] = picture(size=(64, 48), exif=exif)
    (got,) = fetch(tmp_path, f"{server.url}/images/a.jpg")
    assert (got.width, got.height) == (48, 64)


def bomb() -> bytes:
    """A PNG of a few hundred bytes that claims 10000 x 10000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("fault", "reason", "final", "asked"),
    [
        (status(404), "http 404", True, 1),
        (status(403), "http 403", True, 1),
        (status(410), "http 410", True, 1),
        (status(500), "http 500", False, 3),
        (status(503), "http 503", False, 3),
        (status(429, Retry_After="0"), "http 429", False, 3),
        (status(429, Retry_After="86400"), "http 429", False, 1),  # tomorrow is not for this run
        (status(206), "http 206", True, 1),
        (instead(b"<!doctype html><title>Log in</title>", Content_Type="image/jpeg"), "not an image", True, 1),
        (instead(b""), "not an image", True, 1),
        (instead(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "not an image", True, 1),
        (instead(picture()[:-400]), "broken image", True, 1),  # all of it came, and it is broken
        (instead(bomb()), "too many pixels", True, 1),
        (instead(picture(), X_Robots_Tag="noai, noimageai"), "opted out", True, 1),
        (instead(picture(), X_Robots_Tag="otherbot: noindex, NOIMAGEAI"), "opted out", True, 1),
        (cut_short, "truncated", False, 3),
        (cut_short_unannounced, "truncated", False, 3),
        (hang_up, "unreachable", False, 2 * 3),  # aiohttp asks once more by itself when a connection is lost
        (stall, "stalled", False, 1),
        (silence, "stalled", False, 1),
        (drip, "stalled", False, 1),
        (drip_headers, "stalled", False, 1),
        (endless, "too large", True, 1),
        (instead(b"", Content_Length="999999999"), "too large", True, 1),
        (redirect("/images/a.jpg"), "redirect loop", True, 1),
        (redirect("http://169.254.169.254/latest/meta-data/"), "private address", True, 1),
        (redirect("file:///etc/passwd"), "bad address", True, 1),
        (redirect("http://[nonsense"), "bad address", True, 1),
    ],
)
def test_what_cannot_be_had_is_refused_for_its_true_reason(fault, reason, final, asked, server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "SILENCE", 0.4)
    monkeypatch.setattr(download, "SECONDS", 0.8)
    monkeypatch.setattr(download, "BYTES", 1_000_000)
    server.pictures["a.jpg"] = picture()
    server.faults["a.jpg"] = fault
    (got,) = fetch(tmp_path, f"{server.url}/images/a.jpg")
    assert isinstance(got, Rejection)
    assert (got.reason, got.final, server.asked("a.jpg")) == (reason, final, asked)
    assert files(tmp_path) == []


def test_no_body_is_read_beyond_the_limit(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "BYTES", 1_000_000)
    server.pictures["a.jpg"] = picture()
    server.faults["a.jpg"] = endless
    fetch(tmp_path, f"{server.url}/images/a.jpg")
    assert server.poured < 30_000_000  # what is beyond the limit filled the sockets' buffers and was never read


def test_redirects_are_followed_and_not_for_ever(server, tmp_path):
    server.pictures["a.jpg"] = picture()
    server.answers["/old"] = redirect("/images/a.jpg?new")
    for n in range(20):
        server.answers[f"/hop{n}"] = redirect(f"/hop{n + 1}")
    got, rejection = fetch(tmp_path, f"{server.url}/old", f"{server.url}/hop0")
    assert (got.width, got.height) == (64, 48)
    assert (rejection.reason, rejection.final) == ("too many redirects", True)
    assert "/hop19" not in server.requests


@pytest.mark.parametrize("fault", [status(503), status(500), status(429, Retry_After="0"), hang_up, cut_short])
def test_a_fault_that_passes_is_waited_out(fault, server, tmp_path):
    server.pictures["a.jpg"] = picture()
    server.faults["a.jpg"] = once(fault)
    (got,) = fetch(tmp_path, f"{server.url}/images/a.jpg")
    assert (tmp_path / got.file).read_bytes() == server.pictures["a.jpg"]
    assert server.asked("a.jpg") == 2


def test_a_server_that_says_how_long_to_wait_is_left_alone_that_long(server, tmp_path):
    asked = []

    def busy(handler, body, _tries):
        asked.append(time.monotonic())
        handler.reply(429, Retry_After="1") if len(asked) <= 2 else handler.reply(200, body)

    for name in ("a.jpg", "b.jpg", "c.jpg"):
        server.pictures[name] = picture()
        server.faults[name] = busy
    got = fetch(tmp_path, *(f"{server.url}/images/{name}" for name in server.pictures))
    assert all(isinstance(one, Picture) for one in got)
    assert sorted(asked)[-2] - sorted(asked)[0] >= 0.9  # of the three asked at first, two are asked again


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]
)
def test_private_addresses_are_not_connected_to(host, server, tmp_path):
    server.pictures["a.jpg"] = picture()
    (got,) = fetch(tmp_path, f"http://{host}:{server.server_port}/images/a.jpg", named=frozenset())
    assert got.reason in ("private address", "bad address")
    assert got.final
    assert server.requests == []


def test_a_public_name_with_a_private_answer_is_not_connected_to(server, tmp_path, monkeypatch):
    real = socket.getaddrinfo
    answers = {"pictures.example": "127.0.0.1"}
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: real(answers.get(host, host), *rest, **more))
    server.pictures["a.jpg"] = picture()
    address = f"http://pictures.example:{server.server_port}/images/a.jpg"
    (got,) = fetch(tmp_path, address)
    assert (got.reason, got.final, server.requests) == ("private address", True, [])
    server.faults["b.jpg"], server.pictures["b.jpg"] = redirect(address), b""
    (got,) = fetch(tmp_path, f"{server.url}/images/b.jpg")
    assert (got.reason, got.final, server.requests) == ("private address", True, ["/images/b.jpg"])
    (got,) = fetch(tmp_path, address, named=frozenset({"pictures.example"}))  # the same name, named on the command line
    assert isinstance(got, Picture)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True), ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True), ("64:ff9b::5db8:d70e", True),
        ("10.0.0.1", False), ("172.16.0.1", False), ("192.168.1.1", False), ("169.254.169.254", False),
        ("100.64.0.1", False), ("0.0.0.0", False), ("224.0.0.1", False), ("255.255.255.255", False),
        ("::", False), ("::1", False), ("fe80::1%eth0", False), ("fd00::1", False), ("ff02::1", False),
        ("::ffff:10.0.0.1", False), ("2002:7f00:1::", False), ("64:ff9b::7f00:1", False),
        ("2001:0:7f00:1::", False),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address, public):
    assert is_public(address) == public


@pytest.mark.parametrize("url", ["", "ftp://example.org/a.jpg", "http://", "http://[nonsense/a.jpg"])
def test_an_address_that_is_none(url, tmp_path):
    (got,) = fetch(tmp_path, url)
    assert (got.reason, got.final) == ("bad address", True)


def test_sources_that_forbid_training_are_not_asked(tmp_path):
    (got,) = fetch(tmp_path, "https://images.unsplash.com/photo-1")
    assert (got.reason, got.final) == ("terms forbid training", True)


def test_many_at_once_but_few_of_one_host(server, tmp_path):
    server.latency = 0.05
    for n in range(40):
        server.pictures[f"{n}.jpg"] = picture(n)
    got = fetch(tmp_path, *(f"{server.url}/images/{name}" for name in server.pictures))
    assert len({one.sha256 for one in got}) == 40
    assert 4 <= server.busiest <= download.PER_NAMED_HOST


def test_a_host_that_was_not_named_is_asked_for_as_few_as_the_readme_promises(server, tmp_path, monkeypatch):
    monkeypatch.setattr(web, "is_public", lambda _address: True)  # the server stands for one on the open internet
    server.latency = 0.05
    for n in range(20):
        server.pictures[f"{n}.jpg"] = picture(n)
    got = fetch(tmp_path, *(f"{server.url}/images/{name}" for name in server.pictures), named=frozenset())
    assert len({one.sha256 for one in got}) == 20
    assert server.busiest == download.PER_HOST
    numbers = {2: "two", 12: "twelve"}
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"at most {numbers[download.PER_HOST]} pictures at a time from one host" in readme
    assert f"({numbers[download.PER_NAMED_HOST]} from a server that you name)" in readme


@pytest.mark.parametrize(("fault", "reason"), [(stall, "host stalls"), (silence, "host does not answer")])
def test_a_stalled_server_holds_up_nobody_else(fault, reason, server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "SILENCE", 0.5)
    with SearchServer() as stalled:
        for n in range(40):
            server.pictures[f"{n}.jpg"] = stalled.pictures[f"{n}.jpg"] = picture(n)
            stalled.faults[f"{n}.jpg"] = fault
        names = list(server.pictures)
        got = fetch(tmp_path, *(f"{host.url}/images/{name}" for name in names for host in (stalled, server)))
    assert all(isinstance(one, Picture) for one in got[1::2])
    assert {one.reason for one in got[::2]} == {"stalled", reason}
    assert not any(one.final for one in got[::2])
    assert len(stalled.requests) <= 2 * download.PER_NAMED_HOST  # it was given up, not asked for all forty


def test_a_run_that_is_stopped_leaves_no_half_picture_and_the_next_clears_up(server, tmp_path):
    server.pictures["a.jpg"] = picture()
    server.faults["a.jpg"] = stall

    async def run():
        async with Downloader(tmp_path, NAMED) as downloader, asyncio.timeout(0.5):
            await downloader.fetch(f"{server.url}/images/a.jpg")

    with pytest.raises(TimeoutError):
        asyncio.run(run())
    assert files(tmp_path) == []
    (tmp_path / "pictures" / ".part-killed").write_bytes(b"half")
    fetch(tmp_path)
    assert files(tmp_path) == []


def test_a_second_run_on_the_same_folder_leaves_the_first_ones_pictures_alone(server, tmp_path):
    half, begun = threading.Event(), threading.Event()

    def slow(handler, body, _tries):
        handler.reply(200, body[: len(body) // 2], Content_Length=str(len(body)))
        handler.wfile.flush()
        begun.set()
        half.wait(30)
        handler.wfile.write(body[len(body) // 2 :])

    names = [f"{n}.jpg" for n in range(8)]
    for n, name in enumerate(names):
        server.pictures[name], server.faults[name] = picture(n), slow

    async def run():
        async with Downloader(tmp_path, NAMED) as first:
            pictures = [asyncio.create_task(first.fetch(f"{server.url}/images/{name}")) for name in names]
            await asyncio.to_thread(begun.wait, 30)
            while all(path.is_dir() or path.name == "lock" for path in (tmp_path / "pictures").rglob("*")):
                await asyncio.sleep(0.01)
            async with Downloader(tmp_path, NAMED):
                half.set()
                return await asyncio.gather(*pictures)

    assert len({one.sha256 for one in asyncio.run(run())}) == 8
    assert len(files(tmp_path)) == 8


def test_a_picture_whose_file_was_taken_away_is_asked_for_again(server, tmp_path, monkeypatch):
    server.pictures["a.jpg"] = picture()
    real, taken = download.inspect, []

    def taking(path, whole=True):
        if not taken:
            taken.append(path)
            path.unlink()
        return real(path, whole)

    monkeypatch.setattr(download, "inspect", taking)
    (got,) = fetch(tmp_path, f"{server.url}/images/a.jpg")
    assert (got.width, got.height) == (64, 48)
    assert server.asked("a.jpg") == 2


def test_what_a_killed_run_left_is_cleared_and_what_a_living_one_holds_is_not(tmp_path):
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from beercan_or_bacon.training.collect.download import Downloader\n"
        "async def run():\n"
        "    async with Downloader(Path(sys.argv[1])) as downloader:\n"
        "        (downloader.parts / 'half').write_bytes(b'half')\n"
        "        print('ready', flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(run())\n"
    )
    other = subprocess.Popen([sys.executable, "-c", code, tmp_path], cwd=ROOT, stdout=subprocess.PIPE)
    other.stdout.readline()
    fetch(tmp_path)
    (left,) = (tmp_path / "pictures").iterdir()
    assert (left / "half").exists()
    other.kill()
    other.wait()
    fetch(tmp_path)
    assert files(tmp_path) == []
