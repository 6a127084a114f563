"""The race page as a person uses it: start, watch, pause, resume, stop, reload, inspect; nothing is lost."""

import os
import re
import shlex
import sys

import pandas as pd
import pytest

from akl_viz.distill import open_run
from tests.browser_fixtures import running, settled

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE_MS = 120_000
"""The first run of a server imports torch; the machine may be busy."""
STEP = re.compile(r"Step (\d+) of")


@pytest.fixture(scope="module")
def race_root(tmp_path_factory):
    """Where this server keeps its runs."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def race_app(browser, race_root, tmp_path):
    """A server with that folder; another test gets another server on the same folder."""
    environment = {**os.environ, "AKL_VIZ_RUNS": str(race_root), "HF_HUB_OFFLINE": "1"}
    with running([sys.executable, "-m", "akl_viz", "app"], tmp_path / "server.log", environment) as address:
        yield f"{address}/race"


def opened(open_page, address, **options):
    page = open_page(address, **options)
    page.locator(".moment .scrub").wait_for(timeout=PATIENCE_MS)
    settled(page)
    return page


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def choose_toy(page, steps):
    page.get_by_text("Text, data, optimiser, measurements, device").click()
    page.get_by_role("radio", name="Toy language").click()
    settled(page)
    box = page.get_by_role("spinbutton", name="Steps", exact=True)
    box.fill(str(steps))
    box.press("Enter")
    settled(page)


def step_of(page):
    words = page.get_by_text(STEP).first.inner_text(timeout=PATIENCE_MS)
    return int(STEP.search(words)[1])


def wait_for_step(page, beyond):
    for _ in range(900):
        if page.get_by_text(STEP).count() and step_of(page) > beyond:
            return step_of(page)
        page.wait_for_timeout(100)
    raise AssertionError(f"no step beyond {beyond}")


def test_a_run_is_watched_paused_reloaded_stopped_and_resumed(race_app, race_root, open_page):
    page = opened(open_page, race_app)
    choose_toy(page, 50_000)
    button(page, "Start").click()
    first = wait_for_step(page, 0)
    assert wait_for_step(page, first) > first
    button(page, "Pause").click()
    page.get_by_text("Paused.").wait_for(timeout=PATIENCE_MS)
    held = step_of(page)
    page.wait_for_timeout(2500)
    assert step_of(page) <= held + 1
    address = page.url
    assert "run=" in address
    page.reload()
    page.get_by_text("Paused.").wait_for(timeout=PATIENCE_MS)
    button(page, "Go on").click()
    wait_for_step(page, held + 1)
    other = open_page(address, fresh=True)
    wait_for_step(other, 0)
    button(other, "Stop").click()
    other.get_by_text(re.compile(r"Stopped at step")).wait_for(timeout=PATIENCE_MS)
    page.get_by_text(re.compile(r"Stopped at step")).wait_for(timeout=PATIENCE_MS)
    (folder,) = [entry for entry in race_root.iterdir() if not entry.name.startswith(".")]
    run = open_run(folder)
    assert (run.status, run.resumable) == ("stopped", True)
    before = max(run.done.values())
    button(page, "Resume").click()
    wait_for_step(page, before)
    button(page, "Stop").click()
    page.get_by_text(re.compile(r"Stopped at step")).wait_for(timeout=PATIENCE_MS)


def test_two_sessions_queue_and_the_list_survives_a_restart(race_app, race_root, open_page):
    page = opened(open_page, race_app)
    # The run of the server before is still there.
    page.get_by_text("Saved runs").wait_for(timeout=PATIENCE_MS)
    known = len([entry for entry in race_root.iterdir() if not entry.name.startswith(".")])
    assert known == 1
    choose_toy(page, 50_000)
    button(page, "Start").click()
    wait_for_step(page, 0)
    other = open_page(race_app, fresh=True)
    other.locator(".moment .scrub").wait_for(timeout=PATIENCE_MS)
    settled(other)
    choose_toy(other, 3)
    button(other, "Start").click()
    other.get_by_text("Waiting for 1 other run").wait_for(timeout=PATIENCE_MS)
    button(page, "Stop").click()
    page.get_by_text(re.compile(r"Stopped at step")).wait_for(timeout=PATIENCE_MS)
    other.get_by_text(re.compile(r"Finished at step 3 of 3")).wait_for(timeout=PATIENCE_MS)


def test_scrubbing_moves_the_bars_and_the_histograms_in_the_browser(race_app, open_page):
    page = opened(open_page, race_app)
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


def test_the_command_shown_is_the_run_and_its_result_opens_in_the_inspector(race_app, race_root, open_page, command):
    page = opened(open_page, race_app)
    steps = page.get_by_role("spinbutton", name="Steps", exact=True)
    steps.fill("2")
    steps.press("Enter")
    settled(page)
    page.get_by_text("Show the command").click()
    words = shlex.split(page.get_by_test_id("stCode").first.inner_text())
    assert words[:2] == ["akl-viz", "distill"]
    button(page, "Start").click()
    page.get_by_text(re.compile(r"Finished at step 2 of 2")).wait_for(timeout=PATIENCE_MS)
    folder = max(entry for entry in race_root.iterdir() if not entry.name.startswith("."))
    out = folder.parent / ".command"
    words[words.index("--out") + 1] = str(out)
    command(words[1:])
    compared = ["loss", "step", "train_loss", "forward_kl", "reverse_kl", "head_gap", "tail_gap", "perplexity"]
    shown, told = (open_run(place).history()[compared] for place in (folder, out))
    # The page leaves one core free: another number of threads adds in another order.
    pd.testing.assert_frame_equal(shown, told, rtol=1e-5)
    page.get_by_role("link", name="Open in the token inspector").click()
    page.locator(".strip .t").first.wait_for(timeout=PATIENCE_MS)
    assert str(folder) in page.get_by_role("combobox", name="Student").input_value()


@pytest.mark.parametrize(
    "query",
    ["?run=../../etc", "?run=nothing", "?config=%00x", "?config=eJwDAAAAAAE", "?run=%3Cimg%20src%3Dx%3E&config="],
)
def test_a_hostile_address_gives_a_page_and_a_sentence(race_app, open_page, query):
    page = open_page(race_app + query)
    page.get_by_role("button", name="Start", exact=True).wait_for(timeout=PATIENCE_MS)
    settled(page)
    assert page.locator("img[src=x]").count() == 0
