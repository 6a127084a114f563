"""What makes the app an application of its own: routes, lifespan and the guard that `app.py` gives to Streamlit's.

Streamlit's script finds its server by asking: below the page's own path, which on every deep link is a 404, then at the
root; only then does it connect. What it would find is known here and stands in the HTML instead
(docs/decisions/0010-server-named-in-the-html.md). Pages of other origins are refused before Streamlit sees them: it
would ask another machine for the address of this one (docs/decisions/0018-foreign-origins.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose
from streamlit import cli_util, config, file_util, net_util
from streamlit.web.server import server_util
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from akl_viz import origins
from akl_viz.ui import catalog

SETTINGS = """<script>
      {
        // Every page lies directly below the root, so the root is the folder of the page's address.
        const root = new URL("./", location.href).href
        window.__streamlit = {
          BACKEND_BASE_URL: root,
          MAIN_PAGE_BASE_URL: root,
          HOST_CONFIG: { allowedOrigins: ["https://nobody.invalid"], useExternalAuthToken: false },
        }
      }
    </script>
    """
"""What Streamlit's script reads before its first request. It takes no empty list of the origins whose pages may send it
messages, and of a local one it would overlook the port: the list names a host that cannot be."""
SCRIPT_TAG = '<script type="module"'
"""The tag in Streamlit's HTML that loads its script."""


def html() -> str | None:
    """Streamlit's HTML with the settings; None where it has no place for them, as another version may."""
    whole = Path(file_util.get_static_dir(), "index.html").read_text(encoding="utf-8")
    before, tag, after = whole.partition(SCRIPT_TAG)
    return before + SETTINGS + tag + after if tag else None


def routes() -> list[Route]:
    """A route for every page; none, so that Streamlit answers itself, where it must or the app has a base path."""
    whole = html()
    if whole is None or config.get_option("server.baseUrlPath"):
        return []

    async def page(_: Request) -> Response:
        # The browser asks anew each time, as for Streamlit's own HTML.
        return HTMLResponse(whole, headers={"Cache-Control": "no-cache"})

    return [Route("/" if row.default else f"/{row.url_path}", page) for row in catalog.PAGES]


@asynccontextmanager
async def browser_opened(_: st.App) -> AsyncIterator[None]:
    """At a terminal, open a browser as the server starts; Streamlit does so for a script, not for an application."""
    if not config.get_option("server.headless"):
        name = "browser.serverAddress"
        host = config.get_option(name if config.is_manually_set(name) else "server.address")
        # The socket listens already.
        asyncio.get_running_loop().call_soon(cli_util.open_browser, server_util.get_url(host))
    yield


class OwnPagesOnly:
    """Answers the pages of the app and those of named origins, and programs that are no browser; nobody else."""

    READ = ("host", "origin", "sec-fetch-site", "sec-fetch-mode")

    def __init__(self, app: ASGIApp) -> None:
        self.inner = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a handshake or a request before anything is done for it."""
        if scope["type"] not in {"http", "websocket"}:
            await self.inner(scope, receive, send)
            return
        headers = Headers(scope=scope)
        named = config.get_option("server.corsAllowedOrigins")
        values = {name: headers.getlist(name) for name in self.READ}
        why = origins.refusal(values, named, is_host_allowed(headers.get("host")))
        if why is None:
            await self.inner(scope, receive, _unframed(send, named))
        elif scope["type"] == "websocket":
            await WebSocketClose(1008, why)(scope, receive, send)
        else:
            await PlainTextResponse(why, 403)(scope, receive, send)


def _unframed(send: Send, named: list[str]) -> Send:
    """Let no foreign page show the app inside itself, where a person would press what they do not see."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            allowed = " ".join(["'self'", *named])
            MutableHeaders(scope=message).append("Content-Security-Policy", f"frame-ancestors {allowed}")
        await send(message)

    return sent


def no_look_up() -> None:
    """Let Streamlit never ask for the addresses of this machine: for one of them it asks another machine, and waits."""

    def unknown() -> str | None:
        return None

    net_util.get_internal_ip = net_util.get_external_ip = unknown


no_look_up()
MIDDLEWARE = [Middleware(OwnPagesOnly)]
