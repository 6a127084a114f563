"""What of an address could not be used: said until a person chooses something else."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

_UNUSABLE = ".unusable"


def note_unusable(page: str, names: Sequence[str], left: object) -> None:
    """Keep what `tell_unusable` says; without names, what it says already stands.

    A page that writes its view into the address reads it back without what could not be used.

    Args:
        page: begins the key of the session.
        names: parameters of the page that could not be used.
        left: the choices that the address left the page with.
    """
    if names:
        st.session_state[page + _UNUSABLE] = (tuple(names), left)


def forget_unusable(page: str, now: object) -> bool:
    """Say no more of it once the choices are others than the address left; whether there was something to forget."""
    _, left = st.session_state.get(page + _UNUSABLE, ((), now))
    if now == left:
        return False
    del st.session_state[page + _UNUSABLE]
    return True


def tell_unusable(page: str, now: object) -> None:
    """Say it for as long as the choices are those the address left: the script may run again by itself.

    What stands below keeps its place when the sentence goes: a component that moves starts anew, and a fragment that
    moves has another id, so that a click on its way to the old one is lost.
    """
    forget_unusable(page, now)
    names, _ = st.session_state.get(page + _UNUSABLE, ((), None))
    place = st.container()
    if names:
        listed = ", ".join(f"`{name}`" for name in names)
        place.warning(
            f"Some settings in this address cannot be used, so below are the usual ones: {listed}.",
            icon=":material/link_off:",
        )
