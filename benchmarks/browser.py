"""A running app and a real browser with a profile that has never seen it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
APP = ("-m", "akl_viz", "app", "--port")
WINDOW_WIDTH, WINDOW_HEIGHT = 1400, 1000
START_S = 120.0
POLL_S = 0.02
PATIENCE_MS = 120_000.0


def find_chromium() -> str:
    """Path of a Chromium or Chrome; ends the process with a sentence where there is none."""
    found = os.environ.get("AKL_VIZ_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        sys.exit("No Chromium or Chrome found: install one (Debian: apt-get install chromium) or set AKL_VIZ_CHROMIUM.")
    return found


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(command: Sequence[str] = APP, environment: Mapping[str, str] | None = None) -> Iterator[tuple[str, float]]:
    """Start `python COMMAND PORT`; yields its address and when it was started (time.perf_counter)."""
    port = free_port()
    with tempfile.TemporaryFile() as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *command, str(port)],
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "HF_HUB_OFFLINE": "1", **(environment or {})},
        )
        try:
            yield f"http://127.0.0.1:{port}", started
        finally:
            process.terminate()
            process.wait(timeout=30)


def wait_until_healthy(address: str) -> None:
    """Return when the server answers its health check. Raises TimeoutError after two minutes."""
    deadline = time.perf_counter() + START_S
    while time.perf_counter() < deadline:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(POLL_S)
    raise TimeoutError(f"The server at {address} did not answer within {START_S:.0f} seconds.")


@contextmanager
def fresh_browser() -> Iterator[tuple[BrowserContext, str]]:
    """A headless Chromium with an empty profile; yields it and its name with version."""
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=find_chromium(),
            headless=True,
            args=list(FLAGS),
            viewport={"width": WINDOW_WIDTH, "height": WINDOW_HEIGHT},
        )
        try:
            version = context.pages[0].evaluate("navigator.userAgent.match(/Chrom[a-z]*\\/[0-9.]+/)[0]")
            yield context, str(version).replace("/", " ")
        finally:
            context.close()
