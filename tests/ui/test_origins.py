"""Which pages may speak to the app: decided for each request by what the browser says of the page and of the server."""

import os
import socket
import sys
from contextlib import contextmanager

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from streamlit import config

from akl_viz import origins, served
from akl_viz.errors import InvalidInput
from benchmarks.browser import server

PATIENCE_S = 60
"""A server that answers at all answers sooner; one that waits for a name to be resolved does not."""
DEAF = """
import signal, socket, sys, threading
asked, look_up, connect = sys.argv.pop(1), socket.getaddrinfo, socket.socket.connect

def never(name):
    with open(asked, "a") as file:
        file.write(f"{name}\\n")
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Event().wait()

def resolve(host, *rest, **named):
    return look_up(host, *rest, **named) if host in (None, "127.0.0.1", "localhost") else never(host)

def reach(self, address):
    local = self.family == socket.AF_UNIX or address[0] in ("127.0.0.1", "::1", "localhost")
    return connect(self, address) if local else never(address)

socket.getaddrinfo, socket.socket.connect = resolve, reach
socket.gethostbyname = socket.gethostbyname_ex = never
"""
"""A machine without an answer: who asks for a name, or for another machine, waits for ever and is written down."""
COMMAND = "from akl_viz.cli import main; sys.exit(main())"
STREAMLIT = "sys.argv[sys.argv.index('--port')] = '--server.port'; from streamlit.web import cli; cli.main()"


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8501", "http://127.0.0.1:8501"),
        ("localhost:8501", "http://localhost:8501"),
        ("LocalHost:8501", "http://localhost:8501"),
        ("localhost.:8501", "http://localhost:8501"),
        ("[::1]:8501", "http://[::1]:8501"),
        ("[0:0:0:0:0:0:0:1]:8501", "http://[::1]:8501"),
        ("localhost", "http://localhost"),
        ("localhost:80", "http://localhost"),
        ("lab.example.org", "https://lab.example.org"),
        ("lab.example.org:443", "https://lab.example.org"),
    ],
)
def test_a_page_of_the_app_is_answered(host, origin):
    assert refusal(host, origin) is None


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.com",
        "http://evil.com:8501",
        "http://127.0.0.1:9999",
        "http://localhost:9999",
        "http://localhost:8501",
        "http://127.0.0.1",
        "https://127.0.0.1",
        "http://127.0.0.1:8501.evil.com",
        "http://127.0.0.1:8501@evil.com",
        "http://user@127.0.0.1:8501",
        "http://127.0.0.1:8501/",
        "http://127.0.0.1:08501x",
        "http://127.0.0.1:99999",
        "http://[::1",
        "http://[::1%lo]:8501",
        "ftp://127.0.0.1:8501",
        "chrome-extension://127.0.0.1:8501",
        "file://",
        "null",
        "",
        "*",
        "http://",
        "127.0.0.1:8501",
        "http://127.0.0.1:8501 http://evil.com",
        "http://１２７.0.0.1:8501",
    ],
)
def test_a_page_of_another_origin_is_refused(origin):
    assert "another origin" in refusal("127.0.0.1:8501", origin)


def test_two_origins_and_two_hosts_and_none_are_refused():
    own = "http://127.0.0.1:8501"
    assert "another origin" in refusal("127.0.0.1:8501", own, own)
    for hosts in ([], ["127.0.0.1:8501", "127.0.0.1:8501"]):
        assert "not open under this name" in origins.refusal(values(hosts, [own]), (), host_known=True)


def test_a_host_that_is_not_the_apps_is_refused_whoever_asks():
    for origin in (["http://evil.com:8501"], []):
        assert "not open" in origins.refusal(values(["evil.com:8501"], origin), (), host_known=False)


@pytest.mark.parametrize(
    ("site", "mode", "answered"),
    [
        (None, None, True),
        ("same-origin", "no-cors", True),
        ("none", "navigate", True),
        ("cross-site", "navigate", True),
        ("cross-site", "no-cors", False),
        ("same-site", "no-cors", False),
        ("same-site", "websocket", False),
        ("cross-site", None, False),
    ],
)
def test_without_an_origin_a_link_is_followed_and_a_foreign_pages_image_is_not_sent(site, mode, answered):
    asked = values(["localhost:8501"], []) | {
        "sec-fetch-site": [site] if site else [],
        "sec-fetch-mode": [mode] if mode else [],
    }
    assert (origins.refusal(asked, (), host_known=True) is None) == answered


