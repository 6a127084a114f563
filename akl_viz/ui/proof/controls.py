"""The widgets of the page's blocks. Each is named after a choice, so that an address can fill it."""

from __future__ import annotations

from dataclasses import asdict, replace

import streamlit as st

from akl_viz.ui import moved
from akl_viz.ui.filled import begin, fill, held, keep, listen
from akl_viz.ui.proof.state import LOSSES, STEP, State, Three, from_address, three, to_address, unusable
from akl_viz.ui.unusable import forget_unusable, note_unusable, tell_unusable

PREFIX = "proof."
SIMPLEX = PREFIX + "explorer"
LATE = PREFIX + "late"
"""Key of the three-token teacher that the last block was drawn with; None while the page runs whole."""
_HANDLES = PREFIX + "handles"


def restore() -> None:
    """Fill the widgets with the defaults on the first visit, and from the address where somebody went to one."""
    st.session_state[LATE] = None
    keep(PREFIX)
    begin(PREFIX, asdict(State()))
    given = moved.given_of(to_address(State()))
    if moved.opened("proof", current(), given):
        found = from_address(given)
        note_unusable("proof", unusable(given), found)
        fill(PREFIX, asdict(found))
        sent = moved.last_sent(SIMPLEX)
        # What a hand did before is older than the address.
        st.session_state[_HANDLES] = sent["seq"] if sent is not None else None
    moved.chose("proof", current())
    tell_unusable("proof", current())


def finish() -> None:
    """At the end of the page, when every block is drawn."""
    listen(PREFIX)


def current() -> State:
    """What the widgets and the handles hold now."""
    values = {name: held(PREFIX, name) for name in asdict(State())}
    return replace(State(), **values)


def publish() -> None:
    """Put the choices into the address, unless a handle is in a hand; what is at its default is left out."""
    if forget_unusable("proof", current()):
        # A block runs alone; the warning stands above all of them.
        st.rerun()
    now = current()
    moved.chose("proof", now)
    if not moving():
        moved.write("proof", to_address(now))


def take_handles() -> int:
    """Keep what the browser sent of the simplex, if it is well formed; returns its message's number."""
    view = moved.last_sent(SIMPLEX)
    if view is None:
        # The page was left meanwhile: a new component counts from the beginning.
        st.session_state.pop(_HANDLES, None)
        return 0
    seq: int = view["seq"]
    if st.session_state.get(_HANDLES) != seq:
        st.session_state[_HANDLES] = seq
        for name in ("teacher", "start"):
            place: Three | None = three(view.get(name))
            if place is not None:
                st.session_state[PREFIX + name] = place
        if view.get("arrows") in LOSSES:
            st.session_state[PREFIX + "arrows"] = view["arrows"]
        step = view.get("step")
        if isinstance(step, int) and not isinstance(step, bool) and STEP.lower <= step <= STEP.upper:
            st.session_state[PREFIX + "step"] = step
    return seq


def moving() -> bool:
    """Whether a handle is in a hand: what is heavy waits."""
    view = moved.last_sent(SIMPLEX)
    return view is not None and view.get("settled") is False
