"""What one command of the command line is made of."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from akl_viz.errors import InvalidInput


@dataclass(frozen=True)
class Command:
    """One row of the table of commands."""

    name: str
    help: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]
    """Does it; raises an AklVizError with one sentence for a user's mistake."""


def print_line(line: str) -> None:
    """Write one line to standard output. Raises InvalidInput where it cannot be written, as on a full disk."""
    with _printing():
        sys.stdout.write(line + "\n")


def flush() -> None:
    """Write what is still buffered. Raises InvalidInput as `print_line` does."""
    with _printing():
        sys.stdout.flush()


def discard() -> None:
    """Let nobody write again, at exit, what could not be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _printing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # The reader (head, less) has left: no mistake.
        raise
    except OSError as error:
        discard()
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise InvalidInput(f"the output cannot be written ({reason}); write it elsewhere.") from error
