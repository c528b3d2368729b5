"""The page behind nginx and Caddy, as deploy/ sets them up: at the root or below, with TLS or without, in Chromium."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from conftest import ROOT, SERVE, free_port, wait_for
from gradio_page import give
from playwright.sync_api import expect
from static_site import blog

from beercan_or_bacon.serving.pictures import TOO_LARGE

CADDY = Path(sys.executable).parent / "caddy"  # of requirements-dev.txt
DEBIANS_CADDY = "/usr/bin/caddy"  # 2.6 in Debian 12 and 13
PREFIXES = ("", "/demo")


@contextlib.contextmanager
def process(command: list, url: str, **environment: str) -> Iterator[subprocess.Popen]:
    """A server that answers at its address; ended afterwards."""
    running = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment})
    try:
        wait_for(url, running)
        yield running
    finally:
        running.terminate()
        running.wait()


@pytest.fixture(scope="module")
def pages(tiny_model, tmp_path_factory):
    """prefix -> the port of a page that is told of it."""
    examples, ports = tmp_path_factory.mktemp("no-examples"), {prefix: free_port() for prefix in PREFIXES}
    command = [sys.executable, "-c", SERVE, tiny_model, examples]

    def page(prefix: str):
        own = {"GRADIO_SERVER_PORT": str(ports[prefix]), "GRADIO_ROOT_PATH": prefix}
        own["TMPDIR"] = str(tmp_path_factory.mktemp("temporary"))
        return process(command, f"http://127.0.0.1:{ports[prefix]}/livez", **own)

    with page(PREFIXES[0]), page(PREFIXES[1]):
        yield ports


@dataclass(frozen=True)
class Outside:
    """How visitors reach the page: the address without a slash at its end, and the path below the host."""

    url: str
    prefix: str


@contextlib.contextmanager
def nginx(folder: Path, port: int, pages: list[int], prefix: str, tls: bool) -> Iterator[None]:
    """nginx with deploy/nginx.conf, changed as its comments say."""
    site = (ROOT / "deploy/nginx.conf").read_text(encoding="utf-8")
    listen = f"listen 127.0.0.1:{port}"
    if tls:
        certificate = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-subj", "/CN=localhost"]
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *certificate]
        subprocess.run(command, check=True, capture_output=True)
        listen += f" ssl;\n    ssl_certificate {folder}/cert.pem;\n    ssl_certificate_key {folder}/key.pem"
    for old, new in (
        ("listen 80", listen),
        ("127.0.0.1:7860", f"127.0.0.1:{pages[0]}"),
        ("location / {", f"location {prefix}/ {{"),
    ):
        assert old in site
        site = site.replace(old, new, 1)
    (folder / "site.conf").write_text(site)
    places = "".join(
        f"{what}_temp_path {folder}/{what}; " for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"user root; daemon off; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {places} include {folder}/site.conf; }}"
    )
    command = [shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-c", folder / "nginx.conf", "-e", "stderr"]
    with process(command, f"http://127.0.0.1:{port}"):
        yield


@contextlib.contextmanager
def caddy(binary: Path | str, folder: Path, port: int, pages: list[int], prefix: str, tls: bool) -> Iterator[None]:
    """Caddy with deploy/Caddyfile, and global options that let it run beside others."""
    site = (ROOT / "deploy/Caddyfile").read_text(encoding="utf-8")
    if binary == DEBIANS_CADDY:  # what came with 2.7 had another name
        site = site.replace("request_buffers 21MB", "buffer_requests\n\t\t\t\tmax_buffer_size 21MB")
    (folder / "site").write_text(site)
    ports = f"http_port {free_port()}\n https_port {port}" if tls else f"http_port {port}\n https_port {free_port()}"
    (folder / "Caddyfile").write_text(
        f"{{\n admin off\n skip_install_trust\n {ports}\n log {{\n  level ERROR\n }}\n}}\nimport {folder}/site\n"
    )
    command = [binary, "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"]
    own = {
        "DOMAIN": f"http{'s' * tls}://localhost:{port}",
        "PREFIX": prefix,
        "PAGES": " ".join(f"127.0.0.1:{page}" for page in pages),
    }
    with process(command, f"http://127.0.0.1:{port}", XDG_DATA_HOME=str(folder), HOME=str(folder), **own):
        yield


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((proxy, prefix, tls), id=f"{proxy}-{prefix.strip('/') or 'root'}-{'https' if tls else 'http'}")
        for proxy in ("nginx", "caddy", "debians-caddy")
        for prefix in PREFIXES
        for tls in (False, True)
    ],
)
def outside(request, pages, tmp_path_factory):
    """The page behind a proxy."""
    proxy, prefix, tls = request.param
    there = {"nginx": Path("/usr/sbin/nginx"), "caddy": CADDY, "debians-caddy": Path(DEBIANS_CADDY)}[proxy]
    if not there.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no {proxy} here: apt-get install nginx-light caddy")
    folder, port = tmp_path_factory.mktemp("proxy"), free_port()
    start = nginx if proxy == "nginx" else functools.partial(caddy, CADDY if proxy == "caddy" else DEBIANS_CADDY)
    with start(folder, port, [pages[prefix]], prefix, tls):
        url = f"http{'s' * tls}://localhost:{port}{prefix}"
        while not is_served(f"{url}/"):
            time.sleep(0.1)
        yield Outside(url, prefix)


def is_served(url: str) -> bool:
    """Whether the page comes through: Caddy makes its certificate and asks /readyz first."""
    try:
        return httpx.get(url, verify=False, timeout=60).is_success
    except httpx.TransportError:
        return False


def test_a_visitor(browser, outside, draw):
    context = browser.new_context(ignore_https_errors=True)
    page, elsewhere = context.new_page(), []
    page.on("request", lambda request: elsewhere.append(request.url))
    page.goto(f"{outside.url}/")
    expect(page.locator("#bcob-upload button").first).to_be_visible(timeout=30_000)
    give(page, draw("bacon"))
    expect(page.locator(".bcob-word")).to_have_text("bacon", timeout=30_000)
    page.get_by_role("button", name="Where it looked").click()
    page.wait_for_function("document.querySelector('#bcob-heat img')?.naturalWidth > 0")
    page.get_by_text("Embed this").click()
    expect(page.locator(".bcob-code code").first).to_contain_text(f'src="{outside.url}/')
    snippets = "\n".join(page.locator(".bcob-code code").all_inner_texts())
    assert f"{outside.url}/verdict" in snippets
    assert not re.search(r"127\.0\.0\.1|/demo/demo", snippets)
    context.close()
    assert [url for url in elsewhere if not url.startswith((outside.url, "data:", "blob:"))] == []


def test_embedded_in_another_origin(browser, outside, tmp_path, draw):
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    with blog(tmp_path, f'<iframe src="{outside.url}/" width="600" height="640"></iframe>') as address:
        page.goto(address)
        frame = page.wait_for_selector("iframe").content_frame()
        expect(frame.locator("#bcob-upload button").first).to_be_visible(timeout=30_000)
        give(frame, draw("both"))
        expect(frame.locator(".bcob-word")).to_have_text("both", timeout=30_000)
        context.close()


@pytest.fixture
def client(outside):
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    with httpx.Client(base_url=outside.url, verify=unverified, timeout=60) as client:
        yield client


def test_a_program(client, draw):
    assert client.post("/verdict", content=draw("beer can").read_bytes()).json()["verdict"] == "beer can"
    assert "error" in client.post("/verdict", content=b"?").json()


def test_pictures_of_the_largest_size_pass_and_larger_ones_do_not(client, draw):
    picture = draw("bacon").read_bytes()
    largest = picture + bytes(20 * 1024 * 1024 - len(picture))  # a JPEG ends before its file does
    answer = client.post("/verdict", content=largest)
    assert answer.json().get("verdict") == "bacon", answer.text
    assert client.post("/gradio_api/upload", files={"files": largest}).status_code == 200
    for body in (bytes(2 * len(largest)), (bytes(len(picture)) for _ in range(2 * len(largest) // len(picture)))):
        answer = client.post("/verdict", content=body)  # a generator has no announced size
        assert (answer.status_code, answer.json()) == (413, {"error": TOO_LARGE})
        assert client.post("/verdict", content=picture).json().get("verdict") == "bacon"  # the page is no worse for it


def test_answers_are_streamed(client):
    start = time.monotonic()
    with client.stream("GET", "/gradio_api/heartbeat/visitor") as answer:
        assert next(answer.iter_lines()) == "data: ALIVE"
    assert time.monotonic() - start < 10  # the next line comes after 15 seconds, the end never


def test_what_is_for_machines_stays_inside(client):
    for path in ("/metrics", "/livez", "/readyz"):
        assert client.get(path).status_code == 404


def test_below_the_root_is_not_the_root(client, outside):
    if outside.prefix and "localhost" in outside.url:
        root = httpx.URL(outside.url).copy_with(path="/verdict")
        assert client.post(root, content=b"?").status_code in (200, 404, 405)
        assert "verdict" not in client.post(root, content=b"?").text
