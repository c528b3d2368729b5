"""What both pages promise everybody, as axe-core and a ruler see it: no violation, nothing beside the screen."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe

# A text is cut when its box hides what flows over; file names under the tiles end in an ellipsis on purpose.
CUT = """() => [...document.querySelectorAll("body *")].filter((box) => {
  const style = getComputedStyle(box);
  const told = [...box.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  return told && box.checkVisibility() && style.textOverflow !== "ellipsis" && style.clipPath === "none"
    && (style.overflowX !== "visible" && style.overflowX !== "auto" && box.scrollWidth > box.clientWidth + 1
      || style.overflowY !== "visible" && style.overflowY !== "auto" && box.scrollHeight > box.clientHeight + 1);
}).map((box) => box.outerHTML)"""
STILL = "() => document.getAnimations().every((animation) => animation.playState !== 'running')"
# 200 % of a window of 1280 x 800
LOOKS = {
    "light": {"viewport": {"width": 1200, "height": 900}},
    "dark on a phone": {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"},
    "forced colours": {"viewport": {"width": 1200, "height": 900}, "forced_colors": "active"},
    "twice as large": {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2},
}


def assert_accessible(page, state: str) -> None:
    """state: what the page shows, for the message. Colours are measured when nothing moves."""
    page.wait_for_function(STILL)
    violations = [(v["id"], [node["html"] for node in v["nodes"]]) for v in Axe().run(page).response["violations"]]
    assert not violations, (state, violations)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), state
    assert not (cut := page.evaluate(CUT)), (state, cut)
