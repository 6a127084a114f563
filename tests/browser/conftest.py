"""The real app on a server of its own, started the way `make app` starts it."""

import os
import sys

import pytest

from tests.browser.racing import RaceServer
from tests.browser_fixtures import browser, open_page, running

__all__ = ["app", "browser", "open_page"]


@pytest.fixture(scope="session")
def roots(tmp_path_factory):
    """The only folder local checkpoints may come from in this server."""
    return tmp_path_factory.mktemp("roots")


@pytest.fixture(scope="session")
def app(browser, roots, tmp_path_factory):
    """Address of the running app; the hub is offline."""
    log = tmp_path_factory.mktemp("app") / "server.log"
    environment = {**os.environ, "AKL_VIZ_ROOTS": str(roots), "HF_HUB_OFFLINE": "1"}
    with running([sys.executable, "-m", "akl_viz", "app"], log, environment) as address:
        yield address


@pytest.fixture(scope="module")
def races(browser, tmp_path_factory):
    """The app on a folder of runs of its own, for the tests of a file; they leave it without a run that goes on."""
    server = RaceServer(tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("logs"))
    yield server
    server.stop()
