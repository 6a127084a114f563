"""The harness page on a running server."""

from pathlib import Path

import pytest

from tests.browser_fixtures import browser, open_page, streamlit_server

__all__ = ["browser", "harness", "open_page"]


@pytest.fixture(scope="session")
def harness(browser, tmp_path_factory):
    """Address of the page that shows the inspector and nothing else."""
    log = tmp_path_factory.mktemp("harness") / "server.log"
    with streamlit_server(Path(__file__).parent / "harness" / "app.py", log) as address:
        yield address
