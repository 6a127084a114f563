"""A table of the parameters of an address: which field each stands for and how its text is read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
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
    """The parameters that are there and not valid."""
    return [name for name, (_, reader) in readers.items() if name in query and reader(query[name]) is None]


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
