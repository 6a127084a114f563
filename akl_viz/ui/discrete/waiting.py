"""A result on the page: at once where it is known, behind a progress bar where it must be computed."""

from __future__ import annotations

import uuid

import streamlit as st

from akl_viz.errors import AklVizError
from akl_viz.toys import DiscreteConfig
from akl_viz.ui.discrete.choices import DEFAULT, Choices, config_of
from akl_viz.ui.discrete.results import Result, service
from akl_viz.ui.jobs import Job
from akl_viz.ui.plain import plain

QUICK_SECONDS = 1.5
"""Most answers come sooner: until then no progress bar flickers by."""
POLL_SECONDS = 0.4
_LAST = "discrete.last"
_STOPPED = "discrete.stopped"
_WATCHER = "discrete.watcher"
_JOB = "discrete.job"


def result_for(choices: Choices) -> tuple[Result | None, bool]:
    """The result to show and whether it answers the choices; else the last one of this session, or the default."""
    result = None
    try:
        config = config_of(choices)
    except AklVizError as error:
        _leave(None)
        st.error(plain(str(error)), icon=":material/error:")
    else:
        result = service().known(config, choices.share) or _computed(config, choices.share)
    if result is not None:
        st.session_state[_LAST] = result
        return result, True
    last = st.session_state.get(_LAST)
    default = service().known(config_of(DEFAULT), DEFAULT.share)
    return (last if isinstance(last, Result) else default), False


def _computed(config: DiscreteConfig, share: float) -> Result | None:
    """Start or follow the job of this experiment; draws progress, or the sentence that says why it failed."""
    key = (config, share)
    stopped = st.session_state.get(_STOPPED) == key
    if not stopped:
        st.session_state.pop(_STOPPED, None)
        job = service().start(config, share, _watcher())
        _leave(job)
        if not job.wait(QUICK_SECONDS):
            _progress(job, key)
            return None
        outcome = job.outcome()
        if isinstance(outcome, Result):
            return outcome
        st.error(plain(outcome), icon=":material/error:")
    else:
        st.info("The experiment was stopped.", icon=":material/stop_circle:")
    if st.button("Run it again" if stopped else "Try again", key="discrete.retry"):
        st.session_state.pop(_STOPPED, None)
        st.rerun()
    return None


def _leave(job: Job[Result] | None) -> None:
    """Follow this job and no longer the one before."""
    before = st.session_state.get(_JOB)
    if isinstance(before, Job) and before is not job:
        before.leave(_watcher())
    st.session_state[_JOB] = job


def _watcher() -> str:
    """How this session is called among those that watch a job."""
    return str(st.session_state.setdefault(_WATCHER, uuid.uuid4().hex))


@st.fragment(run_every=POLL_SECONDS)
def _progress(job: Job[Result], key: tuple[DiscreteConfig, float]) -> None:
    """Progress and a way out; when the job ends the page runs again and polling stops."""
    if job.done or not job.watch(_watcher()):
        st.rerun()
    ahead = service().ahead(job)
    stage = f"Waiting for {ahead} other experiment{'s' if ahead > 1 else ''}" if ahead else job.stage
    bar, button = st.columns([5, 1], vertical_alignment="bottom")
    bar.progress(job.fraction, text=plain(stage))
    if button.button("Stop", key="discrete.stop", icon=":material/stop:", width="stretch"):
        st.session_state[_STOPPED] = key
        job.leave(_watcher())
        st.rerun()
