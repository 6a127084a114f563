"""`akl-viz app`: the app in a browser."""

from __future__ import annotations

import argparse

from akl_viz.cli.command import Command


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of `akl-viz app`."""
    parser.add_argument("--port", type=int, default=8501, help="port to listen on (default 8501)")
    parser.add_argument(
        "--origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="scheme, host and port of a page that may use the app besides its own pages, such as "
        "http://localhost:3000 or the address of a proxy before the app; repeatable (default none)",
    )


def run_app(arguments: argparse.Namespace) -> None:
    """Serve the app."""
    from akl_viz.launch import run_app as serve

    serve(arguments.port, arguments.origin)


COMMAND = Command("app", "start the app in a browser, bound to 127.0.0.1", add_options, run_app)
