"""A table of the parameters of an address: which field each stands for and how its text is read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from akl_viz.errors import InvalidInput
from akl_viz.figures.theme import DIVERGENCE_COLOURS
from akl_viz.loss_spec import LossSpec

_LONGEST = 200
"""Characters of a loss with its parameters."""

Readers = Mapping[str, tuple[str, Callable[[str], Any]]]
"""Parameter -> the field it stands for, and what reads its text; None is a text that is not valid."""


def fields_of(readers: Readers, query: Mapping[str, str]) -> dict[str, Any]:
    """Field -> value for the parameters that are there and valid."""
    read = {field: reader(query[name]) for name, (field, reader) in readers.items() if name in query}
    return {field: value for field, value in read.items() if value is not None}


def invalid(readers: Readers, query: Mapping[str, str]) -> list[str]:
    """The parameters that are there and not valid, lists included of which a part is not."""
    return [name for name, (_, reader) in readers.items() if name in query and not takes_all(reader, query[name])]


@dataclass(frozen=True)
class Many:
    """What reads a list of words; those that are not valid are left out."""

    one: Callable[[str], Any]
    """Reads a word; None is one that is not valid."""
    between: str
    most: int
    """Words kept."""

    def __call__(self, text: str) -> tuple[Any, ...] | None:
        """The valid words, each once; None where there is none."""
        read = (self.one(part) for part in text.split(self.between))
        return tuple(dict.fromkeys(value for value in read if value is not None))[: self.most] or None

    def takes_all(self, text: str) -> bool:
        """Whether nothing of the list is left out."""
        words = [self.one(part) for part in text.split(self.between)]
        return None not in words and len(set(words)) <= self.most


def takes_all(reader: Callable[[str], Any], text: str) -> bool:
    """Whether a reader takes a text whole."""
    return reader.takes_all(text) if isinstance(reader, Many) else reader(text) is not None


def word(allowed: Collection[str]) -> Callable[[str], str | None]:
    """What reads one of these words."""
    return lambda text: text if text in allowed else None


def known_loss(text: str) -> LossSpec | None:
    """The specification where it is well formed and its key is in the table of divergences."""
    try:
        spec = LossSpec.parse(text) if len(text) <= _LONGEST else None
    except InvalidInput:
        return None
    return spec if spec is not None and spec.key in DIVERGENCE_COLOURS else None
