"""Words of the sentences that a user reads."""

from __future__ import annotations


def counted(count: int, noun: str, form: str = "") -> str:
    """A number with its noun: 1 step, 2 steps.

    Args:
        count: how many.
        noun: one of them, whose plural takes an s.
        form: how the number is written, as in a format string.
    """
    return f"{count:{form}} {noun if count == 1 else f'{noun}s'}"
