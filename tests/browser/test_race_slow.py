"""The race page in a browser that hears late from its server, as on a slow machine: what a person chose stays."""

import pytest

from akl_viz.distill import DataConfig, DistillConfig
from tests.browser.racing import LONG, address_of, button, choose_toy, opened, says, wait_for_step

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHORT = DistillConfig(losses=("forward_kl",), steps=3, data=DataConfig(text="toy", window=32))
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
    slow.goto(address_of(races, SHORT))
    wait_for_step(slow, 0)
    before = slow.url
    assert "run=" in before
    button(slow, "Start").click()
    # The new run is over before the browser has its name.
    slow.wait_for_timeout(LATE_MS / 8)
    button(page, "Stop").click()
    says(page, r"Stopped at step")
    says(slow, r"Finished at step 3 of 3")
    assert slow.url != before
