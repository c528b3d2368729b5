"""Take the pictures of the page that lie beside this file: python docs/screenshots.py (needs Chromium)."""

from __future__ import annotations

import http.server
import io
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import expect, sync_playwright

HERE = Path(__file__).parent
URL = "http://127.0.0.1:7921"
EXAMPLES = [path.stem for path in sorted((HERE.parent / "examples").glob("*.jpg"))]
BLOG = f"""<!doctype html><meta charset="utf-8"><title>A blog</title>
<style>body {{ font: 18px/1.6 Georgia, serif; max-width: 680px; margin: 24px auto; color: #333 }}</style>
<h1>What did I just say?</h1>
<p>I said “beer can” to my friends. They brought bacon. So I asked the internet:</p>
<iframe src="{URL}/?__theme=light" title="Beer can or bacon?" style="width: 100%; height: 640px; border: 0"></iframe>
<p>Try it with your own breakfast.</p>"""


def main() -> None:
    environment = {**os.environ, "GRADIO_SERVER_PORT": URL.rsplit(":", 1)[1]}
    app = subprocess.Popen([sys.executable, HERE.parent / "app.py"], env=environment, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                httpx.get(URL, timeout=60)
                break
            except httpx.TransportError:
                time.sleep(0.2)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            expect.set_options(timeout=60_000)
            take(browser, "desktop", 1200, 860, "bacon_1")
            take(browser, "where-it-looked", 1200, 860, "beer_can_1", look=True)
            take(browser, "dark", 1200, 860, "both_1", color_scheme="dark")
            take(browser, "phone", 360, 780, "beer_can_1")
            take(browser, "iframe", 760, 960, "neither_1", html=BLOG)
            take(browser, "error", 600, 640)
            browser.close()
    finally:
        app.terminate()
        app.wait()


def blog(html: str) -> str:
    """Serve somebody's page on another origin; it is as local as ours, or Chromium would not let it embed ours."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(html.encode())

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://localhost:{server.server_port}/"


def take(browser, name: str, width: int, height: int, example: str = "", look: bool = False, html: str = "", **context):
    """One picture, after a click on an example, or of a file that is none."""
    page = browser.new_context(viewport={"width": width, "height": height}, **context).new_page()
    page.goto(blog(html) if html else URL, timeout=60_000)
    frame = page.wait_for_selector("iframe").content_frame() if html else page
    expect(frame.locator(".bcob-word")).to_have_text("Well?")
    if example:
        frame.get_by_role("button", name=f"Example {EXAMPLES.index(example) + 1}", exact=True).click()
        expect(frame.locator(".bcob-where")).to_be_enabled()
    else:
        broken = {"name": "broken.jpg", "mimeType": "image/jpeg", "buffer": b"not a picture"}
        frame.set_input_files("#bcob-upload input[type=file]", broken)
        expect(frame.locator(".bcob-word")).to_have_text("Hm.")
    if look:
        frame.locator(".bcob-where").click()
    page.mouse.move(2, 2)
    page.wait_for_timeout(1500)  # the bars move
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(256)
    picture.save(HERE / f"{name}.png", optimize=True)
    print(name, frame.locator(".bcob-word").inner_text(), (HERE / f"{name}.png").stat().st_size // 1000, "KB")


if __name__ == "__main__":
    main()
