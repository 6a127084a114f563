"""The four blocks of the page. Each is a fragment: what a person changes in one runs that one alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from akl_viz.analysis.export import table_csv
from akl_viz.figures.proof import (
    cosine_figure,
    depth_figure,
    hessian_figure,
    key_html,
    phi_figure,
    plateau_figure,
)
from akl_viz.metrics import loss_name
from akl_viz.ui import charts
from akl_viz.ui.components.proof import COMPONENT
from akl_viz.ui.filled import widget
from akl_viz.ui.folded import folded
from akl_viz.ui.moved import hold
from akl_viz.ui.proof import numbers, tables, words
from akl_viz.ui.proof import state as chosen
from akl_viz.ui.proof.controls import LATE, PREFIX, SIMPLEX, current, moving, publish, take_handles
from akl_viz.ui.proof.state import DEPTHS, EDGE, LOSSES, OPTIMISERS, TEACHERS
from akl_viz.ui.remark import remark
from akl_viz.ui.results import theme

_COMPONENT = st.components.v2.component("akl_simplex", **COMPONENT.parts(), isolate_styles=True)
_SHARED_NAMES = {"forward_kl": "w = 1: KL(T‖S)", "reverse_kl": "w = 0: KL(S‖T)"}


@st.fragment
def phi_block() -> None:
    """phi(r) for a weight."""
    st.subheader("1 · One increasing curve", anchor=False)
    st.slider("w, weight of KL(T‖S) in the mix", 0.0, 1.0, step=0.05, **widget(PREFIX, "weight"))
    now = current()
    publish()
    found = numbers.phi(now)
    curves = {"forward_kl": found["forward"], "reverse_kl": found["reverse"], "mixed_kl": found["mix"]}
    names = _SHARED_NAMES | {"mixed_kl": f"w = {now.weight:g}: the mix"}
    figure = phi_figure(found["ratios"], curves, names, theme())
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    _chart(figure, "phi", f"φ(r) against r for w = {now.weight:g}, rising from left to right.")
    _told(words.phi(found, now.weight))
    _reproduce("phi", [chosen.phi_command(now)], lambda: tables.phi(found))


@st.fragment
def simplex_block() -> None:
    """Flows and paths over three tokens."""
    st.subheader("2 · Every loss flows to the teacher", anchor=False)
    st.segmented_control(
        "Optimiser of the paths", list(OPTIMISERS), required=True,
        format_func=lambda name: f"{name}, lr {OPTIMISERS[name]:g}", **widget(PREFIX, "optimiser", "default"),
    )  # fmt: skip
    seq = take_handles()
    now = current()
    publish()
    found = numbers.simplex(now)
    data: dict[str, Any] = {"seq": seq, "edge": EDGE, "teacher": list(now.teacher), "start": list(now.start)}
    data |= {"shown": now.arrows, "step": now.step, "losses": [[loss, loss_name(loss)] for loss in LOSSES]}
    data |= {name: found[name] for name in ("points", "arrows", "paths", "tvd")}
    _COMPONENT(key=SIMPLEX, data=data, default={"view": None}, on_view_change=hold)
    _told(words.simplex(found, now))
    _reproduce("simplex", [chosen.simplex_command(now)], lambda: tables.simplex(found))
    drawn = st.session_state.get(LATE)
    if now.target == "three" and drawn not in (None, now.teacher) and not moving():
        # The last block has this teacher too, and blocks run one by one.
        st.rerun()


@st.fragment
def plateau_block() -> None:
    """A mode that the student dropped."""
    st.subheader("3 · A dropped mode: the plateau the proof allows", anchor=False)
    st.slider("Depth G: the left mode's logits are lowered by", DEPTHS[0], DEPTHS[-1], **widget(PREFIX, "depth"))
    now = current()
    publish()
    found = numbers.plateau()
    place = DEPTHS.index(now.depth)
    st.html(key_html(LOSSES, theme()))
    curves, depths = st.columns(2), st.columns(2)
    for optimiser, column, below in zip(OPTIMISERS, curves, depths, strict=True):
        part = found[optimiser]
        label = f"{optimiser}, lr {OPTIMISERS[optimiser]:g}"
        with column:
            st.markdown(f"**{label}: the way from depth {now.depth}**")
            drawn = {loss: part["curves"][loss][place] for loss in LOSSES}
            figure = plateau_figure(part["steps"], drawn, numbers.THRESHOLD, theme())
            _chart(figure, f"plateau.{optimiser}", f"Total variation against the step under {label}.")
        with below:
            st.markdown(f"**{label}: steps until TV < {numbers.THRESHOLD:g}, by depth**")
            figure = depth_figure(DEPTHS, part["reached"], numbers.LIMIT, now.depth, theme())
            _chart(figure, f"depth.{optimiser}", f"Steps to the threshold against the depth under {label}.")
    _told(words.plateau(found, now.depth))
    commands = [chosen.plateau_command(now, optimiser) for optimiser in OPTIMISERS]
    note = f"With `--depths {','.join(map(str, DEPTHS))}` it gives the lower charts."
    _reproduce("plateau", commands, lambda: tables.plateau(found), note)
    _csv("Curves, CSV", "plateau-curves", lambda: tables.curves(found, now.depth))


@st.fragment
def late_block() -> None:
    """Both KLs near the optimum."""
    st.subheader("4 · Near the end they are one loss", anchor=False)
    st.segmented_control(
        "Teacher", list(TEACHERS), required=True, format_func=TEACHERS.__getitem__,
        help="The paper's long tail of 80 tokens, its two modes over 50, or the teacher of block 2.",
        **widget(PREFIX, "target", "default"),
    )  # fmt: skip
    st.number_input(
        "Seed of the direction", 0, chosen.LAST_SEED, help="The error is one random direction of logits.",
        width=240, **widget(PREFIX, "seed"),
    )  # fmt: skip
    now = current()
    st.session_state[LATE] = now.teacher
    publish()
    found = numbers.late(now)
    left, right = st.columns(2)
    with left:
        st.markdown("**Gradients of KL(T‖S) and KL(S‖T)**")
        _chart(cosine_figure(found["distances"], found["cosine"], theme()), "cosine", "Cosine against the distance.")
    with right:
        st.markdown("**Hessians of KL(T‖S) and KL(S‖T)**")
        figure = hessian_figure(found["distances"], found["hessian_distance"], theme())
        _chart(figure, "hessian", "Relative difference of the Hessians against the distance.")
    _told(words.late(found))
    _reproduce("late", [chosen.late_command(now)], lambda: tables.late(found))


def _chart(figure: Any, name: str, alt: str) -> None:
    charts.chart(figure, key=f"proof.chart.{name}", alt=alt, file=f"proof-{name}")


def _told(sentences: tuple[str, str]) -> None:
    """What the block shows and what it does not."""
    shows, not_shown = sentences
    st.markdown(f"**Shows:** {shows}\n\n**Does not show:** {not_shown}")


def _reproduce(name: str, commands: Sequence[str], table: Callable[[], pd.DataFrame], note: str = "") -> None:
    with folded("Show the command", f"proof.command.{name}") as opened:
        if opened:
            st.code("\n".join(commands), language="bash", wrap_lines=True)
            if note:
                remark(note)
    _csv("CSV", name, table)


def _csv(label: str, name: str, table: Callable[[], pd.DataFrame]) -> None:
    st.download_button(
        label, lambda: table_csv(table()), f"proof-{name}.csv", "text/csv",
        key=f"proof.csv.{name}", on_click="ignore", icon=":material/download:",
    )  # fmt: skip
