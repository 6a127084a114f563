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
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import BrowserContext, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
APP = (sys.executable, "-m", "akl_viz", "app")
NO_CHROMIUM = (
    "no Chromium or Chrome found: install one (Debian: apt-get install chromium) or set AKL_VIZ_CHROMIUM to its path"
)
WINDOW_WIDTH, WINDOW_HEIGHT = 1400, 1000
START_S = 120.0
STOP_S = 30.0
POLL_S = 0.02
PATIENCE_MS = 120_000.0


def find_chromium() -> str | None:
    """Path of a Chromium or Chrome on this machine."""
    return os.environ.get("AKL_VIZ_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Server:
    """A process that serves the app, healthy or not yet."""

    address: str
    started: float
    """time.perf_counter at the start of the process."""
    process: subprocess.Popen[bytes]
    log: Path

    def wait(self) -> None:
        """Return when the server answers its health check. Raises RuntimeError with the log's end where it does not."""
        while time.perf_counter() < self.started + START_S and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(POLL_S)
        code = self.process.poll()
        what = f"did not answer within {START_S:.0f} s" if code is None else f"stopped with code {code}"
        raise RuntimeError(f"The server {what}:\n{self.log.read_text(encoding='utf-8', errors='replace')[-2000:]}")


@contextmanager
def server(
    command: Sequence[str] = APP,
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
    port: int | None = None,
) -> Iterator[Server]:
    """Start `COMMAND --port N`, without waiting for it; ends it at last.

    Args:
        command: the program and its arguments.
        environment: what differs from this process's; the hub is offline unless it says otherwise.
        log: file for all output; a temporary one where it is None.
        port: N; a free one where it is None.
    """
    port = port or free_port()
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryDirectory() as folder:
        log = log or Path(folder) / "server.log"
        with log.open("wb") as out:
            started = time.perf_counter()
            process = subprocess.Popen(
                [*command, "--port", str(port)],
                cwd=ROOT,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": paths, **(environment or {})},
            )
        try:
            yield Server(f"http://127.0.0.1:{port}", started, process, log)
        finally:
            process.terminate()
            process.wait(timeout=STOP_S)


@contextmanager
def fresh_browser() -> Iterator[tuple[BrowserContext, str]]:
    """A headless Chromium with an empty profile; yields it and its name with version."""
    path = find_chromium() or sys.exit(NO_CHROMIUM)
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=path,
            headless=True,
            args=list(FLAGS),
            viewport={"width": WINDOW_WIDTH, "height": WINDOW_HEIGHT},
        )
        try:
            version = context.pages[0].evaluate("navigator.userAgent.match(/Chrom[a-z]*\\/[0-9.]+/)[0]")
            yield context, str(version).replace("/", " ")
        finally:
            context.close()
