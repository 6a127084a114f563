"""The experiment on its page: the animation, what happened in it, and below it the command and the file."""

from __future__ import annotations

import shlex

import streamlit as st

from akl_viz.analysis.export import table_csv
from akl_viz.records import BOUNDARIES
from akl_viz.toys import DiscreteConfig, DiscreteRuns, Start, discrete_config
from akl_viz.ui import charts, moved
from akl_viz.ui.components.discrete import COMPONENT
from akl_viz.ui.discrete import choices as chosen
from akl_viz.ui.discrete import look
from akl_viz.ui.discrete.choices import Choices
from akl_viz.ui.discrete.controls import choices, publish
from akl_viz.ui.discrete.look import Look
from akl_viz.ui.discrete.payload import overlap_words, payload
from akl_viz.ui.discrete.results import GAPS, Result
from akl_viz.ui.discrete.waiting import result_for
from akl_viz.ui.folded import folded
from akl_viz.ui.plain import plain
from akl_viz.ui.remark import remark

KEY = "discrete.animation"
_LOOK, _TURN = "discrete.look", "discrete.turn"
"""Keys of the present look, and of how often it came from the address and not from the browser."""
_COMPONENT = st.components.v2.component("akl_discrete", **COMPONENT.parts(), isolate_styles=True)


def experiment() -> None:
    """Controls, animation, findings, command and file."""
    # In containers, so that what comes and goes there does not move the animation, which would start anew.
    with st.container():
        now = choices()
    with st.container():
        result, current = result_for(now)
        if result is not None and not current:
            remark(f"Still shown: {plain(summary(result.runs.config))}.")
    if current:
        publish(now)
    if result is None:
        return
    _animation(result)
    charts.head_start("learn/discrete")
    _findings(result)
    _reproduce(result, now)


@st.fragment
def _animation(result: Result) -> None:
    """Draw it; what a person changes about how it is looked at runs the fragment alone and goes into the address."""
    turn = st.session_state.setdefault(_TURN, 0)
    view = moved.last_sent(KEY)
    given = moved.given_of(look.to_address(Look()))
    source = moved.newest(_LOOK, view, given)
    if source == "sent" and view is not None:
        now = look.sent(view)
    elif source == "address":
        now = look.from_address(given)
        turn += 1
    else:
        now = st.session_state.get(_LOOK, Look())
    st.session_state[_LOOK], st.session_state[_TURN] = now, turn
    _COMPONENT(key=KEY, data=payload(result, now, turn), default={"view": None}, on_view_change=moved.hold)
    moved.write(_LOOK, look.to_address(now))


def _findings(result: Result) -> None:
    """What happened, counted."""
    config = result.runs.config
    overlap = overlap_words(result.runs)
    if overlap:
        st.warning(overlap, icon=":material/join_inner:")
    if not result.counts:
        remark("Choose a second loss, and who was first is counted here.")
        return
    st.markdown("**What happened here**")
    told = [f"- {plain(sentence)}" for _, sentence in result.counts]
    st.markdown("\n".join(told[: len(GAPS)]))
    if told[len(GAPS) :]:
        with st.expander(f"{config.losses[0]} against the other losses"):
            st.markdown("\n".join(told[len(GAPS) :]))
    if not config.start.random:
        remark("This start is the same for every seed: it is counted once.")
    elif config.seeds == 1:
        remark("One seed says little: raise *Seeds* above.")


def _reproduce(result: Result, now: Choices) -> None:
    """The command of this view, and its curves as a file."""
    with folded("Show the command", "discrete.command") as opened:
        if opened:
            st.code(command(result.runs.config, now.share), language="bash", wrap_lines=True)
            remark("Prints the teacher, every curve of every seed, and who was first, as JSON at full precision.")
    st.download_button(
        "Curves, CSV",
        lambda: _csv(result.runs),
        "discrete.csv",
        "text/csv",
        key="discrete.download",
        on_click="ignore",
        icon=":material/download:",
    )
    remark("The address of this page holds the whole view: copy it to share it.")


def command(config: DiscreteConfig, share: float) -> str:
    """`akl-viz toy discrete ...` with what differs from the preset."""
    base = discrete_config(config.preset, target=config.target or None)
    optimiser, start = config.optimisers[0], config.start
    words = ["akl-viz", "toy", "discrete", "--preset", config.preset]
    if config.target:
        words.append("--target=" + ",".join(map(repr, config.target)))
    for loss in config.losses if config.losses != base.losses else ():
        words += ["--loss", loss]
    options = (
        ("--tokens", config.tokens, base.tokens),
        ("--optimizer", optimiser.name, base.optimisers[0].name),
        ("--lr", optimiser.lr, base.optimisers[0].lr if optimiser.name == base.optimisers[0].name else None),
        ("--start", start.kind, base.start.kind),
        ("--noise", start.noise, Start.noise),
        ("--depth", start.depth, Start.depth),
        ("--steps", config.steps, base.steps),
        ("--seeds", config.seeds, 1),
        ("--first-seed", config.first_seed, base.first_seed),
        ("--mu", config.mu, base.mu),
        ("--boundary", config.boundary, BOUNDARIES[0]),
        ("--tail", config.tail, base.tail),
        ("--far-from", config.far_from, None),
        ("--bottom", config.bottom if config.tail == "bottom" else base.bottom, base.bottom),
        ("--every", config.every, 1),
        ("--share", share, chosen.DEFAULT.share),
    )
    for name, value, default in options:
        if value != default:
            words += [name, str(value)]
    return shlex.join([*words, "--json"])


def summary(config: DiscreteConfig) -> str:
    """The experiment in a few words."""
    seeds = f"{config.seeds} seeds" if config.seeds > 1 else "one seed"
    steps = f"{config.steps:,} step{'s' * (config.steps != 1)}"
    return f"{config.preset}, {', '.join(config.losses)}, {config.optimisers[0].label}, {steps}, {seeds}"


def _csv(runs: DiscreteRuns) -> str:
    """One row per loss, seed and recorded step, as the command's --csv writes it."""
    return table_csv(runs.frame())