def test_a_named_origin_is_answered_and_its_neighbours_are_not():
    named = origins.name_origins(["http://LOCALHOST:3000/", "https://lab.example.org:443", "http://localhost:3000"])
    assert named == ["http://localhost:3000", "https://lab.example.org"]
    assert origins.hosts_of(named) == ["localhost", "lab.example.org"]
    assert refusal("127.0.0.1:8501", "http://localhost:3000", named=named) is None
    assert refusal("127.0.0.1:8501", "https://lab.example.org", named=named) is None
    for other in (
        "https://localhost:3000",
        "http://localhost:3001",
        "http://lab.example.org",
        "https://a.lab.example.org",
    ):
        assert refusal("127.0.0.1:8501", other, named=named) is not None


@pytest.mark.parametrize(
    "text", ["*", "localhost:3000", "null", "", "http://*.example.org", "http://a/b", "ftp://a", "é"]
)
def test_what_is_no_origin_cannot_be_named(text):
    with pytest.raises(InvalidInput, match=r"is not an origin: give scheme, host and port"):
        origins.name_origins([text])


def test_what_is_refused_reaches_nothing_and_an_answer_may_not_be_framed(monkeypatch):
    reached = []

    async def inner(scope, receive, send):
        reached.append(scope["type"])
        await PlainTextResponse("inside")(scope, receive, send)

    options = {"server.corsAllowedOrigins": ["http://localhost:3000"], "server.allowedHosts": ["testserver"]}
    monkeypatch.setattr(config, "get_option", options.__getitem__)
    client = TestClient(served.OwnPagesOnly(inner))
    answer = client.get("/", headers={"Origin": "http://testserver"})
    assert answer.headers["content-security-policy"] == "frame-ancestors 'self' http://localhost:3000"
    assert client.get("/").text == client.put("/", headers={"Origin": "http://localhost:3000"}).text == "inside"
    assert reached == ["http"] * 3
    for method in ("GET", "PUT", "POST", "DELETE", "OPTIONS"):
        refused = client.request(method, "/_stcore/upload_file/a/b", headers={"Origin": "http://evil.com"})
        assert (refused.status_code, refused.headers.get("access-control-allow-origin")) == (403, None)
    forwarded = {"Origin": "http://evil.com", "X-Forwarded-Host": "evil.com", "X-Forwarded-Proto": "http"}
    assert client.get("/", headers=forwarded).status_code == 403
    assert client.get("/", headers={"Host": "evil.com"}).status_code == 403
    assert reached == ["http"] * 3


@contextmanager
def deaf_app(tmp_path, command, *options):
    """The app on a machine whose names nobody resolves; yields its port and the file of what was asked for."""
    asked = tmp_path / "asked"
    asked.touch()
    launch = [sys.executable, "-c", DEAF + command, str(asked), *options]
    with server(launch, {**os.environ, "AKL_VIZ_RUNS": str(tmp_path)}, tmp_path / "log") as app:
        app.wait()
        yield int(app.address.rpartition(":")[2]), asked


def handshake(port, *lines) -> int:
    """The status of the answer to the first message of a WebSocket."""
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    head = [
        "GET /_stcore/stream HTTP/1.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        key,
        "Sec-WebSocket-Version: 13",
    ]
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as line:
        line.sendall("\r\n".join([*head, *lines, "", ""]).encode())
        return int(line.recv(99).split()[1])


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (COMMAND, ("app", "--origin", "https://lab.example.org")),
        (STREAMLIT, ("run", "app.py", "--server.corsAllowedOrigins", "https://lab.example.org")),
    ],
    ids=["akl-viz app", "streamlit run"],
)
def test_no_handshake_makes_the_app_ask_another_machine(command, options, tmp_path):
    with deaf_app(tmp_path, command, *options) as (port, asked):
        here = f"Host: 127.0.0.1:{port}"
        foreign = ["http://evil.com", "null", "http://127.0.0.1:9999", f"http://localhost:{port}", "file://", "x"]
        assert {handshake(port, here, f"Origin: {origin}") for origin in foreign} == {403}
        assert handshake(port, f"Host: evil.com:{port}", f"Origin: http://evil.com:{port}") == 403
        assert handshake(port, here, f"Origin: http://127.0.0.1:{port}") == 101
        assert handshake(port, here, "Origin: https://lab.example.org") == 101
        assert handshake(port, here) == 101
        assert asked.read_text() == ""


def refusal(host, *sent, named=()):
    """Why a request with this Host and these Origins is refused."""
    return origins.refusal(values([host], sent), named, host_known=True)


def values(hosts, sent):
    """The headers that a decision needs, as a request has them."""
    return {"host": hosts, "origin": list(sent), "sec-fetch-site": [], "sec-fetch-mode": []}
