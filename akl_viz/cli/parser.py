"""The parser of all commands: a mistake is one line, an option is given once, and a value may begin with a minus."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

USER_MISTAKE = 2
_NEGATIVE = re.compile(r"-(\d|\.\d|inf|nan)", re.IGNORECASE)
_GIVEN = "options_given"


class Parser(argparse.ArgumentParser):
    """An argument parser that takes no option twice, unless it is a list, and whose errors are one line."""

    def __init__(self, **settings: Any) -> None:
        """A parser whose options all refuse to be given twice."""
        super().__init__(**settings)
        for name, kind in ((None, _Once), ("store", _Once), ("store_true", _Switch)):
            self.register("action", name, kind)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as argparse does, with a value that looks like a negative number tied to its option."""
        return super().parse_known_args(_tied(sys.argv[1:] if args is None else args), namespace)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line, and end."""
        if message.endswith("expected one argument"):
            message += ", written --option=VALUE where it begins with a minus"
        self.exit(USER_MISTAKE, f"{self.prog}: {message} (see {self.prog} --help)\n")


class _Once(argparse.Action):
    """Stores a value, once."""

    def __call__(
        self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        """Store it."""
        _mark(self, namespace)
        setattr(namespace, self.dest, values)


class _Switch(_Once):
    """Stores True, once."""

    def __init__(self, option_strings: Sequence[str], dest: str, **settings: Any) -> None:
        """A switch, which takes no value."""
        super().__init__(option_strings, dest, nargs=0, **{"default": False, **settings})

    def __call__(
        self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        """Store True."""
        super().__call__(parser, namespace, True, option_string)


def _mark(action: argparse.Action, namespace: argparse.Namespace) -> None:
    """Refuse an option that was given before: the last one would win without a word."""
    given: set[str] = vars(namespace).setdefault(_GIVEN, set())
    if action.option_strings and action.dest in given:
        raise argparse.ArgumentError(action, "given twice: give it once")
    given.add(action.dest)


def _tied(args: Sequence[str]) -> list[str]:
    """The words, with --option -1,2 as --option=-1,2: argparse takes a list that begins with a minus for an option."""
    found: list[str] = []
    for place, word in enumerate(args):
        before = found[-1] if found else ""
        if before == "--":
            return [*found, *args[place:]]
        if before.startswith("--") and "=" not in before and _NEGATIVE.match(word):
            found[-1] = f"{before}={word}"
        else:
            found.append(word)
    return found


def path_of(text: str) -> Path:
    """A path that is named. Raises ArgumentTypeError for an empty one, which would mean the working directory."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the path is empty: name a file or a folder")
    return Path(text)
