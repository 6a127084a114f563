"""A result on the page: the stored one or a known run at once, a new run behind a progress bar."""

from __future__ import annotations

import uuid

import streamlit as st

from akl_viz.errors import AklVizError
from akl_viz.toys import LowRankConfig, LowRankResult
from akl_viz.ui.capacity.runs import runs, stored
from akl_viz.ui.capacity.state import STORED, Wanted
from akl_viz.ui.jobs import Job
from akl_viz.ui.plain import plain

POLL_SECONDS = 0.4
QUICK_SECONDS = 1.0
"""Until then no progress bar flickers by."""
_LAST = "capacity.last"
_JOB = "capacity.job"
_WATCHER = "capacity.watcher"


def result_for(wanted: Wanted) -> tuple[LowRankResult | None, bool]:
    """The result to show and whether it answers the choices; else the last one of this session, or the stored one."""
    result = None
    try:
        if wanted.source == STORED:
            _leave()
            result = stored()
        else:
            config = wanted.config()
            result = runs().known(config) or _run(config)
    except AklVizError as error:
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
    """Follow this session's run of the settings; without one, say what a run is and offer to start it."""
    followed: tuple[LowRankConfig, Job[LowRankResult]] | None = st.session_state.get(_JOB)
    if followed is not None and followed[0] != config:
        _leave()
        followed = None
    if followed is None:
        _offer(config)
        return None
    _, job = followed
    if not job.wait(QUICK_SECONDS):
        _progress(job)
        return None
    outcome = job.outcome()
    if isinstance(outcome, LowRankResult):
        return outcome
    st.session_state.pop(_JOB)
    st.error(plain(outcome), icon=":material/error:")
    _offer(config)
    return None


def _offer(config: LowRankConfig) -> None:
    """The button that starts a run, and how large it is."""
    button, words = st.columns([1, 4], vertical_alignment="center")
    students = len(config.losses) * len(config.ranks) * config.seeds
    size = f"{config.contexts} contexts and {config.tokens} tokens, {config.steps:,} steps each"
    words.markdown(f":gray[{students:,} students over {size}.]")
    if button.button("Run", key="capacity.run", icon=":material/play_arrow:", width="stretch"):
        st.session_state[_JOB] = (config, runs().start(config, _watcher()))
        st.rerun()


def _leave() -> None:
    followed = st.session_state.pop(_JOB, None)
    if followed is not None:
        followed[1].leave(_watcher())


def _watcher() -> str:
    """How this session is called among those that watch a job."""
    return str(st.session_state.setdefault(_WATCHER, uuid.uuid4().hex))


@st.fragment(run_every=POLL_SECONDS)
def _progress(job: Job[LowRankResult]) -> None:
    """Progress and a way out; when the job ends the page runs again and polling stops."""
    if job.done or not job.watch(_watcher()):
        st.rerun()
    ahead = runs().ahead(job)
    stage = f"Waiting for {ahead} other run{'s' if ahead > 1 else ''}" if ahead else job.stage
    bar, button = st.columns([5, 1], vertical_alignment="bottom")
    bar.progress(job.fraction, text=plain(stage))
    if button.button("Stop", key="capacity.stop", icon=":material/stop:", width="stretch"):
        _leave()
        st.rerun()
