"""A slow comparison on the running app: it stops when the tab is closed or another text is asked for."""

import os
import sys
from urllib.parse import urlencode

import pytest

from akl_viz.ui.permalink import pack_text
from tests.browser_fixtures import running, settled

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE_MS = 90_000
SLOW_TEXTS = ("Slow one, the first of them.", "Slow two, the second of them.")
QUICK_TEXT = "A quick text of some words."
SERVER = """
import os, sys, time
from pathlib import Path
from akl_viz.cli import main
from akl_viz.errors import Cancelled
from akl_viz.ui import jobs, tracing

LOG, score = Path(os.environ["SLOW_LOG"]), tracing.TraceService._score

def say(line):
    with LOG.open("a", encoding="utf-8") as file:
        file.write(line + chr(10))

def slowly(self, pool, request, job):
    if not request.text.startswith("Slow"):
        return score(self, pool, request, job)
    say(f"began {request.text[:8]}")
    try:
        for step in range(3000):
            time.sleep(0.1)
            job.report(step / 3000, "Going slowly")
    except Cancelled:
        say(f"stopped {request.text[:8]}")
        raise

tracing.TraceService._score = slowly
jobs.UNWATCHED_SECONDS = 5.0
sys.exit(main(sys.argv[1:]))
"""
"""The real app, but a text that begins with "Slow" takes five minutes, and a closed tab is noticed in seconds."""


@pytest.fixture
def slow_app(browser, tmp_path):
    """Address of the app, and the file into which its slow jobs write what happens to them."""
    said = tmp_path / "said.log"
    said.touch()
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "SLOW_LOG": str(said)}
    with running([sys.executable, "-c", SERVER, "app"], tmp_path / "server.log", environment) as address:
        yield address, said


def address_of(app, text):
    return f"{app}/tokens?{urlencode({'passage': 'own', 'text': pack_text(text)})}"


def wait_for(page, said, lines):
    for _ in range(600):
        if said.read_text(encoding="utf-8").splitlines() == lines:
            return
        page.wait_for_timeout(100)
    raise AssertionError(said.read_text(encoding="utf-8"))


def test_closing_the_tab_stops_its_job_and_the_next_in_line_starts(slow_app, open_page):
    app, said = slow_app
    closed = open_page(address_of(app, SLOW_TEXTS[0]), fresh=True)
    closed.get_by_text("Going slowly").wait_for(timeout=PATIENCE_MS)
    other = open_page(address_of(app, SLOW_TEXTS[1]), fresh=True)
    other.get_by_text("Waiting for 1 other comparison").wait_for(timeout=PATIENCE_MS)
    other.wait_for_timeout(7000)  # longer than a job may go unwatched: polling keeps it
    assert said.read_text(encoding="utf-8").splitlines() == ["began Slow one"]
    closed.close()
    wait_for(other, said, ["began Slow one", "stopped Slow one", "began Slow two"])
    other.get_by_text("Going slowly").wait_for(timeout=PATIENCE_MS)


def test_another_text_or_another_page_stops_the_job(slow_app, open_page):
    app, said = slow_app
    page = open_page(address_of(app, SLOW_TEXTS[0]))
    page.get_by_text("Going slowly").wait_for(timeout=PATIENCE_MS)
    area = page.get_by_role("textbox", name="Text to score")
    area.fill(QUICK_TEXT)
    area.press("Control+Enter")
    page.wait_for_selector(".strip .t", timeout=PATIENCE_MS)
    settled(page)
    wait_for(page, said, ["began Slow one", "stopped Slow one"])
    area.fill(SLOW_TEXTS[1])
    area.press("Control+Enter")
    page.get_by_text("Going slowly").wait_for(timeout=PATIENCE_MS)
    page.get_by_test_id("stSidebar").get_by_role("link", name="Overview").click()
    wait_for(page, said, ["began Slow one", "stopped Slow one", "began Slow two", "stopped Slow two"])
