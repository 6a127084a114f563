"""How long a person waits on the token inspector: for a card after a click, for new colours after a metric switch.

Both are measured inside the page, on a text of 2,048 tokens under a pair of tiny checkpoints made on the spot. The
models' size does not matter here: the server counts how often they run, and neither action may run them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Page

from benchmarks.browser import PATIENCE_MS, fresh_browser, server
from benchmarks.long_pair import TOKENS, long_text, make_pair
from benchmarks.record import Result, finish, record

CLICK_BAR_MS, SWITCH_BAR_MS = 500.0, 200.0
REPEATS, QUICK_REPEATS = 25, 15
FIRST_TOKEN, STRIDE = 40, 41
POINTER_RESTS_S = 0.25
"""A hand rests on a token before it presses; by then the hover card has been drawn."""
SERVER_RESTS_MS = 1_500.0
"""Long enough for the view to be sent and the page's script to have run."""
SCRIPT = (Path(__file__).resolve().parent / "interaction.js").read_text(encoding="utf-8")


def serve(runs: Path, port: int) -> None:
    """Run the app in this process, writing a line to `runs` whenever the models score a text."""
    from akl_viz.analysis import trace
    from akl_viz.launch import run_app

    original = trace.token_trace

    def counted(*args: object, **options: object) -> object:
        with runs.open("a", encoding="utf-8") as file:
            file.write("run\n")
        return original(*args, **options)  # type: ignore[arg-type]

    trace.token_trace = counted  # type: ignore[assignment]
    run_app(port)


def click_times(page: Page, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds from pressing a token to the frame with its pinned card, and to the address that holds the pin."""
    cards, addresses = [], []
    for index in range(FIRST_TOKEN, FIRST_TOKEN + count * STRIDE, STRIDE):
        token = page.locator(f".strip .t[data-i='{index}']")
        token.scroll_into_view_if_needed()
        box = token.bounding_box()
        if box is None:
            raise RuntimeError(f"Token {index} is not on the page.")
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        time.sleep(POINTER_RESTS_S)
        page.evaluate("index => akl.watchClick(index)", index)
        page.mouse.down()
        page.mouse.up()
        times = page.evaluate("akl.clicked")
        cards.append(float(times["card"]))
        addresses.append(float(times["address"]))
        page.wait_for_timeout(SERVER_RESTS_MS / 3)
    return cards, addresses


def switch_times(page: Page, count: int) -> list[float]:
    """Milliseconds from choosing another metric to the frame with its colours, legend and numbers."""
    times = []
    for turn in range(count):
        times.append(float(page.evaluate("turn => akl.switchMetric(turn)", turn)))
        page.wait_for_timeout(SERVER_RESTS_MS / 5)
    return times


def opened(page: Page, address: str, pair: tuple[Path, Path], text: str) -> None:
    """Open the inspector with the pair, type the text, and wait for the whole strip."""
    page.add_init_script(SCRIPT)
    page.goto(f"{address}/tokens?{urlencode({'teacher': pair[0], 'student': pair[1]})}")
    page.wait_for_selector(".strip .t", timeout=PATIENCE_MS)
    page.get_by_text("Text, head rule, temperature, device").click()
    box = page.get_by_role("textbox", name="Text to score")
    box.fill(text)
    box.press("Control+Enter")
    page.wait_for_selector(f".strip .t[data-i='{TOKENS - 1}']", timeout=PATIENCE_MS, state="attached")
    page.get_by_text("Text, head rule, temperature, device").click()
    page.wait_for_timeout(SERVER_RESTS_MS)
    shown = page.evaluate("akl.tokens()")
    if shown != TOKENS:
        raise RuntimeError(f"The strip shows {shown} tokens, not {TOKENS}.")


def run(*, quick: bool = False) -> bool:
    """Measure, print and record; returns whether the bars are met and no model ran."""
    count = QUICK_REPEATS if quick else REPEATS
    with tempfile.TemporaryDirectory() as folder, fresh_browser() as (context, browser):
        runs = Path(folder) / "runs.txt"
        pair, text = make_pair(Path(folder)), long_text()
        command = [sys.executable, "-m", "benchmarks.interaction", "--serve", str(runs)]
        with server(command, {"AKL_VIZ_ROOTS": folder}) as app:
            app.wait()
            page = context.pages[0]
            opened(page, app.address, pair, text)
            before = runs.read_text(encoding="utf-8").count("run")
            cards, addresses = click_times(page, count)
            switches = switch_times(page, count)
            page.wait_for_timeout(SERVER_RESTS_MS)
            more = runs.read_text(encoding="utf-8").count("run") - before
    results = [
        Result.of("click to card", cards, "ms", bar=CLICK_BAR_MS, note="pointer pressed to the frame with the card"),
        Result.of("click to address", addresses, "ms", note="the server's script has run and the link holds the pin"),
        Result.of("metric switch", switches, "ms", bar=SWITCH_BAR_MS, note=f"{TOKENS:,} tokens repainted"),
        Result.of("model runs meanwhile", [float(more)], "runs", bar=0.0),
        Result.of("model runs before", [float(before)], "runs", note="to show that the counter counts"),
    ]
    return record("interaction", results, quick=quick, browser=browser) and before > 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer clicks and switches")
    parser.add_argument("--serve", metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(Path(options.serve), options.port)
    else:
        finish(run(quick=options.quick))
