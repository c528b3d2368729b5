"""What Docker, Compose and the proxies are given, looked at by their own tools."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

TOOLS = Path(sys.executable).parent  # of requirements-dev.txt: hadolint, docker-compose, caddy


def run(tool: str, *arguments: str, **environment: str) -> str:
    """What the tool prints; fails when it does."""
    done = subprocess.run(
        [TOOLS / tool, *arguments], cwd=ROOT, env={"PATH": "/usr/bin", "HOME": "/nonexistent", **environment},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.train"])
def test_hadolint_finds_nothing(name):
    assert run("hadolint", "--failure-threshold", "style", name) == ""


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.train"])
def test_nothing_comes_without_its_hash(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    base = re.search(r"^ARG BASE=(.*)$", text, re.M)[1]
    assert re.fullmatch(r"docker\.io/library/python:3\.\d+-slim-\w+@sha256:[0-9a-f]{64}", base)
    assert "--require-hashes --only-binary :all:" in text


@pytest.mark.parametrize("profile", ["web", "embed"])
def test_compose_reads_its_file(profile):
    config = yaml.safe_load(run("docker-compose", "--profile", profile, "config"))
    services = config["services"]
    assert {"page", profile} <= set(services)
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["mem_limit"], name
        assert service["pids_limit"], name
        assert "build" in service or re.search("@sha256:[0-9a-f]{64}$", service["image"]), name


def test_only_this_machine_reaches_the_page_past_the_proxy():
    services = yaml.safe_load(run("docker-compose", "--profile", "web", "config"))["services"]
    assert [port["host_ip"] for port in services["page"]["ports"]] == ["127.0.0.1"]
    assert "ports" not in services["second"]


@pytest.mark.parametrize("prefix", ["", "/demo"])
@pytest.mark.parametrize("name", ["Caddyfile", "embed.Caddyfile"])
def test_caddy_reads_its_files_and_would_write_them_so(name, prefix, tmp_path):
    environment = {"PREFIX": prefix, "PAGES": "127.0.0.1:1 127.0.0.1:2", "HOME": str(tmp_path)}
    run("caddy", "validate", "--config", f"deploy/{name}", "--adapter", "caddyfile", **environment)
    run("caddy", "fmt", f"deploy/{name}")
