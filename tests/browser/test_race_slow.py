"""The race page in a browser that hears late from its server, as on a slow machine: what a person chose stays."""

import pytest

from tests.browser.racing import LONG, button, choose_toy, opened, says, wait_for_step
from tests.browser_fixtures import settled

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LATE_MS = 4_000
HEARS_LATE = f"""
const Prompt = window.WebSocket;
window.WebSocket = class extends Prompt {{
  addEventListener(kind, heard, options) {{
    const late = (event) => setTimeout(() => heard(event), {LATE_MS});
    super.addEventListener(kind, kind === "message" ? late : heard, options);
  }}
}};
"""
"""Until it hears of its new address, the browser asks for every run of the page with the one before."""


def test_a_run_that_waited_is_shown_to_its_end_where_the_browser_had_another_one_in_its_address(races, open_page):
    page = opened(open_page, races.address)
    choose_toy(page, LONG)
    button(page, "Start").click()
    wait_for_step(page, 0)
    slow = open_page("about:blank", fresh=True)
    slow.add_init_script(HEARS_LATE)
    slow.goto(races.address)
    wait_for_step(slow, 0)
    assert "run=" in slow.url
    choose_toy(slow, 3)
    slow.wait_for_timeout(LATE_MS)
    settled(slow)
    assert slow.get_by_role("spinbutton", name="Steps", exact=True).input_value() == "3"
    before = slow.url
    button(slow, "Start").click()
    # The new run is over before the browser has its name.
    slow.wait_for_timeout(LATE_MS / 8)
    button(page, "Stop").click()
    says(page, r"Stopped at step")
    says(slow, r"Finished at step 3 of 3")
    assert slow.url != before
    assert slow.get_by_role("spinbutton", name="Steps", exact=True).input_value() == "3"
