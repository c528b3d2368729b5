"""The Gradio page in Chromium: what its tests have in common."""

from __future__ import annotations

import base64

from playwright.sync_api import expect

# Fires real events with a real file at an element, as a drop or a paste does.
GIVE = """([selector, kind, name, type, data]) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type }));
  const target = document.querySelector(selector), how = { bubbles: true, cancelable: true };
  if (kind == "paste") target.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, ...how }));
  else for (const step of ["dragenter", "dragover", "drop"])
    target.dispatchEvent(new DragEvent(step, { dataTransfer: transfer, ...how }));
}"""
expect.set_options(timeout=20_000)


def give(frame, path, how: str = "drop", on: str = "#bcob-upload button", kind: str = "image/jpeg") -> None:
    frame.evaluate(GIVE, [on, how, path.name, kind, base64.b64encode(path.read_bytes()).decode()])


def word(page):
    return page.locator(".bcob-word")
