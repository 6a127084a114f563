"""A loss and its parameters as one short string, e.g. "akl:direction=reversed,mu=0.6": the syntax of every command."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from akl_viz.errors import InvalidInput

_KEY = re.compile(r"[a-z][a-z0-9_]*")
SYNTAX = "KEY or KEY:NAME=VALUE,NAME=VALUE"


@dataclass(frozen=True)
class LossSpec:
    """A key of the table of divergences with the parameters that differ from their defaults.

    Whether the key and the parameters exist is the table's to say: `akl_viz.divergences.get(spec.key)` and
    `Divergence.checked(spec.params)`. Here they are only well formed.
    """

    key: str
    given: tuple[tuple[str, float | str], ...] = ()
    """(name, value), in order of name."""

    @classmethod
    def parse(cls, text: str) -> LossSpec:
        """The specification a string stands for.

        Raises:
            InvalidInput: it does not have the form KEY or KEY:NAME=VALUE,NAME=VALUE, or gives a name twice.
        """
        key, colon, rest = text.strip().partition(":")
        parts = rest.split(",") if colon else []
        given: dict[str, float | str] = {}
        for part in parts:
            name, equals, value = (piece.strip() for piece in part.partition("="))
            if not equals or not value or not _KEY.fullmatch(name) or name in given:
                raise InvalidInput(f"The loss {text!r} is not of the form {SYNTAX}.")
            given[name] = _number_or_word(value)
        if not _KEY.fullmatch(key):
            raise InvalidInput(f"The loss {text!r} is not of the form {SYNTAX}.")
        return cls(key, tuple(sorted(given.items())))

    @property
    def params(self) -> dict[str, float | str]:
        """The given parameters by name."""
        return dict(self.given)

    def __str__(self) -> str:
        """The string that `parse` reads."""
        listed = ",".join(
            f"{name}={value!r}" if isinstance(value, float) else f"{name}={value}" for name, value in self.given
        )
        return f"{self.key}:{listed}" if listed else self.key


def refuse_twice(losses: Iterable[tuple[str, str, Mapping[str, float | str]]]) -> None:
    """Refuse a loss that is another one in other words: akl and akl:mu=0.5, where 0.5 is the default.

    Args:
        losses: (as it is listed, key, all its parameters) of each.

    Raises:
        InvalidInput: names both.
    """
    met: dict[tuple[str, frozenset[tuple[str, float | str]]], str] = {}
    for loss, key, params in losses:
        first = met.setdefault((key, frozenset(params.items())), loss)
        if first != loss:
            raise InvalidInput(f"The loss {first} is listed twice, also as {loss}: list each loss once.")


def typed_number(text: str) -> float:
    """A number in an option, a box or an address, as a person means it.

    Python takes 1_0 and digits of other scripts as well; who types them means something else.

    Raises:
        ValueError: the text is no number.
    """
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    return float(text)


def _number_or_word(value: str) -> float | str:
    """A number where the text is one."""
    try:
        return typed_number(value)
    except ValueError:
        return value
