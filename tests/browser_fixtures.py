"""A real browser on a running page: server start, shared browser, and pages that fail on any error or outside request.

Import the fixtures you need in a conftest.py: `from tests.browser_fixtures import browser, open_page`.
"""

import atexit
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, sync_playwright

from benchmarks.browser import FLAGS, NO_CHROMIUM, ROOT, find_chromium, server

OURS = re.compile(rf'File "{re.escape(str(ROOT))}/(akl_viz|pages|app\.py|tests)')
"""A traceback through a file of ours in a server's log; Streamlit's complaints about a closed tab have none."""
STREAMLIT_RUN = (
    "import sys; from streamlit.web import cli; "
    "port = sys.argv.index('--port'); sys.argv[port] = '--server.port'; "
    "sys.argv[1:1] = ['run', '--server.address', '127.0.0.1', '--server.headless', 'true']; cli.main()"
)
SETTLE_MS = 45_000
SLOW = 6
"""So many times slower than this machine is an old laptop; what a person does there must count as well."""
ONE_PROCESS = "--process-per-site"
"""All pages of the app in one process of the browser: what it compiled of Streamlit's scripts serves the next page."""
SLOWER = "AKL_VIZ_TEST_SLOWER"
"""Environment variable: how many times slower than this machine all pages run, as on an old laptop."""
KEEPS_PROCESS = "/_stcore/health"
"""A page of one word; while it is open, the browser's process of the site lives on between two tests."""


@cache
def _launched() -> Browser:
    """One browser for the whole test run: Playwright's synchronous interface can be started only once."""
    playwright = sync_playwright().start()
    atexit.register(playwright.stop)
    return playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=[*FLAGS, ONE_PROCESS])


@pytest.fixture(scope="session")
def browser() -> Browser:
    """Chromium; without one the test is skipped, or fails where CI=true."""
    if find_chromium() is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(NO_CHROMIUM)
    return _launched()


@cache
def _shared_context() -> BrowserContext:
    """One profile for all ordinary pages, so that Streamlit's own scripts are fetched once."""
    return _launched().new_context(viewport={"width": 1400, "height": 1000})


@cache
def _kept(origin: str) -> Page:
    """A page of this server that stays open."""
    page = _shared_context().new_page()
    page.goto(origin + KEEPS_PROCESS)
    return page


class Watch:
    """What went wrong on a page: errors, console errors, requests that leave the machine."""

    def __init__(self, page: Page):
        self.problems: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        page.on("console", self._said)
        page.on("request", lambda request: self._seen(request.url))
        page.on("websocket", lambda socket_: self._seen(socket_.url))

    def _said(self, line: ConsoleMessage) -> None:
        if line.type == "error":
            self.problems.append(f"console: {line.text}")

    def _seen(self, url: str) -> None:
        self.requests.append(url)
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob", "file", "about"} and parts.hostname not in {"127.0.0.1", "localhost"}:
            self.problems.append(f"outside request: {url}")


def slow_down(page: Page, times: float) -> None:
    """Let all that a page runs and draws take so many times as long, from now on."""
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": times})


@pytest.fixture
def open_page(browser):
    """Open a page: `open_page(url, scheme="light", size=(1400, 1000), fresh=False, motion=False, slower=1)`.

    Fails at the end on any problem of any page. `fresh=True` opens one in a profile of its own, as another person
    would. Pages ask for no motion, which draws a fifth less of them, except where `motion=True`. With `slower=6` it is
    a page on a machine six times as slow.
    """
    opened: list[tuple[Page, Watch, BrowserContext | None]] = []

    def open_one(
        url: str,
        *,
        scheme: str = "light",
        size: tuple[int, int] = (1400, 1000),
        fresh: bool = False,
        motion: bool = False,
        slower: float = float(os.environ.get(SLOWER, "1")),
    ) -> Page:
        parts = urlsplit(url)
        if parts.scheme == "http":
            _kept(f"http://{parts.netloc}")
        context = browser.new_context() if fresh else None
        page = (context or _shared_context()).new_page()
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.emulate_media(color_scheme=scheme, reduced_motion="no-preference" if motion else "reduce")
        watch = Watch(page)
        page.watch = watch
        opened.append((page, watch, context))
        if slower != 1:
            slow_down(page, slower)
        page.goto(url, timeout=SETTLE_MS)
        return page

    yield open_one
    problems = [problem for _, watch, _ in opened for problem in watch.problems]
    for page, _, context in opened:
        (context or page).close()
    assert problems == [], "\n".join(problems)


def settled(page: Page) -> None:
    """Wait until the script has run and nothing on the page is stale; an error box fails."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=SETTLE_MS)
    page.wait_for_function(
        "!document.querySelector('[data-testid=stStatusWidget]') && !document.querySelector('[data-stale=true]')",
        timeout=SETTLE_MS,
    )
    assert page.get_by_test_id("stException").count() == 0


def saved(page: Page, button: Locator, target: Path) -> None:
    """Press an export and keep its file. A script that still runs is about to put another button in its place."""
    settled(page)
    with page.expect_download(timeout=SETTLE_MS) as waiting:
        button.click()
    waiting.value.save_as(target)


@contextmanager
def running(command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run `command --port N` on a free port; yields its address. An error of ours in its log fails at the end."""
    with server(command, environment, log) as started:
        started.wait()
        yield started.address
    assert [line for line in log.read_text().splitlines() if OURS.search(line)] == []


@contextmanager
def streamlit_server(script: Path, log: Path) -> Iterator[str]:
    """Run a Streamlit script as `streamlit run` does, with the file watcher off."""
    flags = ["--server.fileWatcherType", "none", "--browser.gatherUsageStats", "false"]
    launch = [sys.executable, "-c", STREAMLIT_RUN, str(script), *flags]
    with running(launch, log) as address:
        yield address
