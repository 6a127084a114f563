"""The explorer on its page: the component, and below it the command and the files of the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from akl_viz.loss_spec import LossSpec
from akl_viz.ui import charts, permalink
from akl_viz.ui.components.small_vocabulary import COMPONENT
from akl_viz.ui.folded import folded
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
    sent = _sent()
    settled = sent is None or sent.get("settled") is not False
    asked = _state(sent)
    found, numbers = numbers_of(scene(asked))
    _tell_unusable(sent, asked, found)
    seq = sent["seq"] if sent is not None else 0
    _COMPONENT(key=KEY, data=payload(found, numbers, seq), default={"view": None}, on_view_change=_nothing)
    st.session_state[_KEPT] = found.state
    if not ready() and numbers is None:
        comparison(scene(State()))
        st.rerun()
    if settled:
        _publish(found.state)
    charts.head_start("learn/divergences")
    _reproduce(found)


def _sent() -> Mapping[str, Any] | None:
    """What the browser sent last, if it is well formed."""
    component = st.session_state.get(KEY)
    view = component.get("view") if isinstance(component, Mapping) else None
    known = isinstance(view, Mapping) and isinstance(view.get("seq"), int) and not isinstance(view.get("seq"), bool)
    return view if known else None


def _state(sent: Mapping[str, Any] | None) -> State:
    """What the browser sent; else what the address says; else what was there on the last visit."""
    if sent is not None:
        return checked({**sent, "loss": _spec(sent)})
    if any(name in st.query_params for name in to_address(State())):
        return from_address(st.query_params.to_dict())
    kept = st.session_state.get(_KEPT)
    return kept if isinstance(kept, State) else State()


def _tell_unusable(sent: Mapping[str, Any] | None, asked: State, found: Scene) -> None:
    """Say what of the address is not shown."""
    if sent is None:
        names = unusable(st.query_params.to_dict()) + left_out(asked, found)
        note_unusable("divergences", names, found.state)
    tell_unusable("divergences", found.state)


def _spec(sent: Mapping[str, Any]) -> str | None:
    """The chosen loss in its one syntax."""
    key, params = sent.get("loss"), sent.get("params")
    if not isinstance(key, str) or not isinstance(params, Mapping):
        return None
    given = {str(name): value for name, value in params.items() if isinstance(value, int | float | str)}
    return str(LossSpec(key, tuple(sorted(given.items()))))


def _publish(state: State) -> None:
    """Put the state into the address."""
    for name, value in to_address(state).items():
        permalink.set_parameter(name, value)


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


def _nothing() -> None:
    """Streamlit keeps a state value only where a callback is registered for it."""
