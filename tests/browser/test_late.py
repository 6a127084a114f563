"""Pages that hear late from their server, and it from them: what a person did is what stays.

`tests/ui/test_late_values.py` has the same without a browser, message by message.
"""

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from akl_viz.distill import DistillConfig
from akl_viz.ui.permalink import unpack_text
from tests.browser.gaussian import SAME, answered, drag, grip, query_parts, shown
from tests.browser.gaussian import opened as opened_gaussian
from tests.browser.late import opened_late
from tests.browser.racing import PATIENCE_MS, button, choose_run, open_settings, record_run, says

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def number(page, name):
    return page.get_by_role("spinbutton", name=name, exact=True)


def type_number(page, name, value):
    """Type into a box as soon as it is there."""
    box = number(page, name)
    box.fill(str(value), timeout=PATIENCE_MS)
    box.press("Enter")


def parameters(address):
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def raced(address):
    """The settings of the race in an address."""
    packed = parameters(address).get("config")
    return DistillConfig() if packed is None else DistillConfig.from_json(json.loads(unpack_text(packed)))


def wait_for_settings(page, **wanted):
    """Wait for the address that only the answer to the last of these settings brings."""

    def there(address):
        config = raced(address)
        found = {"steps": config.steps, "seed": config.seed, "window": config.data.window, "text": config.data.text}
        return all(found[name] == value for name, value in wanted.items())

    page.wait_for_url(there, timeout=PATIENCE_MS)


def test_settings_of_the_race_chosen_while_the_page_is_still_drawn_stay(races, open_page):
    page = opened_late(open_page, races.address)
    type_number(page, "Steps", 7)
    open_settings(page)
    type_number(page, "Tokens per sequence", 48)
    page.get_by_role("radio", name="Toy language").click()
    wait_for_settings(page, steps=7, window=48, text="toy")
    expect(number(page, "Steps")).to_have_value("7")
    expect(number(page, "Tokens per sequence")).to_have_value("48")
    expect(page.get_by_role("radio", name="Toy language")).to_be_checked()
    # What the boxes hold is what the next run of the page works with.
    type_number(page, "Seed", 4)
    wait_for_settings(page, steps=7, window=48, text="toy", seed=4)


def test_a_choice_between_both_runs_of_a_new_learn_page_stays(app, open_page):
    page = opened_late(open_page, f"{app}/capacity?result=own&seeds=2")
    type_number(page, "Seeds", 5)
    page.wait_for_url("**seeds=5*", timeout=PATIENCE_MS)
    expect(number(page, "Seeds")).to_have_value("5")
    type_number(page, "First seed", 1)
    page.wait_for_url("**first=1*", timeout=PATIENCE_MS)
    assert parameters(page.url)["seeds"] == "5"


def test_back_brings_the_choices_of_the_address_before(app, open_page):
    page = opened_late(open_page, f"{app}/capacity?result=own&seeds=2")
    for seeds in (5, 4):
        type_number(page, "Seeds", seeds)
        page.wait_for_url(f"**seeds={seeds}*", timeout=PATIENCE_MS)
    for seeds in ("5", "2"):
        page.go_back()
        expect(number(page, "Seeds")).to_have_value(seeds, timeout=PATIENCE_MS)
    # A run of the page that is asked for afterwards takes nothing of that back.
    type_number(page, "First seed", 1)
    page.wait_for_url("**first=1*", timeout=PATIENCE_MS)
    assert parameters(page.url)["seeds"] == "2"


def test_a_choice_that_follows_back_at_once_keeps_what_back_brings(races, open_page):
    page = opened_late(open_page, races.address)
    for steps in (7, 9):
        type_number(page, "Steps", steps)
        wait_for_settings(page, steps=steps)
    page.go_back()
    type_number(page, "Seed", 4)
    wait_for_settings(page, steps=7, seed=4)
    expect(number(page, "Steps")).to_have_value("7", timeout=PATIENCE_MS)


def test_a_handle_stays_where_the_hand_let_go_and_the_numbers_are_of_that_place(app, open_page):
    page = opened_late(open_page, f"{app}/gaussian")
    page.locator("[data-field='value.reverse_kl.0']").wait_for(timeout=PATIENCE_MS)
    answered(page)
    handle = grip(page, 0, "mean")
    for right in (60, -20):
        drag(page, handle, right)
    let_go = handle.get_attribute("aria-valuenow")
    answered(page)
    page.wait_for_url(f"**parts={float(let_go):g}_*", timeout=PATIENCE_MS)
    assert handle.get_attribute("aria-valuenow") == let_go
    assert float(query_parts(page)[0][0]) == float(let_go)
    near = opened_gaussian(open_page, app, "?" + urlsplit(page.url).query)
    for field in ("value.reverse_kl.0", "sd.forward_kl.0"):
        assert shown(page, field) == pytest.approx(shown(near, field), rel=SAME)


def test_the_run_chosen_in_each_of_two_tabs_stays_chosen(races, open_page):
    for name in ("0-a", "0-b"):
        record_run(races, name)
    page, other = (opened_late(open_page, f"{races.address}?run=0-a") for _ in range(2))
    for tab in (page, other):
        says(tab, "Finished at step 0")
    choose_run(page, races, "0-b")
    button(page, "Open 0-b").click()
    # Asked for with the address of the run before.
    type_number(page, "Steps", 7)
    type_number(other, "Steps", 9)
    wait_for_settings(page, steps=7)
    wait_for_settings(other, steps=9)
    page.get_by_role("heading", name=re.compile("0-b")).wait_for(timeout=PATIENCE_MS)
    assert (parameters(page.url)["run"], parameters(other.url)["run"]) == ("0-b", "0-a")
