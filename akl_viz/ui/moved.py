"""Where the view of a page comes from: what a person just chose, or the page's address, to which somebody went.

Every settled change stands in the address, so the browser's Back and Forward bring an earlier one. A run of the script
carries the address that the browser had when it asked for the run, which may not be the last one written: what a person
chose since comes first, and an address that stood there a moment ago is taken for a late one.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import streamlit as st

LATE_S = 1.0
"""For so long after a change, an address before it is one the browser has not replaced yet."""
_KEY, _PAGE, _ENTERED, _ADDRESS = ".moved", "moved.page", "moved.entered", "moved.address"
Source = Literal["sent", "address", "kept"]


@dataclass
class _Address:
    """What the pages put into the address of a session."""

    last: dict[str, str] = field(default_factory=dict)
    before: list[tuple[dict[str, str], float]] = field(default_factory=list)
    """What stood there until a moment ago, and until when."""


@dataclass
class _Memory:
    """What a page remembers of its part of the address between two runs."""

    written: dict[str, str] | None = None
    """The parameters the page last put there, or found there; None before the first time."""
    chosen: object = None
    """What `chose` was told last."""
    seen: int | None = None
    """Number of the component's last message."""
    outdated: int | None = None
    """That of a message older than the address that is shown."""


def enter(page: str) -> None:
    """Say at the beginning of a run which page is run: a link from another one drops the parameters of the address."""
    st.session_state[_ENTERED] = st.session_state.get(_PAGE) != page
    st.session_state[_PAGE] = page
    if st.session_state[_ENTERED]:
        st.session_state[_ADDRESS] = _Address()


def entered() -> bool:
    """Whether this run of the script comes from another page."""
    return bool(st.session_state.get(_ENTERED, False))


def given_of(names: Collection[str]) -> dict[str, str]:
    """The parameters of these names in the address."""
    return {name: text for name, text in _present().items() if name in names}


def opened(page: str, now: object, given: dict[str, str]) -> bool:
    """Whether the view must be read from the address, as a link or the browser's Back opened it.

    Args:
        page: begins the key of the session.
        now: the choices as the widgets hold them.
        given: the page's parameters in the address.
    """
    memory = _memory(page)
    entered = _entered(memory)
    return (entered or now == memory.chosen) and _went(memory, given, entered)


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
    _memory(page).written = wanted
    present = _present()
    new = {name: text for name, text in present.items() if name not in parameters} | wanted
    if new != present:
        address = _address()
        address.before = [*_late(address), (present, time.monotonic())]
        address.last = new
    if new != present or new != st.query_params.to_dict():
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

    Args:
        page: begins the key of the session.
        sent: `last_sent`; None on the first run of a visit.
        given: the page's parameters in the address.
    """
    memory = _memory(page)
    if sent is None:
        # A new component counts from the beginning.
        memory.seen = memory.outdated = None
        return "address" if _went(memory, given, _entered(memory)) else "kept"
    if sent["seq"] == memory.seen and _went(memory, given, entered=False):
        memory.outdated = memory.seen
        return "address"
    memory.seen = sent["seq"]
    return "kept" if memory.seen == memory.outdated else "sent"


def _entered(memory: _Memory) -> bool:
    """Whether this run comes from another page, or is the first one."""
    return memory.written is None or bool(st.session_state.get(_ENTERED, True))


def _went(memory: _Memory, given: dict[str, str], entered: bool) -> bool:
    """Whether somebody went to this address: told once, what is chosen from now on counts.

    A link to the page has no parameters: what was there stays.
    """
    went = given != memory.written and (bool(given) or not entered)
    if went:
        memory.written = given
    return went


def _present() -> dict[str, str]:
    """The whole address as the browser has it, or is about to have it where this run began with a late one."""
    address, now = _address(), st.query_params.to_dict()
    return address.last if any(now == one for one, _ in _late(address)) else now


def _late(address: _Address) -> list[tuple[dict[str, str], float]]:
    """The addresses that the browser may not have replaced yet."""
    return [(one, until) for one, until in address.before if time.monotonic() - until < LATE_S]


def _address() -> _Address:
    address: _Address = st.session_state.setdefault(_ADDRESS, _Address())
    return address


def _memory(page: str) -> _Memory:
    memory: _Memory = st.session_state.setdefault(page + _KEY, _Memory())
    return memory
