"""Start the app's server on this machine's loopback address."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Sequence
from types import FrameType

from akl_viz import origins
from akl_viz.errors import InvalidInput
from akl_viz.paths import APP

ADDRESS = "127.0.0.1"
SERVED = f"{APP.stem}:app"
"""Imported by the server, once its options are set."""
SIGNALS = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGBREAK")
"""What asks the server to stop; each platform has some of them."""


def require_free_port(port: int) -> None:
    """Raise InvalidInput where another program listens on the port, before the server prints a traceback."""
    if not 1 <= port <= 65535:
        raise InvalidInput(f"a port lies between 1 and 65535, not {port}; choose one with --port.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            raise InvalidInput(f"port {port} cannot be used ({error.strerror}); choose another with --port.") from error


def exit_in_order_on_signals() -> None:
    """Let a signal end the process as its last line would: a checkpoint that is being written is finished.

    The server closes its connections at the first signal, then sends it on to whoever listened before it.
    """
    known = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]

    def leave(_number: int, _frame: FrameType | None) -> None:
        # A second one would break off the wait for what is being written.
        for number in known:
            signal.signal(number, signal.SIG_IGN)
        raise SystemExit(0)

    for number in known:
        signal.signal(number, leave)


def run_app(port: int, named: Sequence[str] = ()) -> None:
    """Serve the app until interrupted.

    Streamlit takes a folder named `pages` for its old multi-page mode until `st.navigation` has run once, which
    shows a "Page not found" box over the first deep link after a start; saying so beforehand avoids it.

    Args:
        port: to listen on.
        named: origins whose pages may use the app besides its own.

    Raises:
        InvalidInput: the port cannot be used, or one of `named` is no origin.
    """
    allowed = origins.name_origins(named)
    require_free_port(port)
    from streamlit import config
    from streamlit.runtime.pages_manager import PagesManager
    from streamlit.web import bootstrap

    PagesManager.uses_pages_directory = False
    config._main_script_path = str(APP)
    # At a terminal a person waits for the browser to open; a script or a test does not.
    options = {
        "server_port": port,
        "server_address": ADDRESS,
        "server_headless": not sys.stdout.isatty(),
        "server_corsAllowedOrigins": allowed,
        # A proxy before the app may pass on the name that it has itself.
        "server_allowedHosts": [*origins.LOOPBACK, *origins.hosts_of(allowed)],
    }
    bootstrap.load_config_options(options)
    exit_in_order_on_signals()
    bootstrap.run_asgi_app(str(APP), SERVED, [], options)
