"""Every page of the catalog: opens, says its question, fits a phone, is accessible in both themes."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from akl_viz.ui.catalog import PAGES
from tests.browser_fixtures import settled

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SERIOUS = {"serious", "critical"}
FILLED = {
    "start/overview": ".strip .t",
    "inspect/tokens": ".strip .t",
    "learn/divergences": "[data-field='shown.value']",
    "learn/gaussian": "[data-field='value.reverse_kl.0']",
    "learn/discrete": ".discrete [data-field='head_gap.0'][data-value]",
    "learn/capacity": ".st-key-capacity_bottom_half .js-plotly-plot, .st-key-capacity-bottom_half .js-plotly-plot",
    "learn/proof": ".simplex [data-field='forward_kl.tvd']",
    "distill/race": ".moment .teacherbar",
}
"""What a filled page shows; a page that greets with an empty form fails."""
PAPER = "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def address_of(app, row):
    return f"{app}/{'' if row.default else row.url_path}"


def opened(open_page, app, row, **options):
    page = open_page(address_of(app, row), **options)
    page.wait_for_selector(FILLED[row.key], timeout=90_000)
    settled(page)
    return page


def serious(page):
    """What axe holds against a page."""
    found = [one for one in Axe().run(page).response["violations"] if one["impact"] in SERIOUS]
    return [(one["id"], [node["target"] for node in one["nodes"]][:3]) for one in found]


@pytest.mark.parametrize("row", PAGES, ids=lambda row: row.key)
def test_a_page_says_its_question_and_is_accessible_in_both_themes(app, open_page, row):
    page = opened(open_page, app, row)
    assert page.get_by_role("heading", level=1).inner_text() == row.title
    assert page.title() == f"{row.title} · AKL Viz"
    assert page.get_by_text(row.question, exact=True).first.is_visible()
    assert serious(page) == []
    light = page.evaluate(PAPER)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"light => {PAPER} !== light", arg=light)
    settled(page)
    page.wait_for_selector(FILLED[row.key])
    assert serious(page) == []


@pytest.mark.parametrize("row", PAGES, ids=lambda row: row.key)
def test_a_phone_needs_no_sideways_scroll(app, open_page, row):
    page = opened(open_page, app, row, size=(360, 800))
    assert page.evaluate(SIDEWAYS) == 0


def test_the_overview_is_filled_with_a_comparison_and_leads_to_the_inspector(app, open_page):
    page = opened(open_page, app, PAGES[0])
    assert page.locator(".strip .t").count() > 50
    assert page.locator(".card[data-pinned=true]").count() == 1
    page.get_by_test_id("stMain").get_by_role("link", name="Token inspector").click()
    page.wait_for_url("**/tokens*")
    page.get_by_role("combobox", name="Teacher").wait_for()
