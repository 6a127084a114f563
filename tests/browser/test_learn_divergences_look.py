"""Bars over a small vocabulary for every reader: narrow screens, assistive technology, motion."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.small_vocabulary import PATIENCE_MS, opened, root

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize("query", ["", "?preset=real&size=20&temperature=2&loss=akl", "?preset=zipf&size=50&scale=log"])
def test_a_narrow_page_needs_no_sideways_scroll(app, open_page, query):
    page = opened(open_page, app, query, size=(360, 900))
    for width in (360, 800):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function("width => document.documentElement.clientWidth === width", arg=width)
        # What the new width asks for is drawn a frame later, or many on a busy machine.
        page.wait_for_function(f"{SIDEWAYS} === 0", timeout=PATIENCE_MS)
        inside = root(page).evaluate("root => [root.scrollWidth, root.clientWidth]")
        assert inside[0] <= inside[1] <= width


@pytest.mark.parametrize(("query", "scheme"), [("", "light"), ("?preset=real&temperature=2&loss=akl&mu=0.8", "dark")])
def test_axe_finds_no_violation(app, open_page, query, scheme):
    page = opened(open_page, app, query, scheme=scheme)
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa"]}).response["violations"]
    assert [(rule["id"], [node["target"] for node in rule["nodes"]][:4]) for rule in found] == []


def test_motion_is_off_where_a_person_asked_for_none(app, open_page):
    page = opened(open_page, app, motion=True)
    page.emulate_media(reduced_motion="reduce")
    moving = root(page).evaluate(
        """root => [...root.querySelectorAll('*')].filter((node) => {
          const style = getComputedStyle(node);
          return style.transitionDuration !== '0s' || style.animationName !== 'none';
        }).length"""
    )
    assert moving == 0
