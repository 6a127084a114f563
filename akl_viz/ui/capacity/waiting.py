"""A result on the page: the stored one or a known run at once, a new run behind a progress bar."""

from __future__ import annotations

import streamlit as st

from akl_viz.errors import AklVizError
from akl_viz.toys import LowRankConfig, LowRankResult
from akl_viz.ui.capacity.runs import runs, stored
from akl_viz.ui.capacity.state import STORED, Wanted
from akl_viz.ui.clicked import clicked
from akl_viz.ui.plain import plain
from akl_viz.ui.waiting import Waiting

_RUNS: Waiting[LowRankConfig, LowRankResult] = Waiting("capacity", "run", lambda: runs())
_LAST = "capacity.last"
_STARTED = "capacity.started"
"""Key of the run that this session pressed Run for, until it ends."""
_LEFT = "capacity.left"
"""Key of the sentence that says why that run was left, until another one starts."""


def result_for(wanted: Wanted) -> tuple[LowRankResult | None, bool]:
    """The result to show and whether it answers the choices; else the last one of this session, or the stored one."""
    result = None
    try:
        if wanted.source == STORED:
            _RUNS.want(None)
            result = stored()
        else:
            result = _run(wanted.config())
    except AklVizError as error:
        _RUNS.want(None)
        st.error(plain(str(error)), icon=":material/error:")
    if result is not None:
        st.session_state[_LAST] = result
        return result, True
    last = st.session_state.get(_LAST)
    return (last if isinstance(last, LowRankResult) else _stored_or_nothing()), False


def _stored_or_nothing() -> LowRankResult | None:
    try:
        return stored()
    except AklVizError:
        return None


def _run(config: LowRankConfig) -> LowRankResult | None:
    """A known run, or this session's run of the settings; without one, say what a run is and offer to start it."""
    followed, known = _RUNS.want(config), runs().known(config)
    if known is not None:
        _RUNS.leave()
        _forget()
        return known
    if followed is None:
        _tell_left(config)
        _offer(config)
        return None
    outcome = _RUNS.outcome(_RUNS.follow(config))
    if not isinstance(outcome, str):
        return outcome
    _forget()
    _RUNS.say(followed, outcome)
    _offer(config)
    return None


def _forget() -> None:
    """The run of this session ended by itself or was stopped by hand: nobody wonders where it went."""
    for name in (_STARTED, _LEFT):
        st.session_state.pop(name, None)


def _tell_left(config: LowRankConfig) -> None:
    """Say that a run which had not ended was left, and why."""
    started = st.session_state.pop(_STARTED, None)
    if started is not None and runs().known(started) is None:
        why = "it was no longer on the page" if started == config else "its settings were changed"
        st.session_state[_LEFT] = f"The run was stopped, as {why}: press *Run* to start one with these settings."
    if _LEFT in st.session_state:
        st.info(st.session_state[_LEFT], icon=":material/stop_circle:")


def _offer(config: LowRankConfig) -> None:
    """The button that starts a run, and how large it is."""
    button, words = st.columns([1, 4], vertical_alignment="center")
    students = len(config.losses) * len(config.ranks) * config.seeds
    size = f"{config.contexts} contexts and {config.tokens} tokens, {config.steps:,} steps each"
    words.markdown(f":gray[{students:,} student{'s' * (students != 1)} over {size}.]")
    click = clicked(button, "Run", "capacity.run", icon=":material/play_arrow:", width="stretch")
    if click:
        _RUNS.leave()
        _forget()
        _RUNS.follow(config)
        st.session_state[_STARTED] = config
        click.done()
        st.rerun()
