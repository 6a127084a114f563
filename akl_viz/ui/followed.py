"""Which parameter of an address a run of the script follows: one that somebody went to, once.

A browser asks for a run with the address it has at that moment, and on a slow machine that may be one from before the
last that was written: a timer of a fragment carries it as well as a click. What this session wrote earlier is followed
again only where the browser says that it came by Back or Forward, or where the page was entered from another one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import streamlit as st

from akl_viz.ui import moved

_KEY = "followed"
_KEPT = 100
"""Former texts of a parameter that are remembered: no browser is so many behind."""


@dataclass
class _Parameter:
    """What a session knows of one parameter of a page."""

    last: str | None = None
    """What was written or followed last."""
    former: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """What was written or followed before, or is so now."""
    waiting: str | None = None
    """Somebody went to it, and the page has not taken it yet."""
    gone: bool = False
    """Back or Forward led to an address without it, and the page has not taken that yet."""

    def note(self, present: str | None, came: bool) -> None:
        """Look at what the address of this run has."""
        if present is not None and present != self.last and (came or present not in self.former):
            self.waiting, self.gone = present, False
            self.set(present)
        elif present is None and self.last is not None and moved.came():
            self.waiting, self.gone = None, True
            self.set(None)

    def set(self, value: str | None) -> None:
        """Take a text as the one that stands in the address."""
        self.last = value
        if value is not None and value not in self.former:
            self.former.append(value)


def take(page: str, name: str, *others: str) -> str | None:
    """The text of a parameter that somebody went to; None where the page shows what it says already, or none is there.

    Args:
        page: whose parameter it is.
        name: of the parameter.
        others: those the page takes later: noted now, since a run of the page may end before it comes to them.
    """
    for each in (name, *others):
        _parameter(page, each).note(st.query_params.get(each), moved.entered() or moved.came())
    parameter = _parameter(page, name)
    waiting, parameter.waiting = parameter.waiting, None
    return waiting


def gone(page: str, name: str) -> bool:
    """Whether Back or Forward led to an address without a parameter, once; asked after `take`.

    A link from another page has no parameters either: there the page shows what it did before.
    """
    parameter = _parameter(page, name)
    went, parameter.gone = parameter.gone, False
    return went


def write(page: str, name: str, value: str | None) -> None:
    """Put what the page shows into the address; None takes the parameter out."""
    # First what is remembered: where this run of the page ends in between, the next one takes it for no new address.
    _parameter(page, name).set(value)
    set_parameter(name, value)
    if moved.came():
        # Also where nothing differs: the browser may be about to take what was written before it went back.
        st.query_params.update({})


def _parameter(page: str, name: str) -> _Parameter:
    known: dict[tuple[str, str], _Parameter] = st.session_state.setdefault(_KEY, {})
    return known.setdefault((page, name), _Parameter())


def set_parameter(name: str, value: str | None) -> None:
    """Change one parameter only where it differs: each change is a message to the browser."""
    if value is None:
        if name in st.query_params:
            del st.query_params[name]
    elif st.query_params.get(name) != value:
        st.query_params[name] = value
