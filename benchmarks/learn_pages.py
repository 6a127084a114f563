"""How long a person waits on the learn pages: for the first result after opening one, for numbers after a change.

The server is warm, as it is for everybody but its first visitor. "Opened" is a link from elsewhere, in a browser that
has the app's files but no session; "from the overview" is a click in the navigation. Streamlit's own share is measured
beside it: the heading of the page, which needs no result. All is measured inside the page: from the navigation, the
click or the key to the frame that shows what was waited for. The animation is timed from frame to frame while it plays.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import BrowserContext, Page

from benchmarks.browser import PATIENCE_MS, fresh_browser, server
from benchmarks.record import Result, finish, record

FIRST_BAR_MS, CHANGE_BAR_MS, DRAG_BAR_MS = 1_000.0, 500.0, 300.0
OPENINGS, QUICK_OPENINGS = 7, 2
CHANGES, QUICK_CHANGES = 30, 6
FRAMES, QUICK_FRAMES = 600, 120
FRAME_BAR_MS = 17.0
"""Sixty frames a second, as browsers draw at most on an ordinary screen."""
REST_S = 0.4
"""Between two changes: the page's script has run by then."""
SETTLES_S = 3.0
FIRST_SEEN = (Path(__file__).resolve().parent / "first_seen.js").read_text(encoding="utf-8")
HEADING = "[data-testid=stHeading]"
STRIP = ".strip .t"


@dataclass(frozen=True)
class LearnPage:
    """A page: what stands on it once its first result is shown."""

    link: str
    """Its name in the navigation."""
    filled: str


PAGES = {
    "divergences": LearnPage("Divergences", "[data-field='shown.value']"),
    "gaussian": LearnPage("Gaussian student", "[data-field='value.reverse_kl.0']"),
    "discrete": LearnPage("Free student", "[data-field='head_gap.0'][data-value]"),
    "capacity": LearnPage("Small student", ".st-key-capacity-headline li"),
    "proof": LearnPage("Shared optimum", ".simplex [data-field='forward_kl.tvd']"),
}


@dataclass(frozen=True)
class Change:
    """A change of a control: where, by what, and the bar it is held to."""

    address: str
    control: str
    bar: float
    kind: str = "slider"


CHANGED = {
    "bar of learn/divergences": Change("divergences", ".slide.student[data-token='3']", DRAG_BAR_MS),
    "mean of learn/gaussian": Change("gaussian", ".grip[data-part='0'][data-kind='mean']", CHANGE_BAR_MS),
    "mean of learn/gaussian, plane": Change(
        "gaussian?preset=plane", ".grip[data-part='0'][data-kind='mean']", CHANGE_BAR_MS
    ),
    "teacher of learn/proof": Change("proof", "[data-handle='teacher']", CHANGE_BAR_MS),
    "learning rate of learn/discrete": Change("discrete", "Learning rate", CHANGE_BAR_MS, kind="number"),
}
KEY = """
async (slider, key) => {
  const root = slider.closest('.akl');
  const before = root.dataset.seq;
  slider.focus();
  const started = performance.now();
  slider.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  while (root.dataset.seq === before) await new Promise(requestAnimationFrame);
  return performance.now() - started;
}
"""
"""From the key to the frame in which the numbers of the server's answer stand."""
WATCH = """
(cell) => {
  const host = cell.getRootNode();
  const read = () => host.querySelector("[data-field='forward_kl.0']")?.dataset.value;
  const before = read();
  const seen = {};
  window.akl_answer = new Promise((resolve) => {
    document.addEventListener('keydown', () => { seen.pressed ??= performance.now(); }, { capture: true });
    const look = () => {
      const now = read();
      if (seen.pressed && now && now !== before) resolve(performance.now() - seen.pressed);
      else requestAnimationFrame(look);
    };
    look();
  });
}
"""
"""From Enter in a field to the frame in which another number stands in the table."""

FRAME_BY_FRAME = """
async (root, count) => {
  const times = [], steps = [];
  for (let k = 0; k < count; k++) {
    times.push(await new Promise(requestAnimationFrame));
    steps.push(Number(root.dataset.step));
  }
  return [times.slice(1).map((time, k) => time - times[k]), steps];
}
"""
"""Milliseconds from frame to frame, and the step that stands in each."""


def opened(context: BrowserContext, address: str, filled: str) -> tuple[float, float, Page]:
    """Milliseconds to the heading and to the first result, and the page."""
    page = context.new_page()
    page.add_init_script(FIRST_SEEN)
    page.goto(address, wait_until="commit", timeout=PATIENCE_MS)
    heading, first = page.evaluate("shown => Promise.all(shown.map(window.akl_first))", [HEADING, filled])
    return float(heading), float(first), page


