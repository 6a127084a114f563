"""Values that a page puts into its widgets itself: those they begin with, and those of a preset or of an address.

Browser and script are apart by what is on its way between them, on a slow machine by seconds.

What comes from the browser may be old: a run of the script carries the widgets as the browser had them when it asked
for the run. A click that comes before the browser has heard of new values sends the old ones along, which would look as
if a person had chosen them again. So a hidden box is filled with them, and counts: once it comes back with the new
count, so have all the others.

What goes to the browser may be old as well: a value that is put into a widget takes the place of what a person chose
there meanwhile. So none is sent without need. What a widget begins with is its own default; else Streamlit would send
it again with every run that was asked for before the browser had the widget. And what a person chose while a value was
on its way is sent after it, as the last word.

Fill in the script, not in callbacks: a run may be broken off between the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

_KEY, _HEARD = "filled", "heard"


@dataclass
class _Filled:
    """One widget that the browser may not have heard of."""

    had: Any
    """What the browser had in it when it last asked for a run."""
    told: list[tuple[int, Any]] = field(default_factory=list)
    """The count and the value of what is on its way to it; the last is what the page works with."""

    def hear(self, heard: int) -> None:
        """Take what the browser has heard for what it has."""
        while self.told and self.told[0][0] <= heard:
            _, self.had = self.told.pop(0)

    def chosen(self, now: Any) -> bool:
        """Whether a person put this value there. The next that it is told may be there already, its count not yet."""
        return now not in (self.had, self.told[0][1])


@dataclass
class _Memory:
    """What a page filled, and how often."""

    first: dict[str, Any] = field(default_factory=dict)
    """What widgets begin with that were never drawn."""
    count: int = 0
    broken_off: bool = False
    """Whether what was filled last may not have been sent."""
    filled: dict[str, _Filled] = field(default_factory=dict)


def begin(prefix: str, values: Mapping[str, Any]) -> None:
    """Say what widgets whose keys begin with the prefix hold before anything was put there."""
    first = _memory(prefix).first
    for name, value in values.items():
        first.setdefault(name, value)


def held(prefix: str, name: str) -> Any:
    """What a widget holds, or is about to begin with."""
    key = prefix + name
    return st.session_state[key] if key in st.session_state else _memory(prefix).first[name]


def widget(prefix: str, name: str, default: str = "value") -> dict[str, Any]:
    """Name and persistence of a widget, and as its default what it holds.

    Args:
        prefix: begins its key.
        name: ends its key.
        default: what the widget calls its default.
    """
    return {"key": prefix + name, "persist_state": "session", default: held(prefix, name)}


def menu(prefix: str, name: str, options: Sequence[Any]) -> dict[str, Any]:
    """`widget` for one that takes the place of its default among the options."""
    now = held(prefix, name)
    return {"key": prefix + name, "persist_state": "session", "index": options.index(now) if now in options else None}


def fill(prefix: str, values: Mapping[str, Any]) -> None:
    """Put values into widgets whose keys begin with the prefix, before any of them is drawn."""
    memory = _memory(prefix)
    present = {name: st.session_state[prefix + name] for name in values if prefix + name in st.session_state}
    memory.first |= {name: value for name, value in values.items() if name not in present}
    for name, had in present.items():
        memory.filled.setdefault(name, _Filled(had))
    _tell(prefix, {name: values[name] for name in present})


def keep(prefix: str) -> None:
    """At the beginning of a script, put those back that a late run took away, and send again what a person chose."""
    memory = _memory(prefix)
    if not memory.filled:
        return
    heard, present = _heard(prefix), {name: st.session_state[prefix + name] for name in memory.filled}
    again = {}
    for name, now in present.items():
        one = memory.filled[name]
        one.hear(heard)
        if not one.told:
            del memory.filled[name]
            continue
        working = one.told[-1][1]
        wanted = now if one.chosen(now) else working
        one.had = now
        if memory.broken_off or now != wanted or wanted != working:
            again[name] = wanted
    _tell(prefix, again)


def listen(prefix: str) -> None:
    """Draw the hidden box, after every widget that is filled; `shell.configure` hides it by its key."""
    begin(prefix, {_HEARD: "0"})
    st.text_input("Count of what this page filled in", **widget(prefix, _HEARD))


def _heard(prefix: str) -> int:
    """The count that the browser has heard of."""
    text = str(st.session_state.get(prefix + _HEARD, "0"))
    return int(text) if text.isdecimal() else 0


def _tell(prefix: str, values: Mapping[str, Any]) -> None:
    """Send values to the browser, and after them their count: Streamlit sends what is written."""
    if not values:
        return
    memory = _memory(prefix)
    # First what is remembered: a run may be broken off at every look into the session, and then `keep` goes on.
    memory.count += 1
    memory.broken_off = True
    for name, value in values.items():
        memory.filled[name].told.append((memory.count, value))
    for name, value in values.items():
        st.session_state[prefix + name] = value
    st.session_state[prefix + _HEARD] = str(memory.count)
    memory.broken_off = False


def _memory(prefix: str) -> _Memory:
    memory: _Memory = st.session_state.setdefault(prefix + _KEY, _Memory())
    return memory
