"""What a number of a page may be: said in a sentence where it was typed, read from an address where it fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from akl_viz.errors import InvalidInput
from akl_viz.loss_spec import typed_number

Number = TypeVar("Number", int, float)
_LONGEST = 30
"""Characters of a number in an address."""


@dataclass(frozen=True)
class Limit(Generic[Number]):
    """The range of a number; whole numbers have whole bounds.

    A box of Streamlit with bounds keeps to itself what lies beyond them: the page would go on with the number before.
    """

    words: str
    """Subject of the sentence: "The learning rate"."""
    lower: Number
    upper: Number

    def check(self, value: Number) -> None:
        """Raise InvalidInput where the value is beyond the range."""
        if not self.lower <= value <= self.upper:
            bounds = f"from {_written(self.lower)} to {_written(self.upper)}"
            raise InvalidInput(f"{self.words} must be {bounds}, not {_written(value)}.")

    def read(self, text: str) -> Number | None:
        """The number of an address; None where it is none, or beyond the range."""
        if len(text) > _LONGEST or (isinstance(self.lower, int) and not text.isdigit()):
            return None
        try:
            value = type(self.lower)(typed_number(text))
        except ValueError:
            return None
        return value if self.lower <= value <= self.upper else None


def _written(value: float) -> str:
    return f"{value:,.10g}"
