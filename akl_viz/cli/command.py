"""What one command of the command line is made of."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One row of the table of commands."""

    name: str
    help: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]
    """Does it; raises an AklVizError with one sentence for a user's mistake."""


def print_line(line: str) -> None:
    """Write one line to standard output."""
    sys.stdout.write(line + "\n")
