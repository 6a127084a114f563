"""What a page that watches costs a run, and what a run costs a page.

The same configuration runs in turns in the app, with a browser on the race page, and in `akl-viz distill`, on as many
threads: the app leaves a core for its pages. The command on all cores is recorded beside them. A run's own history says
how many tokens it trained on in how many seconds, measurements and checkpoints not counted. Then a run of
the default pair goes on in one tab: how long from Stop to the page saying so, and, on the learn pages in another tab,
from a key on a slider to the frame with the numbers of the server's answer.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Page

from akl_viz.distill import DistillConfig, open_run
from akl_viz.distill.options import command_of
from akl_viz.ui.permalink import pack_text
from benchmarks.browser import PATIENCE_MS, fresh_browser, server
from benchmarks.record import Result, finish, record

STEPS, REPEATS, QUICK_REPEATS = 40, 5, 2
PAGE_BAR = 1 / 0.85
"""Time per token with the page over that without: at least 85 % of the throughput."""
STOP_BAR_MS = 1_500.0
ANSWER_BAR_MS = 1_000.0
ANSWERS, QUICK_ANSWERS = 30, 10
PAUSE_MS = 300
"""Between two moves of a slider."""
SLIDERS = {
    "divergences": (".slide.student[data-token='1']", "[data-field='shown.value']"),
    "gaussian": (".grip[role='slider']", "[data-field='value.reverse_kl.0']"),
}
"""Learn page -> the slider that is moved, and what stands on the page once it is filled."""
ANSWER = """
async (slider) => {
  const root = slider.closest('.akl');
  const before = root.dataset.seq;
  const started = performance.now();
  slider.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true, cancelable: true }));
  while (root.dataset.seq === before) await new Promise(requestAnimationFrame);
  return performance.now() - started;
}
"""
"""From the key to the frame in which the numbers of the answer stand on the page."""
CONFIG = DistillConfig(steps=STEPS)
LONG = DistillConfig(steps=100_000)


def speed(folder: Path) -> float:
    """Tokens per second of a run's training, over all its losses."""
    last = open_run(folder).history().sort_values("step").groupby("loss").last()
    return float(last["tokens"].sum() / last["seconds"].sum())


def from_the_shell(folder: Path, threads: int) -> float:
    """One run without any page."""
    words = shlex.split(command_of(CONFIG, folder))[1:]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    subprocess.run([sys.executable, "-m", "akl_viz", *words], check=True, capture_output=True, env=environment)
    return speed(folder)


def known(root: Path) -> set[str]:
    """Names of the runs there are."""
    return {entry.name for entry in root.iterdir() if (entry / "run.json").is_file()} if root.is_dir() else set()


def ended(root: Path, before: set[str]) -> Path:
    """The run that was started since, once it has ended."""
    limit = time.monotonic() + PATIENCE_MS / 1e3
    while time.monotonic() < limit:
        for name in known(root) - before:
            if open_run(root / name).status not in ("running", "interrupted"):
                return root / name
        time.sleep(0.2)
    raise RuntimeError("The run did not end.")


def stop_times(page: Page, address: str, count: int) -> list[float]:
    """Milliseconds from pressing Stop to the page saying so."""
    packed = pack_text(json.dumps(LONG.to_json())) or ""
    page.goto(f"{address}/race?{urlencode({'config': packed})}")
    found = []
    for _ in range(count):
        page.get_by_role("button", name="Start", exact=True).click(timeout=PATIENCE_MS)
        page.get_by_text(re.compile(r"Step [1-9]\d* of")).first.wait_for(timeout=PATIENCE_MS)
        pressed = time.perf_counter()
        page.get_by_role("button", name="Stop", exact=True).click()
        page.get_by_text(re.compile(r"Stopped at step|Stopping after this step")).first.wait_for(timeout=PATIENCE_MS)
        found.append((time.perf_counter() - pressed) * 1e3)
        page.get_by_text(re.compile(r"Stopped at step")).first.wait_for(timeout=PATIENCE_MS)
    return found


def answer_times(page: Page, other: Page, address: str, learn: str, count: int) -> list[float]:
    """Milliseconds a slider of a learn page waits for its answer while a run of the default pair goes on."""
    slider, filled = SLIDERS[learn]
    other.goto(f"{address}/{learn}")
    other.locator(filled).first.wait_for(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Start", exact=True).click(timeout=PATIENCE_MS)
    page.get_by_text(re.compile(r"Step [1-9]\d* of")).first.wait_for(timeout=PATIENCE_MS)
    found = []
    for _ in range(count):
        other.wait_for_timeout(PAUSE_MS)
        found.append(float(other.locator(slider).first.evaluate(ANSWER)))
    if page.get_by_text(re.compile(r"Step [1-9]\d* of")).count() == 0:
        raise RuntimeError("The run ended before the sliders were measured.")
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_text(re.compile(r"Stopped at step")).first.wait_for(timeout=PATIENCE_MS)
    return found


def run(*, quick: bool) -> bool:
    """Measure and record; whether every bar is met."""
    count = QUICK_REPEATS if quick else REPEATS
    cores = os.cpu_count() or 1
    threads = max(1, cores - 1)
    watched, alone, spread = [], [], []
    with tempfile.TemporaryDirectory() as folder, fresh_browser() as (browser, version):
        root = Path(folder) / "runs"
        with server(environment={"AKL_VIZ_RUNS": str(root)}) as app:
            app.wait()
            page = browser.new_page()
            page.goto(f"{app.address}/race")
            for number in range(count):
                before = known(root)
                page.get_by_role("button", name="Start", exact=True).click(timeout=PATIENCE_MS)
                watched.append(speed(ended(root, before)))
                alone.append(from_the_shell(Path(folder) / f"alone-{number}", threads))
                spread.append(from_the_shell(Path(folder) / f"spread-{number}", cores))
            stops = stop_times(page, app.address, count)
            other = browser.new_page()
            answers = {
                learn: answer_times(page, other, app.address, learn, QUICK_ANSWERS if quick else ANSWERS)
                for learn in SLIDERS
            }
    ratios = [mine / other for mine, other in zip(alone, watched, strict=True)]
    on = f"threads: {threads}"
    results = [
        Result.of("time per token, page open / command alone", ratios, "ratio", bar=PAGE_BAR, note=on),
        Result.of("tokens per second, page open", watched, "1/s", note=on),
        Result.of("tokens per second, command alone", alone, "1/s", note=on),
        Result.of("tokens per second, command on all cores", spread, "1/s", note=f"{cores} threads"),
        Result.of("stop pressed to stop shown", stops, "ms", bar=STOP_BAR_MS),
        *(
            Result.of(f"slider of learn/{learn} during a run to its numbers", times, "ms", bar=ANSWER_BAR_MS)
            for learn, times in answers.items()
        ),
    ]
    return record("race_page", results, quick=quick, browser=version)


def main() -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    finish(run(quick=parser.parse_args().quick))


if __name__ == "__main__":
    main()
