"""How long after the start of the process the overview shows its strip of tokens.

From starting `python -m akl_viz app` to a strip with tokens in it, in a Chromium that is already open with an empty
profile and goes to the page as soon as the server answers.
"""

from __future__ import annotations

import argparse
import statistics
import time

from benchmarks.browser import PATIENCE_MS, fresh_browser, server
from benchmarks.record import Result, finish, record

BAR_S = 10.0
REPEATS, QUICK_REPEATS = 3, 1
HEADER = "[data-testid=stHeading]"
STRIP = ".akl .strip .t"
PHASES = {
    "server answers": "Python, Streamlit's imports, server start",
    "page header": "Streamlit's script in the browser, first run of the page",
    "strip": "the stored trace read, sent and drawn",
}
"""Phase -> what it is spent on; each ends where its name says."""


def one_start() -> tuple[dict[str, float], str]:
    """Seconds from process start at which each phase ended, and the browser."""
    with fresh_browser() as (context, browser), server() as app:
        page = context.pages[0]
        app.wait()
        ends = {"server answers": time.perf_counter() - app.started}
        page.goto(app.address, wait_until="commit")
        page.wait_for_selector(HEADER, timeout=PATIENCE_MS)
        ends["page header"] = time.perf_counter() - app.started
        page.wait_for_selector(STRIP, timeout=PATIENCE_MS)
        ends["strip"] = time.perf_counter() - app.started
    return ends, browser


def run(*, quick: bool = False) -> bool:
    """Measure, print and record; returns whether the bar is met."""
    starts, browser = [], ""
    for _ in range(QUICK_REPEATS if quick else REPEATS):
        ends, browser = one_start()
        starts.append(ends)
    spent: dict[str, list[float]] = {}
    before = [0.0] * len(starts)
    for phase in PHASES:
        spent[phase] = [start[phase] - earlier for start, earlier in zip(starts, before, strict=True)]
        before = [start[phase] for start in starts]
    longest = max(spent, key=lambda phase: statistics.median(spent[phase]))
    note = f"dominated by the phase up to: {longest}"
    results = [
        Result.of("process start to strip", [start["strip"] for start in starts], "s", bar=BAR_S, note=note),
        *(Result.of(f"phase up to: {phase}", spent[phase], "s", note=PHASES[phase]) for phase in PHASES),
    ]
    return record("first_paint", results, quick=quick, browser=browser)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one start instead of three")
    finish(run(quick=parser.parse_args().quick))
