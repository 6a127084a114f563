"""Where the view of a page comes from: what a person just chose, or the page's address, to which somebody went.

Every settled change stands in the address, so the browser's Back and Forward bring an earlier one. A run of the script
carries the address that the browser had when it asked for the run, which on a slow machine may not be the last one
written. Which of the two it is, is told by the browser: it marks a run that Back or Forward asked for. An address
without that mark is followed only where it was never written here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

_KEY, _PAGE, _ENTERED, _ADDRESS = ".moved", "moved.page", "moved.entered", "moved.address"
_FORMER = 100
"""Former addresses that are remembered: no browser is so many behind."""
Source = Literal["sent", "address", "kept"]


@dataclass
class _Address:
    """The address of a session, as the browser has it or is about to have it."""

    now: dict[str, str] = field(default_factory=dict)
    former: deque[dict[str, str]] = field(default_factory=lambda: deque(maxlen=_FORMER))
    """What stood there before, on the same page."""
    arrivals: int = 0
    """How often somebody went to an address."""
    by_history: bool = False
    """Whether the last of them did so by Back or Forward: then no parameters are an address too."""
    untold: bool = False
    """The browser may have taken meanwhile what was written before it went there."""

    def arrive(self, given: dict[str, str], by_history: bool) -> None:
        """Somebody went to this address."""
        self.set(given)
        self.arrivals += 1
        self.by_history = self.untold = by_history

    def set(self, given: dict[str, str]) -> None:
        """Take this for the one that stands in the browser."""
        self.former.append(self.now)
        self.now = given


@dataclass
class _Memory:
    """What a page remembers of its part of the address between two runs."""

    written: dict[str, str] | None = None
    """The parameters the page last put there, or found there; None before the first time."""
    chosen: object = None
    """What `chose` was told last."""
    arrivals: int = 0
    """How often somebody had gone to an address when the page last looked."""
    seen: int | None = None
    """Number of the component's last message."""
    outdated: int | None = None
    """That of a message older than the address that is shown."""


def enter(page: str) -> None:
    """Say at the beginning of a run which page is run, and look whether somebody went to its address.

    A link from another page drops the parameters of the address.
    """
    entered = st.session_state.get(_PAGE) != page
    st.session_state[_PAGE], st.session_state[_ENTERED] = page, entered
    address, given = _address(), st.query_params.to_dict()
    if entered:
        address.former.clear()
    if entered or came() or (given and given != address.now and given not in address.former):
        address.arrive(given, came())


def entered() -> bool:
    """Whether this run of the script comes from another page."""
    return bool(st.session_state.get(_ENTERED, False))


def came() -> bool:
    """Whether Back or Forward asked for this run: nothing that a person did is newer."""
    return bool(getattr(get_script_run_ctx(), "is_history_navigation", False))


def given_of(names: Collection[str]) -> dict[str, str]:
    """The parameters of these names in the address."""
    return {name: text for name, text in _address().now.items() if name in names}


def opened(page: str, now: object, given: dict[str, str]) -> bool:
    """Whether the view must be read from the address, as a link or the browser's Back opened it.

    Args:
        page: begins the key of the session.
        now: the choices as the widgets hold them.
        given: the page's parameters in the address.
    """
    memory = _memory(page)
    first = memory.written is None or entered() or came()
    went = _went(memory, given) and (first or now == memory.chosen)
    _look(memory, given)
    return went


def chose(page: str, now: object) -> None:
    """Say what the widgets hold when they have been drawn: other choices at the next run are a person's, and new.

    Args:
        page: begins the key of the session.
        now: the choices, also those that cannot stand in an address.
    """
    _memory(page).chosen = now


def write(page: str, parameters: Mapping[str, str | None]) -> None:
    """Put the view into the address in one go, as one entry of the browser's history; None leaves a parameter out.

    Args:
        page: begins the key of the session.
        parameters: all of the page.
    """
    wanted = {name: text for name, text in parameters.items() if text is not None}
    address = _address()
    _look(_memory(page), wanted)
    new = {name: text for name, text in address.now.items() if name not in parameters} | wanted
    if new == address.now == st.query_params.to_dict() and not address.untold:
        return
    if new != address.now:
        address.set(new)
    address.untold = False
    # Also where a late run still has what is wanted: the browser is about to take what was written since. One that
    # has it already adds nothing to its history.
    st.query_params.from_dict(new)


def last_sent(key: str) -> Mapping[str, Any] | None:
    """What the component with this key sent last, if it is well formed: its `seq` numbers it."""
    component = st.session_state.get(key)
    view = component.get("view") if isinstance(component, Mapping) else None
    known = isinstance(view, Mapping) and isinstance(view.get("seq"), int) and not isinstance(view.get("seq"), bool)
    return view if known else None


def hold() -> None:
    """Nothing: Streamlit keeps what a component sends only where a callback is registered for it."""


def newest(page: str, sent: Mapping[str, Any] | None, given: dict[str, str]) -> Source:
    """Where the present view of a page is whose component holds it: there, in the address, or what the page kept.

    An address is newest until `write`, so that a run that is broken off loses none.

    Args:
        page: begins the key of the session.
        sent: `last_sent`; None on the first run of a visit.
        given: the page's parameters in the address.
    """
    memory = _memory(page)
    went = _went(memory, given)
    if sent is None:
        # A new component counts from the beginning.
        memory.seen = memory.outdated = None
        return "address" if went else "kept"
    if went and (came() or sent["seq"] == memory.seen):
        memory.seen = memory.outdated = sent["seq"]
        return "address"
    _look(memory, given)
    memory.seen = sent["seq"]
    return "kept" if memory.seen == memory.outdated else "sent"


def _went(memory: _Memory, given: dict[str, str]) -> bool:
    """Whether somebody went to this address since the page last looked, and it says something else.

    A link to the page has no parameters: what was there stays.
    """
    address = _address()
    return memory.arrivals != address.arrivals and given != memory.written and (bool(given) or address.by_history)


def _look(memory: _Memory, given: dict[str, str]) -> None:
    """Note that the page has taken the address for what it is; what is chosen from now on counts."""
    memory.arrivals, memory.written = _address().arrivals, given


def _address() -> _Address:
    address: _Address = st.session_state.setdefault(_ADDRESS, _Address())
    return address


def _memory(page: str) -> _Memory:
    memory: _Memory = st.session_state.setdefault(page + _KEY, _Memory())
    return memory
