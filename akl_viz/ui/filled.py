"""Values that a page puts into its widgets itself, as a preset or an address does.

A run of the script carries the widgets as the browser had them when it asked for the run. A click that comes before the
browser has heard of the new values sends the old ones along, which would look as if a person had chosen them again. So
a hidden box is filled with them, and counts: once it comes back with the new count, so have all the others.
Fill in the script, not in callbacks: a run may be broken off between the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import streamlit as st

_KEY, _HEARD = "filled", "heard"


class _Filled(NamedTuple):
    """One widget that the browser may not have heard of."""

    before: tuple[Any, ...]
    """Values that the browser may still hold: more than one where the widget was filled twice in a row."""
    value: Any


@dataclass
class _Memory:
    """What a page filled, and how often."""

    count: int = 0
    filled: dict[str, _Filled] = field(default_factory=dict)


def fill(prefix: str, values: Mapping[str, Any]) -> None:
    """Put values into widgets whose keys begin with the prefix, before any of them is drawn."""
    if not values:
        return
    memory = _memory(prefix)
    for name, value in values.items():
        earlier = memory.filled[name].before if name in memory.filled else ()
        before = (*earlier, st.session_state.get(prefix + name))
        memory.filled[name] = _Filled(tuple(held for held in before if held != value), value)
        st.session_state[prefix + name] = value
    memory.count += 1
    st.session_state[prefix + _HEARD] = str(memory.count)


def keep(prefix: str) -> None:
    """At the beginning of a script, put those back that a late run took away."""
    memory = _memory(prefix)
    if st.session_state.get(prefix + _HEARD) == str(memory.count):
        memory.filled.clear()
        return
    st.session_state[prefix + _HEARD] = str(memory.count)
    for name, (before, value) in list(memory.filled.items()):
        now = st.session_state.get(prefix + name)
        if now in before:
            st.session_state[prefix + name] = value
        elif now != value:
            # What a person chose since.
            del memory.filled[name]


def listen(prefix: str) -> None:
    """Draw the hidden box, after every widget that is filled; `shell.configure` hides it by its key."""
    st.text_input("Count of what this page filled in", key=prefix + _HEARD, persist_state="session")


def _memory(prefix: str) -> _Memory:
    memory: _Memory = st.session_state.setdefault(prefix + _KEY, _Memory())
    return memory
