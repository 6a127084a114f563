"""The app as an ASGI application: Streamlit's own, whose pages tell the browser at once where their server is.

Streamlit's script finds its server by asking: below the page's own path, which on every deep link is a 404, then at the
root; only then does it connect. What it would find is known here and stands in the HTML instead
(docs/decisions/0010-server-named-in-the-html.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from streamlit import cli_util, config, file_util
from streamlit.web.server import server_util

from akl_viz.paths import APP
from akl_viz.ui import catalog

SETTINGS = """<script>
      {
        // Every page lies directly below the root, so the root is the folder of the page's address.
        const root = new URL("./", location.href).href
        window.__streamlit = {
          BACKEND_BASE_URL: root,
          MAIN_PAGE_BASE_URL: root,
          HOST_CONFIG: { allowedOrigins: [location.origin], useExternalAuthToken: false },
        }
      }
    </script>
    """
"""What Streamlit's script reads before its first request; pages of other origins may send it no messages."""
BEFORE = '<script type="module"'
"""The tag in Streamlit's HTML that loads its script."""
LISTENS_AFTER_S = 0.3
"""From the end of the start-up until the socket surely listens."""


def html() -> str:
    """Streamlit's HTML with the settings. Raises ValueError where it has no place for them, as another version may."""
    whole = Path(file_util.get_static_dir(), "index.html").read_text(encoding="utf-8")
    before, tag, after = whole.partition(BEFORE)
    if not tag:
        raise ValueError(f"Streamlit's index.html holds no {BEFORE}.")
    return before + SETTINGS + tag + after


async def page(_: Request) -> Response:
    """Answer with the HTML of every page; the browser asks for it anew each time, as for Streamlit's own."""
    return HTMLResponse(HTML, headers={"Cache-Control": "no-cache"})


@asynccontextmanager
async def opened(_: st.App) -> AsyncIterator[None]:
    """At a terminal, open a browser once the server listens; Streamlit does so for a script, not for an application."""
    if not config.get_option("server.headless"):
        url = server_util.get_url(config.get_option("server.address"))
        asyncio.get_running_loop().call_later(LISTENS_AFTER_S, cli_util.open_browser, url)
    yield


HTML = html()
ADDRESSES = ("/", *(f"/{row.url_path}" for row in catalog.PAGES))
app = st.App(APP, routes=[Route(address, page) for address in ADDRESSES], lifespan=opened)
