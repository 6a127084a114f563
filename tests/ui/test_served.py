"""The app as it is served: every page's HTML names the server, a signal ends it in order, a terminal gets a browser."""

import asyncio
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit import config, file_util
from streamlit.web.server import server_util

from akl_viz import served
from akl_viz.ui import catalog
from benchmarks.browser import ROOT, server

STATIC = Path(file_util.get_static_dir())


def test_every_page_names_the_server_before_streamlits_script_starts():
    client = TestClient(Starlette(routes=served.routes()))
    for row in catalog.PAGES:
        response = client.get("/" if row.default else f"/{row.url_path}")
        text = response.text
        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-cache"
        assert text.index("window.__streamlit = {") < text.index('<script type="module"')
        assert text.replace(served.SETTINGS, "") == (STATIC / "index.html").read_text(encoding="utf-8")
    assert client.get("/overview").status_code == 404


def test_streamlits_script_reads_the_settings():
    scripts = "".join(path.read_text(encoding="utf-8") for path in STATIC.glob("static/js/index.*.js"))
    assert "window.__streamlit" in scripts
    for name in ("BACKEND_BASE_URL", "MAIN_PAGE_BASE_URL", "HOST_CONFIG"):
        assert f"get {name}()" in scripts


def test_without_the_tag_or_below_a_base_path_streamlit_answers_itself(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(config, "get_option", {"server.baseUrlPath": "lab"}.__getitem__)
        assert served.routes() == []
    assert len(served.routes()) == len(catalog.PAGES)
    (tmp_path / "index.html").write_text("<html></html>")
    monkeypatch.setattr(file_util, "get_static_dir", lambda: str(tmp_path))
    assert served.routes() == []


@pytest.mark.parametrize(
    ("headless", "chosen", "shown"),
    [(True, set(), []), (False, set(), ["http://127.0.0.1"]), (False, {"browser.serverAddress"}, ["http://lab"])],
)
def test_a_browser_is_opened_at_a_terminal_only(headless, chosen, shown, monkeypatch):
    options = {"server.headless": headless, "server.address": "127.0.0.1", "browser.serverAddress": "lab"}
    monkeypatch.setattr(config, "get_option", options.__getitem__)
    monkeypatch.setattr(config, "is_manually_set", chosen.__contains__)
    monkeypatch.setattr(server_util, "get_url", lambda host: f"http://{host}")
    opened = []
    monkeypatch.setattr(served.cli_util, "open_browser", opened.append)

    async def start():
        async with served.browser_opened(None):
            await asyncio.sleep(0.01)

    # In a thread: a browser test of the same process leaves its own loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(start())).result()
    assert opened == shown


WRITES = """
import os, pathlib, signal, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from akl_viz.launch import exit_in_order_on_signals

def write():
    time.sleep(1.0)
    pathlib.Path(sys.argv[1]).write_text("whole")

exit_in_order_on_signals()
ThreadPoolExecutor(1).submit(write)
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
signal.raise_signal(signal.SIGTERM)
"""
"""A checkpoint is being written when the first signal comes, and still when the second one does."""


def test_what_is_being_written_is_finished_whatever_signals_come(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WRITES, str(tmp_path / "checkpoint")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "checkpoint").read_text() == "whole"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_in_order(number, tmp_path):
    with server(log=tmp_path / "log") as app:
        app.wait()
        app.process.send_signal(number)
        assert app.process.wait(timeout=30) == 0
    assert "Traceback" not in (tmp_path / "log").read_text(encoding="utf-8")
