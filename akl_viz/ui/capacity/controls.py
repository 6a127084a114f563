"""The controls of the page: the stored result or a run of one's own. Each widget is named after a choice.

Boxes of numbers have no bounds: one with bounds keeps a number beyond them to itself; see `Wanted.config`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, fields
from typing import Any

import streamlit as st

from akl_viz.errors import InvalidInput
from akl_viz.ui import moved
from akl_viz.ui.capacity import state
from akl_viz.ui.capacity.state import OWN, STORED, Wanted, from_address, to_address, unusable
from akl_viz.ui.filled import begin, fill, held, keep, listen, widget
from akl_viz.ui.unusable import note_unusable, tell_unusable

PREFIX = "capacity."
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
        **widget(PREFIX, "source", "default"),
    )
    if held(PREFIX, "source") == OWN:
        _run()
    listen(PREFIX)
    now = _collected()
    moved.chose("capacity", now)
    tell_unusable("capacity", now)
    return now


def every_seed() -> bool:
    """The switch that draws every seed as a point."""
    return st.toggle("Every seed as a point", **widget(PREFIX, "every"))


def rank_of(ranks: Sequence[int]) -> int:
    """The choice of the rank that is told seed by seed; the first where the one chosen is none of these."""
    if held(PREFIX, "rank") not in ranks:
        st.session_state[PREFIX + "rank"] = ranks[0]
        moved.chose("capacity", _collected())
    drawn = widget(PREFIX, "rank", "default")
    return int(st.segmented_control("Seed by seed, at rank", ranks, required=True, **drawn) or ranks[0])


def publish(now: Wanted) -> None:
    """Put the choices into the address, unless no run can have them; what is at its default is left out."""
    with suppress(InvalidInput):
        if now.source == OWN:
            now.config()
        moved.write("capacity", to_address(now))


def _run() -> None:
    losses, ranks = st.columns([1.4, 1])
    kept = held(PREFIX, "losses")
    losses.multiselect(
        "Losses",
        list(dict.fromkeys([*state.loss_names(), *kept])),
        accept_new_options=True,
        max_selections=state.MOST_LOSSES,
        filter_mode="prefix",
        select_all=False,
        help="Keys of the table of divergences; type parameters as in `akl:direction=reversed,mu=0.6`.",
        **widget(PREFIX, "losses", "default"),
    )
    ranks.multiselect(
        "Ranks of the student",
        state.RANKS,
        filter_mode="prefix",
        select_all=False,
        help="The teacher's logits have rank 32.",
        **widget(PREFIX, "ranks", "default"),
    )
    seeds, first, steps = st.columns(3)
    seeds.number_input(
        "Seeds", step=1, help="Each draws a teacher and a start; they run at once.", **widget(PREFIX, "seeds")
    )
    first.number_input("First seed", step=1, **widget(PREFIX, "first_seed"))
    steps.number_input(
        "Adam steps",
        step=200,
        help="The stored result took 3,000; after a few hundred a student may not have arrived yet.",
        **widget(PREFIX, "steps"),
    )


def _collected() -> Wanted:
    values = {field.name: held(PREFIX, field.name) for field in fields(Wanted)}
    return Wanted(**values | {name: tuple(values[name]) for name in ("losses", "ranks")})


def _restore() -> None:
    """Fill the widgets with the defaults on the first visit, and from the address where somebody went to one."""
    keep(PREFIX)
    begin(PREFIX, _as_widgets(Wanted()))
    given = moved.given_of(to_address(Wanted()))
    if moved.opened("capacity", _collected(), given):
        left = from_address(given)
        fill(PREFIX, _as_widgets(left))
        note_unusable("capacity", unusable(given), left)


def _as_widgets(values: Wanted) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(values).items()}
