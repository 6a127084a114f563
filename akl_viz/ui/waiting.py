"""A trace on a page: at once where it is known, behind a progress bar where it must be computed."""

from __future__ import annotations

import streamlit as st

from akl_viz.records import TokenTrace
from akl_viz.ui.jobs import Job
from akl_viz.ui.plain import plain
from akl_viz.ui.tracing import QUICK_SECONDS, TraceRequest, service

POLL_SECONDS = 0.4
_JOB = "tokens.job"
_LAST = "tokens.last"


def trace_for(request: TraceRequest | None) -> tuple[TokenTrace | None, bool]:
    """The trace to show and whether it answers the request.

    While a trace is computed, or where it failed, the last one of this session stays on the page: nothing that
    was there is lost.
    """
    if request is None:
        return _last(), False
    trace = service().known(request) or _computed(request)
    if trace is None:
        return _last(), False
    st.session_state[_LAST] = trace
    return trace, True


def _last() -> TokenTrace | None:
    last = st.session_state.get(_LAST)
    return last if isinstance(last, TokenTrace) else None


def _computed(request: TraceRequest) -> TokenTrace | None:
    """Start or follow the job of this request; draws progress, or the sentence that says why it failed."""
    job = _job(request)
    if not job.wait(QUICK_SECONDS):
        _progress(job)
        return None
    outcome = job.outcome()
    if isinstance(outcome, TokenTrace):
        return outcome
    st.error(plain(outcome), icon=":material/error:")
    if st.button("Try again", key="tokens.retry"):
        del st.session_state[_JOB]
        st.rerun()
    return None


def _job(request: TraceRequest) -> Job[TokenTrace]:
    """This session's job for the request; a job for another request is stopped, since nobody waits for it."""
    current: tuple[TraceRequest, Job[TokenTrace]] | None = st.session_state.get(_JOB)
    if current is not None and current[0] == request:
        return current[1]
    if current is not None:
        current[1].cancel()
    job = service().start(request)
    st.session_state[_JOB] = (request, job)
    return job


@st.fragment(run_every=POLL_SECONDS)
def _progress(job: Job[TokenTrace]) -> None:
    """Progress and a way out; when the job ends the page runs again and polling stops."""
    if job.done:
        st.rerun()
    ahead = service().ahead(job)
    stage = f"Waiting for {ahead} other comparison{'s' if ahead > 1 else ''}" if ahead else job.stage
    bar, button = st.columns([5, 1], vertical_alignment="bottom")
    bar.progress(job.fraction, text=plain(stage))
    if button.button("Stop", key="tokens.stop", icon=":material/stop:", width="stretch"):
        job.cancel()
