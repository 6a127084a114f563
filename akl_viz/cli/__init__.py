"""The command line `akl-viz`: a table of commands.

A user's mistake ends with exit code 2 and one line on standard error. Heavy libraries are imported by the
command that needs them, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

from akl_viz import __version__
from akl_viz.cli import app, distill, divergence, inspect, models, toy
from akl_viz.cli.command import Command, discard, flush
from akl_viz.cli.parser import USER_MISTAKE, Parser
from akl_viz.distill.launched import launched
from akl_viz.errors import AklVizError

COMMANDS: tuple[Command, ...] = (
    app.COMMAND,
    models.COMMAND,
    inspect.COMMAND,
    divergence.COMMAND,
    distill.COMMAND,
    toy.COMMAND,
)
"""Every command, in the order of the help text."""


def build_parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = Parser(
        prog="akl-viz", description="An open laboratory for KL divergences in the distillation of language models."
    )
    parser.add_argument("--version", action="version", version=f"akl-viz {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        options = commands.add_parser(command.name, help=command.help)
        command.add_options(options)
        options.set_defaults(run=command.run)
    return parser


def end(code: int) -> int:
    """Return the exit code, or end at once with it as one of several processes that a launcher started.

    Threads of torch's process group outlive it now and then, and abort the interpreter as it clears up (torch 2.13,
    gloo): the launcher would report a run as failed whose work is done and written.
    """
    if launched():
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)
    return code


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    arguments: Any = build_parser().parse_args(argv)
    # JSON is UTF-8 whatever the terminal's encoding; a text from the command line may hold any character.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    try:
        arguments.run(arguments)
        flush()
    except AklVizError as error:
        sys.stderr.write(f"akl-viz: {' '.join(str(error).split())}\n")
        return USER_MISTAKE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        discard()
    return 0
