"""The controls of the page: the stored result or a run of one's own. Each widget is named after a choice.

Boxes of numbers have no bounds: one with bounds keeps a number beyond them to itself; see `Wanted.config`.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

import streamlit as st

from akl_viz.ui import permalink
from akl_viz.ui.capacity import state
from akl_viz.ui.capacity.state import OWN, STORED, Wanted, from_address, to_address, unusable
from akl_viz.ui.unusable import note_unusable, tell_unusable

PREFIX = "capacity."
_LINK = PREFIX + "link"
_SOURCES = {STORED: "Stored result", OWN: "Own run"}


def wanted() -> Wanted:
    """Draw the controls and return what they hold."""
    _restore()
    st.segmented_control(
        "What to look at",
        list(_SOURCES),
        format_func=_SOURCES.__getitem__,
        required=True,
        help="The stored result comes with the project; a run of your own takes seconds to minutes.",
        **_key("source"),
    )
    if st.session_state[PREFIX + "source"] == OWN:
        _run()
    values = {field.name: st.session_state[PREFIX + field.name] for field in fields(Wanted)}
    now = Wanted(**values | {name: tuple(values[name]) for name in ("losses", "ranks")})
    tell_unusable("capacity", now)
    return now


def publish(now: Wanted) -> None:
    """Put the choices into the address; what is at its default is left out."""
    found = to_address(now)
    st.session_state[_LINK] = {name: text for name, text in found.items() if text is not None}
    for name, text in found.items():
        permalink.set_parameter(name, text)


def _run() -> None:
    losses, ranks = st.columns([1.4, 1])
    kept = st.session_state[PREFIX + "losses"]
    losses.multiselect(
        "Losses",
        list(dict.fromkeys([*state.loss_names(), *kept])),
        accept_new_options=True,
        max_selections=state.MOST_LOSSES,
        help="Keys of the table of divergences; type parameters as in `akl:direction=reversed,mu=0.6`.",
        **_key("losses"),
    )
    ranks.multiselect("Ranks of the student", state.RANKS, help="The teacher's logits have rank 32.", **_key("ranks"))
    seeds, first, steps = st.columns(3)
    seeds.number_input("Seeds", step=1, help="Each draws a teacher and a start; they run at once.", **_key("seeds"))
    first.number_input("First seed", step=1, **_key("first_seed"))
    steps.number_input(
        "Adam steps",
        step=200,
        help="The stored result took 3,000; after a few hundred a student may not have arrived yet.",
        **_key("steps"),
    )


def _key(name: str) -> dict[str, Any]:
    return {"key": PREFIX + name, "persist_state": "session"}


def _restore() -> None:
    """Fill the widgets from the address once per address, and with the defaults on the first visit."""
    known = to_address(Wanted())
    given = {name: text for name, text in st.query_params.to_dict().items() if name in known}
    if given and given != st.session_state.get(_LINK):
        left = from_address(given)
        _fill(left, replace=True)
        note_unusable("capacity", unusable(given), left)
        st.session_state[_LINK] = given
    _fill(Wanted(), replace=False)


def _fill(values: Wanted, *, replace: bool) -> None:
    for name, value in asdict(values).items():
        held = list(value) if isinstance(value, tuple) else value
        if replace or PREFIX + name not in st.session_state:
            st.session_state[PREFIX + name] = held
