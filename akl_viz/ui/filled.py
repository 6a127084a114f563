"""Values that a page puts into its widgets itself, as a preset or an address does.

A run of the script carries the widgets as the browser had them when it asked for the run. A click that comes before the
browser has heard of the new values sends the old ones along, which would look as if a person had chosen them again.
Fill in the script, not in callbacks: a run may be broken off between the two.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import streamlit as st

LATE_S = 5.0
"""A widget that holds its old value is taken for one that the browser has not filled yet for at most so long: a run
that waits for a result holds up the next one."""
_KEY = "filled"


class _Filled(NamedTuple):
    """One widget that the browser may not have heard of."""

    before: tuple[Any, ...]
    """Values that the browser may still hold: more than one where the widget was filled twice in a row."""
    value: Any
    at: float


def fill(prefix: str, values: Mapping[str, Any]) -> None:
    """Put values into widgets whose keys begin with the prefix."""
    filled: dict[str, _Filled] = st.session_state.setdefault(prefix + _KEY, {})
    for name, value in values.items():
        earlier = filled[name].before if name in filled else ()
        before = (*earlier, st.session_state.get(prefix + name))
        filled[name] = _Filled(tuple(held for held in before if held != value), value, time.monotonic())
        st.session_state[prefix + name] = value


def keep(prefix: str) -> None:
    """At the beginning of a script, put those back that a late run took away."""
    filled: dict[str, _Filled] = st.session_state.get(prefix + _KEY, {})
    for name, (before, value, at) in list(filled.items()):
        now = st.session_state.get(prefix + name)
        if now in before and time.monotonic() - at < LATE_S:
            st.session_state[prefix + name] = value
        else:
            # The browser has it, or a person chose something else since.
            del filled[name]