def openings(context: BrowserContext, address: str, count: int) -> list[Result]:
    """First results of every page, opened by its address and from the overview."""
    results = []
    for key, learn in PAGES.items():
        headings, firsts = [], []
        for _ in range(count):
            heading, first, page = opened(context, f"{address}/{key}", learn.filled)
            headings.append(heading)
            firsts.append(first)
            # What a page does once it is filled would slow the next one down.
            time.sleep(SETTLES_S)
            page.close()
        results += [
            Result.of(f"learn/{key} opened to its first result", firsts, "ms", bar=FIRST_BAR_MS),
            Result.of(f"learn/{key} opened to its heading", headings, "ms", note="before anything of the page's own"),
        ]
    page = opened(context, address, STRIP)[2]
    for key, learn in PAGES.items():
        clicked = [one_click(page, learn) for _ in range(count)]
        results.append(Result.of(f"learn/{key} from the overview to its first result", clicked, "ms", bar=FIRST_BAR_MS))
    page.close()
    return results


def one_click(page: Page, learn: LearnPage) -> float:
    """Milliseconds from a click in the navigation to the page's first result; goes back to the overview."""
    time.sleep(SETTLES_S / 3)
    links = page.get_by_test_id("stSidebar")
    page.evaluate("shown => window.akl_after_click(shown)", learn.filled)
    links.get_by_role("link", name=learn.link, exact=True).click()
    spent = float(page.evaluate("() => window.akl_clicked"))
    links.get_by_role("link", name="Overview", exact=True).click()
    page.wait_for_selector(STRIP, timeout=PATIENCE_MS)
    return spent


def answers(context: BrowserContext, address: str, change: Change, count: int) -> list[float]:
    """Milliseconds from each change of a control to the numbers of its answer."""
    page = opened(context, f"{address}/{change.address}", PAGES[change.address.partition("?")[0]].filled)[2]
    time.sleep(SETTLES_S)
    times = []
    for turn in range(count):
        times.append(by_key(page, change.control, turn) if change.kind == "slider" else by_enter(page, change, turn))
        time.sleep(REST_S)
    page.close()
    return times


def by_key(page: Page, slider: str, turn: int) -> float:
    """Ten steps to the right, ten to the left."""
    key = "ArrowRight" if turn // 10 % 2 == 0 else "ArrowLeft"
    return float(page.locator(slider).first.evaluate(KEY, key))


def by_enter(page: Page, change: Change, turn: int) -> float:
    """Another value in a number field; none comes twice, so that nothing is looked up."""
    field = page.get_by_role("spinbutton", name=change.control, exact=True)
    field.fill(f"{0.3 + 0.001 * turn:.3f}")
    page.locator("[data-field='forward_kl.0']").first.evaluate(WATCH)
    field.press("Enter")
    return float(page.evaluate("() => window.akl_answer"))


def animation(context: BrowserContext, address: str, count: int) -> Result:
    """Milliseconds from frame to frame while the animation of learn/discrete plays at its usual speed."""
    page = opened(context, f"{address}/discrete", PAGES["discrete"].filled)[2]
    time.sleep(SETTLES_S)
    page.get_by_role("button", name="Play").click()
    intervals, steps = page.locator(".discrete").first.evaluate(FRAME_BY_FRAME, count)
    page.close()
    drawn = f"{len(set(steps))} steps drawn in {sum(intervals) / 1000:.1f} s"
    return Result.of("animation of learn/discrete, frame to frame", intervals, "ms", bar=FRAME_BAR_MS, note=drawn)


def run(*, quick: bool = False) -> bool:
    """Measure, print and record; returns whether every bar is met."""
    with fresh_browser() as (context, browser), server() as app:
        app.wait()
        for key, learn in PAGES.items():
            page = opened(context, f"{app.address}/{key}", learn.filled)[2]
            time.sleep(SETTLES_S)
            page.close()
        results = openings(context, app.address, QUICK_OPENINGS if quick else OPENINGS)
        for name, change in CHANGED.items():
            times = answers(context, app.address, change, QUICK_CHANGES if quick else CHANGES)
            results.append(Result.of(f"{name} changed to its numbers", times, "ms", bar=change.bar))
        results.append(animation(context, app.address, QUICK_FRAMES if quick else FRAMES))
    return record("learn_pages", results, quick=quick, browser=browser)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer openings and changes")
    finish(run(quick=parser.parse_args().quick))
