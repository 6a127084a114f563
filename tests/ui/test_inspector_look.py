"""The inspector for every reader: contrast, narrow screens, assistive technology, motion."""

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from akl_viz.metrics import METRICS
from tests.browser_fixtures import SETTLE_MS
from tests.ui.driving import opened, token

pytestmark = [pytest.mark.browser, pytest.mark.slow]

READABLE = 4.5
"""WCAG 2.2 AA for text."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_tokens_are_readable_on_every_fill(open_page, harness, scheme):
    page = opened(open_page, harness, scheme=scheme)
    for key in METRICS:
        page.locator("[data-control='metric']").select_option(key)
        pairs = page.locator(".strip").evaluate(
            """strip => {
              const paper = getComputedStyle(strip.closest('.akl')).backgroundColor;
              const seen = new Set([...strip.querySelectorAll('.t')].map(t => {
                const style = getComputedStyle(t);
                return JSON.stringify([style.color, style.backgroundColor, paper]);
              }));
              return [...seen].map(JSON.parse);
            }"""
        )
        assert min(contrast(*map(channels, pair)) for pair in pairs) >= READABLE
    dark = channels(pairs[0][2]).mean() < 0.5
    assert dark == (scheme == "dark")


def channels(colour):
    parts = [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")]
    return np.array(parts) / [255, 255, 255, 1][: len(parts)]


def contrast(text, fill, paper):
    if len(fill) == 4:
        fill = fill[:3] * fill[3] + paper[:3] * (1 - fill[3])
    linear = [np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in (text[:3], fill)]
    low, high = sorted(float(part @ [0.2126, 0.7152, 0.0722]) for part in linear)
    return (high + 0.05) / (low + 0.05)


def test_the_page_never_scrolls_sideways(open_page, harness):
    page = opened(open_page, harness, size=(360, 900))
    token(page, 12).click()
    for width in (360, 800, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function("width => document.documentElement.clientWidth === width", arg=width)
        # What the new width asks for is drawn a frame later, or many on a busy machine.
        page.wait_for_function("document.documentElement.scrollWidth <= innerWidth", timeout=SETTLE_MS)
        for choice in ("terms", "probability", "log"):
            page.locator(f".slot [data-choice='{choice}']").click()
            inside = page.locator(".akl").evaluate("root => [root.scrollWidth, root.clientWidth]")
            assert inside[0] <= inside[1]
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("scheme", "panel"), [("light", "probability"), ("dark", "terms")])
def test_axe_finds_no_violation(open_page, harness, scheme, panel):
    page = opened(open_page, harness, scheme=scheme)
    token(page, 12).click()
    page.locator(f".slot [data-choice='{panel}']").click()
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa"]}).response["violations"]
    assert [(rule["id"], node["target"]) for rule in found for node in rule["nodes"]] == []


def test_motion_is_off_where_a_person_asked_for_none(open_page, harness):
    page = opened(open_page, harness, motion=True)
    page.emulate_media(reduced_motion="reduce")
    duration = page.locator("[data-control='save-svg']").evaluate("node => getComputedStyle(node).transitionDuration")
    assert duration == "0s"
