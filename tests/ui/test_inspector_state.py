"""What the inspector says of a head, tells the server, takes from an address, and leaves behind."""

import numpy as np
import pytest

from akl_viz.ui.inspector import standalone_html
from tests.browser_fixtures import settled
from tests.ui.driving import opened, state, token
from tests.ui.fabricated import fabricated

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def head_label(page, i):
    token(page, i).click()
    return page.locator(f".slot .card[data-index='{i}'] svg.curve").get_attribute("aria-label")


@pytest.mark.parametrize("boundary", ["below", "reach"])
def test_a_card_says_which_tokens_are_the_head(open_page, harness, boundary):
    page = opened(open_page, harness if boundary == "below" else f"{harness}/?trace=reach")
    made = fabricated(boundary=boundary)
    size, mass = made.columns["head_size"], made.table.head_mass
    alone = int(np.flatnonzero((size == 1) & (mass > 0.5))[0])
    several = int(np.flatnonzero(size > 1)[0])
    ends = {"below": ("beyond μ = 0.5 by itself", "the most that stay within μ = 0.5")}
    one, more = ends.get(boundary, ("the fewest that reach μ = 0.5",) * 2)
    assert (mass[several] <= 0.5) == (boundary == "below")
    assert head_label(page, alone).endswith(f"the head is the likeliest token, mass {mass[alone]:.3f}, {one}")
    assert head_label(page, several).endswith(
        f"the head is the likeliest {size[several]:.0f} tokens, mass {mass[several]:.3f}, {more}"
    )


def test_what_a_card_shows_and_the_glyphs_are_told_and_restored(open_page, harness):
    page = opened(open_page, harness)
    page.locator(".slot [data-choice='log']").click()
    page.locator(".slot [data-choice='terms']").click()
    page.locator("[data-switch='glyphs']").uncheck()
    state(page, "bars=terms scale=log glyphs=False")
    again = opened(open_page, f"{harness}/?bars=terms&scale=log&glyphs=0")
    assert again.locator(".slot [data-choice='terms']").get_attribute("aria-pressed") == "true"
    assert not again.locator("[data-switch='glyphs']").is_checked()
    assert again.locator(".akl.plain").count() == 1
    again.locator(".slot [data-choice='probability']").click()
    assert again.locator(".slot [data-choice='log']").get_attribute("aria-pressed") == "true"


def test_the_text_before_a_token_cannot_be_reordered(open_page, tmp_path):
    text = "one \u05e9\u05dc \u202e two three four"
    path = tmp_path / "reordered.html"
    path.write_text(standalone_html(fabricated(text, infinite=False)), encoding="utf-8")
    page = open_page(path.as_uri(), fresh=True)
    token(page, 5).click()
    context = page.locator(".slot .where bdi").inner_text()
    assert "U+202E" in context
    assert "\u202e" not in context


@pytest.mark.parametrize("mu", [0.05, 0.5, 0.95])
def test_the_name_of_mu_stands_inside_its_picture(open_page, tmp_path, mu):
    path = tmp_path / "mu.html"
    path.write_text(standalone_html(fabricated(mu=mu)), encoding="utf-8")
    page = open_page(path.as_uri(), fresh=True)
    picture, name = (page.locator(f".slot svg.curve{part}").bounding_box() for part in ("", " text"))
    assert picture["x"] <= name["x"]
    assert name["x"] + name["width"] <= picture["x"] + picture["width"]


WATCHERS = """
  const Real = ResizeObserver;
  window.watched = new Set();
  window.ResizeObserver = class extends Real {
    observe(node, ...rest) { if (node.matches("figure.chart")) watched.add(this); super.observe(node, ...rest); }
    disconnect() { watched.delete(this); super.disconnect(); }
  };
"""


def test_a_view_that_is_gone_watches_and_sends_nothing(open_page, harness):
    page = open_page("about:blank", fresh=True)
    page.add_init_script(WATCHERS)
    page.goto(harness)
    page.wait_for_selector(".strip .t")
    settled(page)
    assert page.evaluate("watched.size") == 1
    page.get_by_role("button", name="other trace").click()
    page.get_by_text("head gap: the teacher’s top 0.9 of mass").wait_for()
    settled(page)
    assert page.evaluate("watched.size") == 1
    page.get_by_text("away").click()
    page.locator(".strip").wait_for(state="detached")
    settled(page)
    assert page.evaluate("watched.size") == 0
