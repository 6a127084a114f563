"""Lists of numbers as options hold them: 0.5,0.3,0.2, and points as X:Y,X:Y."""

from __future__ import annotations

from akl_viz.errors import InvalidInput
from akl_viz.loss_spec import typed_number


def numbers_of(text: str, option: str) -> tuple[float, ...]:
    """The numbers of a list with commas. Raises InvalidInput that names the first one that is none."""
    return tuple(_number(part, option) for part in text.split(","))


def points_of(text: str, option: str) -> tuple[tuple[float, ...], ...]:
    """Points of one or more coordinates: M,M or X:Y,X:Y. Raises InvalidInput as `numbers_of` does."""
    return tuple(tuple(_number(part, option) for part in point.split(":")) for point in text.split(","))


def _number(text: str, option: str) -> float:
    try:
        return typed_number(text)
    except ValueError as error:
        raise InvalidInput(f"{option} holds {text.strip()!r}, which is no number: put commas between them.") from error
