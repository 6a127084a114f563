"""A page of another program on this machine: it can neither speak to the app nor show it; one that was named can."""

import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from tests.browser_fixtures import SETTLE_MS, running, settled

TRIES = """
async (app) => {
  const asked = (path, options) => fetch(app + path, options).then((answer) => answer.status, () => "refused");
  const opened = new Promise((done) => {
    const line = new WebSocket(app.replace("http", "ws") + "/_stcore/stream");
    line.onopen = () => done("open");
    line.onerror = () => done("refused");
  });
  const shown = new Promise((done) => {
    const image = new Image();
    image.onload = () => done("shown");
    image.onerror = () => done("refused");
    image.src = app + "/favicon.png";
  });
  return {
    socket: await opened,
    upload: await asked("/_stcore/upload_file/a/b", { method: "PUT", body: "x" }),
    health: await asked("/_stcore/health"),
    image: await shown,
  };
}
"""
NOTHING = {"socket": "refused", "upload": "refused", "health": "refused", "image": "refused"}


class Blank(BaseHTTPRequestHandler):
    """An empty page, whatever is asked for."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>other</title>")

    def log_message(self, *_):
        pass


@contextmanager
def other_program():
    """The address of a server on another port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Blank) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{other.server_port}"
        other.shutdown()


@pytest.fixture
def visit(browser):
    """Open a page whose errors are expected: in a profile of its own."""
    contexts = []

    def open_one(url):
        contexts.append(browser.new_context())
        page = contexts[-1].new_page()
        page.goto(url)
        return page

    yield open_one
    for context in contexts:
        context.close()


def framed(page, app):
    """Whether the page can show the app inside itself."""
    page.evaluate(
        "(from) => { const it = document.createElement('iframe'); it.src = from; document.body.append(it) }", app
    )
    page.wait_for_function("document.querySelector('iframe').contentDocument === null", timeout=SETTLE_MS)
    return not page.frames[-1].url.startswith("chrome-error:")


def test_another_port_of_this_machine_is_foreign_until_it_is_named(app, visit, tmp_path):
    with other_program() as other:
        page = visit(other)
        assert page.evaluate(TRIES, app) == NOTHING
        own = visit(f"{app}/_stcore/health").evaluate(TRIES, app)
        assert {own.pop("upload"), *own.values()} == {403, "open", 200, "shown"}  # 403: no token of the session
        assert not framed(page, app)
        command = [sys.executable, "-m", "akl_viz", "app", "--origin", other]
        with running(command, tmp_path / "log", {"HF_HUB_OFFLINE": "1"}) as named:
            tried = visit(other).evaluate(TRIES, named)
            assert (tried["socket"], tried["health"]) == ("open", 200)
            assert framed(visit(other), named)


def test_a_page_without_an_origin_of_its_own_is_foreign(app, visit, tmp_path):
    (tmp_path / "page.html").write_text("<!doctype html><title>file</title>")
    assert visit((tmp_path / "page.html").as_uri()).evaluate(TRIES, app) == NOTHING


def test_the_app_opens_by_the_other_name_of_this_machine_and_by_a_link(app, open_page, visit):
    by_name = app.replace("127.0.0.1", "localhost")
    page = open_page(f"{by_name}/discrete")
    settled(page)
    assert page.get_by_role("heading", level=1).count() == 1
    with other_program() as other:
        link = visit(other)
        link.evaluate(
            "(to) => { const a = document.createElement('a'); a.href = to; a.text = 'to'; document.body.append(a) }",
            app,
        )
        link.get_by_text("to").click()
        link.wait_for_url(f"{app}/")
        settled(link)
        assert urlsplit(link.url).netloc == urlsplit(app).netloc
