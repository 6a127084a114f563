"""The explorer on its page: the component, and below it the command and the files of the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from akl_viz.loss_spec import LossSpec
from akl_viz.ui import charts
from akl_viz.ui.components.small_vocabulary import COMPONENT
from akl_viz.ui.folded import folded
from akl_viz.ui.moved import given_of, hold, last_sent, newest, write
from akl_viz.ui.small_vocabulary.numbers import comparison, numbers_of, ready
from akl_viz.ui.small_vocabulary.payload import payload
from akl_viz.ui.small_vocabulary.scene import Scene, command, left_out, scene
from akl_viz.ui.small_vocabulary.state import State, checked, from_address, to_address, unusable
from akl_viz.ui.unusable import note_unusable, tell_unusable

KEY = "divergences.explorer"
_KEPT = "divergences.state"
_COMPONENT = st.components.v2.component("akl_small_vocabulary", **COMPONENT.parts(), isolate_styles=True)


@st.fragment
def explorer() -> None:
    """Draw the explorer. What a person changes runs this fragment alone."""
    sent = last_sent(KEY)
    settled = sent is None or sent.get("settled") is not False
    given = given_of(to_address(State()))
    asked, read = _state(sent, given)
    found, numbers = numbers_of(scene(asked))
    _tell_unusable(given if read else {}, asked, found)
    seq = sent["seq"] if sent is not None else 0
    _COMPONENT(key=KEY, data=payload(found, numbers, seq), default={"view": None}, on_view_change=hold)
    st.session_state[_KEPT] = found.state
    if not ready() and numbers is None:
        comparison(scene(State()))
        st.rerun()
    if settled:
        write("divergences", to_address(found.state))
    charts.head_start("learn/divergences")
    _reproduce(found)


def _state(sent: Mapping[str, Any] | None, given: dict[str, str]) -> tuple[State, bool]:
    """What the browser sent, what the address says, or what was there before; whether the address was read."""
    source = newest("divergences", sent, given)
    if source == "sent" and sent is not None:
        return checked({**sent, "loss": _spec(sent)}), False
    if source == "address":
        return from_address(given), True
    kept = st.session_state.get(_KEPT)
    return (kept if isinstance(kept, State) else State()), False


def _tell_unusable(read: dict[str, str], asked: State, found: Scene) -> None:
    """Say what is not shown of the address, where it was read."""
    if read:
        names = unusable(read) + left_out(asked, found)
        note_unusable("divergences", names, found.state)
    tell_unusable("divergences", found.state)


def _spec(sent: Mapping[str, Any]) -> str | None:
    """The chosen loss in its one syntax."""
    key, params = sent.get("loss"), sent.get("params")
    if not isinstance(key, str) or not isinstance(params, Mapping):
        return None
    given = {str(name): value for name, value in params.items() if isinstance(value, int | float | str)}
    return str(LossSpec(key, tuple(sorted(given.items()))))


def _reproduce(found: Scene) -> None:
    """The command of this view, and its numbers as files."""
    with folded("Show the command", "divergences.command") as opened:
        if opened:
            st.code(command(found), language="bash", wrap_lines=True)
            st.markdown(
                ":small[Prints both distributions, both heads, and value, contributions and step of every divergence.]"
            )
    with st.container(horizontal=True, vertical_alignment="center"):
        _download("Divergences, CSV", lambda: _losses(found), "divergences.csv", "text/csv")
        _download("Tokens, CSV", lambda: _tokens(found), "tokens.csv", "text/csv")
    st.markdown(":small[The address of this page holds the whole view: copy it to share it.]")


def _download(label: str, data: Callable[[], str], name: str, mime: str) -> None:
    st.download_button(
        label, data, name, mime, key=f"divergences.download.{name}", on_click="ignore", icon=":material/download:"
    )


def _losses(found: Scene) -> str:
    computed = comparison(found)
    from akl_viz.analysis.small_vocabulary_export import losses_csv

    return losses_csv(computed)


def _tokens(found: Scene) -> str:
    computed = comparison(found)
    from akl_viz.analysis.small_vocabulary_export import tokens_csv

    return tokens_csv(computed, found.start.labels)
