"""A page outlives its server: what a person does meanwhile is taken by the next one on the same port."""

import pytest

from benchmarks.browser import free_port, server
from tests.browser.small_vocabulary import PATIENCE_MS, answered, opened, shown, slider

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def connected(page, now):
    state = "[data-test-connection-state=CONNECTED]"
    page.locator(state if now else f"[data-testid=stApp]:not({state})").wait_for(timeout=PATIENCE_MS)


def press(page, key):
    page.locator(".slide.student[data-token='2']").evaluate(
        "(bar, key) => bar.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))", key
    )


def test_a_change_made_while_the_server_is_away_is_not_lost(browser, open_page, tmp_path):
    port = free_port()
    with server(port=port, log=tmp_path / "first") as first:
        first.wait()
        page = opened(open_page, first.address, fresh=True)
        before = shown(page, "value.forward_kl")
    connected(page, False)
    press(page, "PageUp")
    moved = slider(page, "student", 2).get_attribute("aria-valuetext")
    with server(port=port, log=tmp_path / "second") as second:
        second.wait()
        connected(page, True)
        page.wait_for_function("() => location.search.includes('q=')", timeout=PATIENCE_MS)
        answered(page)
        assert slider(page, "student", 2).get_attribute("aria-valuetext") == moved
        between = shown(page, "value.forward_kl")
        assert between != before
        press(page, "PageUp")
        answered(page)
        assert shown(page, "value.forward_kl") not in (before, between)
        page.close()
    # On the console the browser and Streamlit note that the server cannot be reached; errors of the page still count.
    page.watch.problems[:] = [one for one in page.watch.problems if not one.startswith("console: ")]
    assert "does not exist anymore" not in (tmp_path / "second").read_text(encoding="utf-8")
