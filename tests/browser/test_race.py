"""The race page as a person uses it: start, watch, pause, resume, stop, reload, inspect; nothing is lost."""

import pandas as pd
import pytest

from akl_viz.distill import DataConfig, DistillConfig, ProbeConfig, ProbeRow, RunStore, open_run
from tests.browser.racing import (
    LONG,
    PATIENCE_MS,
    address_of,
    button,
    held_step,
    opened,
    says,
    wait_for_step,
)
from tests.browser.shown_command import printed, shown_command
from tests.browser_fixtures import settled

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TOY = DistillConfig(losses=("forward_kl",), steps=LONG, data=DataConfig(text="toy", window=32))
SHORT = DistillConfig(losses=("akl:mu=0.6",), steps=2, probe=ProbeConfig(windows=2, sample_tokens=4))


def test_a_run_is_watched_paused_reloaded_stopped_and_resumed(races, open_page):
    page = opened(open_page, address_of(races, TOY))
    button(page, "Start").click()
    # An impatient hand: were it a second run, it would wait in the line and be the one that is shown.
    page.wait_for_timeout(500)
    button(page, "Start").click()
    first = wait_for_step(page, 0)
    assert wait_for_step(page, first) > first
    button(page, "Pause").press("Enter")
    says(page, r"Paused\.")
    button(page, "Go on").wait_for(timeout=PATIENCE_MS)
    assert page.evaluate("document.activeElement.innerText").endswith("Go on")
    held = held_step(page)
    address = page.url
    assert "run=" in address
    page.reload()
    says(page, r"Paused\.")
    assert held_step(page) == held
    button(page, "Go on").click()
    wait_for_step(page, held)
    other = open_page(address)
    wait_for_step(other, 0)
    button(other, "Stop").click()
    says(other, r"Stopped at step")
    says(page, r"Stopped at step")
    (folder,) = races.runs()
    run = open_run(folder)
    assert (run.status, run.resumable) == ("stopped", True)
    before = max(run.done.values())
    assert before > held
    button(page, "Resume").click()
    wait_for_step(page, before)
    # The other tab sees that without being touched.
    wait_for_step(other, before)
    button(page, "Stop").click()
    says(page, r"Stopped at step")


def test_scrubbing_moves_the_bars_and_the_histograms_in_the_browser(races, open_page):
    page = opened(open_page, races.address, motion=True)
    drawn = page.locator(".moment .bars > svg")
    last = drawn.get_attribute("data-step")
    places = page.locator(".moment .bars path.shape").first
    before = places.get_attribute("transform")
    page.locator(".moment .scrub").focus()
    page.keyboard.press("Home")
    assert (drawn.get_attribute("data-step"), last) == ("0", "40")
    assert places.get_attribute("transform") != before
    assert page.locator(".moment .at").inner_text() == "step 0 of 40"
    button(page, "Play").click()
    page.locator(".moment .bars > svg[data-step='40']").wait_for(timeout=PATIENCE_MS)


def test_the_command_shown_is_the_run_and_its_result_opens_in_the_inspector(races, open_page):
    page = opened(open_page, address_of(races, SHORT))
    words = shown_command(page)
    assert words[0] == "distill"
    button(page, "Start").click()
    says(page, r"Finished at step 2 of 2")
    folder = races.runs()[-1]
    out = folder.parent / ".command"
    words[words.index("--out") + 1] = str(out)
    printed(words)
    compared = ["loss", "step", "train_loss", "forward_kl", "reverse_kl", "head_gap", "tail_gap", "perplexity"]
    shown, told = (open_run(place).history()[compared] for place in (folder, out))
    # The page leaves one core free: another number of threads adds in another order.
    pd.testing.assert_frame_equal(shown, told, rtol=1e-5)
    page.get_by_role("link", name="Open in the token inspector").click()
    page.locator(".strip .t").first.wait_for(timeout=PATIENCE_MS)
    assert str(folder) in page.get_by_role("combobox", name="Student").input_value()


@pytest.mark.parametrize(
    "query",
    [
        "?run=../../etc&config=%00x",
        "?run=nothing&config=eJwDAAAAAAE",
        "?run=%3Cimg%20src%3Dx%3E&config=",
    ],
)
def test_a_hostile_address_gives_a_page_and_two_sentences(races, open_page, query):
    page = open_page(races.address + query)
    button(page, "Start").wait_for(timeout=PATIENCE_MS)
    settled(page)
    assert page.get_by_text("The settings in this address cannot be used").is_visible()
    assert page.get_by_text("There is no run").or_(page.get_by_text("is no run folder")).is_visible()
    assert page.get_by_test_id("stAlert").count() == 2
    assert page.locator("img[src=x]").count() == 0


def test_a_run_of_another_program_is_drawn_as_it_is_measured(races, open_page):
    store = RunStore.create(races.root / "0-another-program", losses=["<b>mine</b>"])
    row = ProbeRow(0.9, 0.8, 0.5, 0.4, 0.6, 0.7, 20.0, 2.0)
    store.row("<b>mine</b>", 0, row, seconds=0.0, tokens=0, train_loss=0.5)
    page = open_page(f"{races.address}?run={store.name}")
    says(page, r"Running at step 0\. Another program trains it")
    store.row("<b>mine</b>", 10, row, seconds=1.0, tokens=100, train_loss=0.4)
    says(page, r"Running at step 10\.")
    settled(page)
    assert page.get_by_text("<b>mine</b>", exact=True).first.is_visible()
    store.finish("finished", "")
    store.close()
    says(page, r"Finished at step 10\.")
