"""How the tests start, watch and stop runs on the race page, on a server with a folder of runs of its own."""

import json
import os
import re
import sys
from contextlib import ExitStack
from urllib.parse import urlencode

from playwright.sync_api import TimeoutError

from akl_viz.distill import ProbeRow, RunStore, list_runs
from akl_viz.ui.permalink import pack_text
from tests.browser_fixtures import running, settled

PATIENCE_MS = 120_000
"""The first run of a server imports torch; the machine may be busy."""
STEP = re.compile(r"Step ([\d,]+) of")
LONG = 50_000
"""Steps of a run of the toy language that does not end by itself."""


class RaceServer:
    """The app on a folder of runs; it can be restarted, as after a power cut."""

    def __init__(self, root, logs, environment=()):
        self.root = root
        self._logs = logs
        self._environment = {**os.environ, "AKL_VIZ_RUNS": str(root), "HF_HUB_OFFLINE": "1", **dict(environment)}
        self._stack = ExitStack()
        self._starts = 0
        self.start()

    def start(self):
        self._starts += 1
        log = self._logs / f"server-{self._starts}.log"
        command = [sys.executable, "-m", "akl_viz", "app"]
        self.address = self._stack.enter_context(running(command, log, self._environment)) + "/race"

    def stop(self):
        self._stack.close()

    def restart(self):
        self.stop()
        self.start()

    def runs(self):
        """Folders of runs, in order of name."""
        return sorted(entry for entry in self.root.iterdir() if not entry.name.startswith("."))


def address_of(server, config):
    """A link to these settings."""
    return f"{server.address}?{urlencode({'config': pack_text(json.dumps(config.to_json()))})}"


def opened(open_page, address, **options):
    """The page with its curves and moment drawn."""
    page = open_page(address, **options)
    page.locator(".moment .scrub").wait_for(timeout=PATIENCE_MS)
    settled(page)
    return page


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def open_settings(page):
    page.get_by_text("Text, data, optimiser, measurements, device").click()
    page.get_by_role("radio", name="Toy language").wait_for()


def set_steps(page, steps):
    box = page.get_by_role("spinbutton", name="Steps", exact=True)
    box.fill(str(steps))
    box.press("Enter")
    settled(page)


def choose_toy(page, steps):
    open_settings(page)
    page.get_by_role("radio", name="Toy language").click()
    settled(page)
    set_steps(page, steps)


def choose_run(page, server, name):
    """Click into the box before a saved run; a table that is drawn anew just then does not take the click."""
    row = [run.name for run in list_runs(server.root)].index(name)
    table = page.get_by_test_id("stDataFrame")
    for _ in range(5):
        settled(page)
        table.scroll_into_view_if_needed()
        table.click(position={"x": 15, "y": 35 * row + 52})
        try:
            button(page, f"Delete {name}").wait_for(timeout=PATIENCE_MS / 20)
            return
        except TimeoutError:
            continue
    raise AssertionError(f"the run {name} cannot be chosen")


def record_run(server, name):
    """A run of another program that ended."""
    store = RunStore.create(server.root / name, losses=["mine"])
    row = ProbeRow(0.9, 0.8, 0.5, 0.4, 0.6, 0.7, 20.0, 2.0)
    store.row("mine", 0, row, seconds=0.0, tokens=0, train_loss=0.5)
    store.finish("finished")
    store.close()


def unfold(page, box):
    """Open the list of a box; one that the page draws anew just then is folded again."""
    for _ in range(5):
        box.press("ArrowDown")
        try:
            page.get_by_role("option").first.wait_for(timeout=PATIENCE_MS / 10)
            return
        except TimeoutError:
            continue
    raise AssertionError("the list does not open")


def step_of(page):
    words = page.get_by_text(STEP).first.inner_text(timeout=PATIENCE_MS)
    return int(STEP.search(words)[1].replace(",", ""))


def wait_for_step(page, beyond):
    """Wait until the page shows a step beyond that one; the step."""
    page.wait_for_function(
        """(beyond) => {
          for (const node of document.querySelectorAll('[data-testid=stProgress]')) {
            const found = /Step ([\\d,]+) of/.exec(node.textContent);
            if (found && Number(found[1].replaceAll(',', '')) > beyond) return true;
          }
          return false;
        }""",
        arg=beyond,
        timeout=PATIENCE_MS,
    )
    return step_of(page)


def held_step(page):
    """The step at which a paused run stands: the one in work may still end, and then none is taken any more.

    Fails where it moves in each of several looks, as a run that goes on does.
    """
    seen = step_of(page)
    for _ in range(5):
        page.wait_for_timeout(1_500)
        before, seen = seen, step_of(page)
        if before == seen:
            return seen
    raise AssertionError(f"the run goes on: step {seen}")


def says(page, pattern):
    """Wait until the page says something that matches."""
    page.get_by_text(re.compile(pattern)).first.wait_for(timeout=PATIENCE_MS)
