"""The notebook in Voilà beside the Gradio page: how long a visitor waits, what a server needs.

    python -m benchmarks.notebook [--rounds 5] [--python ENV/bin/python]

Both run side by side and take turns; what counts is the ratio. --python: an environment of binder/requirements.txt, to
run Voilà from; by default it is this one. What comes from elsewhere (Voilà's icons, fonts) is left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.page import free_port, installed, started

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "examples" / "bacon_1.jpg"
REQUIREMENTS = {"voila": "binder/requirements.txt", "gradio": "requirements.txt"}
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
LONG = 120_000  # ms


def choose(page: Page, name: str) -> None:
    """Give the page the picture: by Voilà's button, or by Gradio's field."""
    if name == "gradio":
        return page.set_input_files("#bcob-upload input[type=file]", PICTURE)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a picture").click()
    chooser.value.set_files(PICTURE)


def visit(browser: Browser, name: str, url: str) -> dict[str, float]:
    """One visitor, new to the page: seconds until something is seen, until a picture is taken, and until a verdict."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.route("https://**/*", lambda route: route.abort())
    page = context.new_page()
    start = time.perf_counter()
    page.goto(url, wait_until="commit", timeout=LONG)
    expect(page.locator(".bcob-word")).to_have_text("Well?", timeout=LONG)
    page.wait_for_selector("#bcob-upload input[type=file]" if name == "gradio" else ".bcob-choose", state="attached")
    ready = time.perf_counter()
    choose(page, name)
    expect(page.locator(".bcob-word")).to_have_text("bacon", timeout=LONG)
    verdict = time.perf_counter()
    paint = page.wait_for_function(PAINT).json_value() / 1000
    context.close()
    return {
        "first paint, s": paint,
        "first paint to ready for a picture, s": ready - start - paint,
        "picture to verdict, s": verdict - ready,
        "first paint to verdict, s": verdict - start - paint,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", default=sys.executable)
    args = parser.parse_args()
    urls = {name: f"http://127.0.0.1:{free_port()}" for name in REQUIREMENTS}
    ports = {name: url.rsplit(":", 1)[1] for name, url in urls.items()}
    voila = [
        args.python,
        "-m",
        "voila",
        "play.ipynb",
        "--no-browser",
        "--Voila.ip=127.0.0.1",
        f"--port={ports['voila']}",
    ]
    quiet, environment = subprocess.DEVNULL, {**os.environ, "PORT": ports["gradio"]}
    with (
        started(voila, f"{urls['voila']}/voila/static/none", cwd=ROOT / "notebooks", stderr=quiet) as notebook,
        started([sys.executable, "app.py"], urls["gradio"], cwd=ROOT, stderr=quiet, env=environment) as gradio,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        rows: dict[str, dict[str, list[float]]] = {}
        for _ in range(args.rounds):
            for name, url in urls.items():
                for title, seconds in visit(browser, name, url).items():
                    rows.setdefault(title, {}).setdefault(name, []).append(seconds)
        browser.close()
        servers = {"voila": notebook, "gradio": gradio}
        memory = {name: [_resident(process)] for name, process in servers.items()}
    rows[f"resident memory after {args.rounds} visitors, MB"] = memory
    rows["installed, MB"] = {
        name: [installed((ROOT / file).read_text().splitlines())] for name, file in REQUIREMENTS.items()
    }
    print(f"| {'':42} |    voila |   gradio | voila/gradio |\n|{'-' * 44}|---------:|---------:|-------------:|")
    for title, row in rows.items():
        ours, other = (statistics.median(row[name]) for name in ("voila", "gradio"))
        print(f"| {title:42} | {ours:8.2f} | {other:8.2f} | {ours / other:12.2f} |")


def _resident(process: psutil.Process) -> float:
    """MB of a server and all that it has started."""
    return sum(one.memory_info().rss for one in [process, *process.children(recursive=True)]) / 1e6


if __name__ == "__main__":
    main()
