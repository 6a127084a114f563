"""The first request to a fresh server is a deep link: the page opens, with no "Page not found" box over it."""

import sys

import pytest

from tests.browser_fixtures import running, settled

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_deep_link_on_a_fresh_server_opens_its_page(browser, open_page, tmp_path):
    with running([sys.executable, "-m", "akl_viz", "app"], tmp_path / "server.log") as address:
        page = open_page(f"{address}/tokens", fresh=True)
        page.wait_for_selector(".strip .t", timeout=90_000)
        settled(page)
        assert page.get_by_role("heading", level=1).inner_text() == "Token inspector"
        assert page.get_by_text("Page not found").count() == 0
        assert page.get_by_test_id("stSidebar").get_by_role("link").count() > 1
