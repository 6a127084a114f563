"""The tables of the fits on a phone: all columns are in sight, or a shade says that there are more."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE_MS = 90_000
TABLES = ("Optima, ranked", "Moments on the grid")


def opened(open_page, app, query, width):
    page = open_page(f"{app}/gaussian{query}", size=(width, 900))
    page.locator("[data-field='value.reverse_kl.0']").wait_for(timeout=PATIENCE_MS)
    return page


def hidden(page, name):
    """Pixels of the table that are out of sight."""
    region = page.get_by_role("region", name=name)
    return region.evaluate("(node) => node.scrollWidth - node.clientWidth")


@pytest.mark.parametrize("query", ["", "?preset=plane"])
@pytest.mark.parametrize("width", [360, 390])
def test_every_column_is_in_sight(app, open_page, query, width):
    page = opened(open_page, app, query, width)
    assert {name: hidden(page, name) for name in TABLES} == dict.fromkeys(TABLES, 0)


def test_a_table_that_is_too_wide_has_a_shade_where_there_is_more(app, open_page):
    page = opened(open_page, app, "", 360)
    region = page.get_by_role("region", name=TABLES[0])
    # Without its table the region shows nothing but the shades.
    region.locator("table").evaluate("(node) => { node.style.width = '600px'; node.style.visibility = 'hidden'; }")
    assert hidden(page, TABLES[0]) > 200
    at_start = region.screenshot()
    region.evaluate("(node) => { node.scrollLeft = 600; }")
    at_end = region.screenshot()
    region.locator("table").evaluate("(node) => { node.style.width = '100%'; }")
    assert len({at_start, at_end, region.screenshot()}) == 3
