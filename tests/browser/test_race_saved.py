"""The saved runs of the race page: chosen, compared, deleted, and still there after a restart."""

import re

import pytest

from tests.browser.racing import (
    LONG,
    PATIENCE_MS,
    button,
    choose_run,
    choose_toy,
    opened,
    record_run,
    says,
    unfold,
    wait_for_step,
)
from tests.browser_fixtures import settled

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_the_chosen_run_stays_chosen_until_it_is_deleted_in_every_tab(races, open_page):
    for name in ("0-a", "0-b"):
        record_run(races, name)
    page = opened(open_page, races.address)
    other = open_page(f"{races.address}?run=0-a")
    says(other, "Finished at step 0")
    choose_run(page, races, "0-a")
    record_run(races, "0-c")
    page.get_by_text("Give the first steps room").click()
    settled(page)
    # The table is a canvas; what is chosen in it is told to screen readers.
    chosen = page.locator("[data-testid=stDataFrame] [role=row][aria-selected=true]")
    assert "0-a" in chosen.inner_text()
    button(page, "Delete 0-a").click()
    button(page, "Delete").click()
    button(page, "Delete 0-a").wait_for(state="detached", timeout=PATIENCE_MS)
    settled(page)
    assert chosen.count() == 0
    assert page.get_by_role("button", name=re.compile("Delete")).count() == 0
    assert {"0-b", "0-c"} <= {folder.name for folder in races.runs()}
    # The other tab sees that without being touched.
    says(other, "There is no run '0-a' any more")
    settled(other)
    assert "run=" not in other.url


def test_two_sessions_queue_and_the_list_survives_a_restart(races, open_page):
    known = {folder.name for folder in races.runs()}
    assert known
    races.restart()
    page = opened(open_page, races.address)
    says(page, "Saved runs")
    unfold(page, page.get_by_role("combobox", name="Draw these runs"))
    for name in known:
        page.get_by_role("option", name=name, exact=True).wait_for()
    page.keyboard.press("Escape")
    choose_toy(page, LONG)
    button(page, "Start").click()
    wait_for_step(page, 0)
    old = sorted(known)[0]
    choose_run(page, races, old)
    button(page, f"Delete {old}").click()
    asked = page.get_by_role("dialog")
    asked.wait_for()
    page.wait_for_timeout(6_000)  # longer than curves wait to be drawn again
    assert asked.is_visible()
    page.keyboard.press("Escape")
    asked.wait_for(state="detached")
    other = opened(open_page, races.address)
    # Without a word of its own, another session sees the run that goes on.
    wait_for_step(other, 0)
    choose_toy(other, 3)
    button(other, "Start").click()
    says(other, "Waiting for 1 other run")
    button(page, "Stop").click()
    says(page, r"Stopped at step")
    says(other, r"Finished at step 3 of 3")
    assert known < {folder.name for folder in races.runs()}
