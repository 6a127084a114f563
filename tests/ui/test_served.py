"""The app as it is served: every page's HTML names the server, a signal ends it in order, a terminal gets a browser."""

import asyncio
import signal
from pathlib import Path

import pytest
from streamlit import config, file_util
from streamlit.web.server import server_util

from akl_viz import served
from akl_viz.ui import catalog
from benchmarks.browser import server

STATIC = Path(file_util.get_static_dir())


def answer(address):
    [route] = [route for route in served.app._user_routes if route.path == address]
    return asyncio.run(route.endpoint(None))


@pytest.mark.parametrize("address", ["/", *(f"/{row.url_path}" for row in catalog.PAGES)])
def test_every_page_names_the_server_before_streamlits_script_starts(address):
    response = answer(address)
    text = response.body.decode()
    assert text.count("window.__streamlit = {") == 1
    assert text.index("window.__streamlit = {") < text.index('<script type="module"')
    assert text.replace(served.SETTINGS, "") == (STATIC / "index.html").read_text(encoding="utf-8")
    assert response.headers["cache-control"] == "no-cache"


def test_streamlits_script_reads_the_settings():
    scripts = "".join(path.read_text(encoding="utf-8") for path in STATIC.glob("static/js/index.*.js"))
    for name in ("__streamlit", "BACKEND_BASE_URL", "MAIN_PAGE_BASE_URL", "HOST_CONFIG", "useExternalAuthToken"):
        assert name in scripts


def test_another_streamlit_without_that_tag_is_refused(tmp_path, monkeypatch):
    (tmp_path / "index.html").write_text("<html></html>")
    monkeypatch.setattr(file_util, "get_static_dir", lambda: str(tmp_path))
    with pytest.raises(ValueError, match=r"index\.html"):
        served.html()


@pytest.mark.parametrize(("headless", "shown"), [(True, []), (False, ["http://127.0.0.1:8599"])])
def test_a_browser_is_opened_at_a_terminal_only(headless, shown, monkeypatch):
    options = {"server.headless": headless, "server.address": "127.0.0.1"}
    monkeypatch.setattr(config, "get_option", options.__getitem__)
    monkeypatch.setattr(server_util, "get_url", lambda host: f"http://{host}:8599")
    monkeypatch.setattr(served, "LISTENS_AFTER_S", 0.0)
    opened = []
    monkeypatch.setattr(served.cli_util, "open_browser", opened.append)

    async def start():
        async with served.opened(served.app):
            await asyncio.sleep(0.01)

    asyncio.run(start())
    assert opened == shown


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_in_order(number, tmp_path):
    # Not by the signal itself, which would end threads that still write a checkpoint.
    with server(log=tmp_path / "log") as app:
        app.wait()
        app.process.send_signal(number)
        assert app.process.wait(timeout=30) == 0
    assert "Traceback" not in (tmp_path / "log").read_text(encoding="utf-8")
