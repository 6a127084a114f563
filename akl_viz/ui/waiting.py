"""A trace on a page: at once where it is known, behind a progress bar where it must be computed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st

from akl_viz.records import TokenTrace
from akl_viz.ui.jobs import Job
from akl_viz.ui.plain import plain
from akl_viz.ui.tracing import QUICK_SECONDS, TraceRequest, service

POLL_SECONDS = 0.4
_JOB = "tokens.job"
_LAST = "tokens.last"
_WATCHER = "tokens.watcher"
_ASKED = "tokens.asked"


@dataclass
class _Followed:
    """The job that a session waits for; other sessions may wait for the same one."""

    request: TraceRequest
    job: Job[TokenTrace]
    stopped: bool = False
    """Whether this session pressed Stop; the job itself goes on where others want it."""


@contextmanager
def one_run() -> Iterator[None]:
    """Around a run of the app: a session whose page asked for no trace has left the page, and its job with it."""
    st.session_state[_ASKED] = False
    yield
    if not st.session_state[_ASKED]:
        _leave()


def trace_for(request: TraceRequest | None) -> tuple[TokenTrace | None, bool]:
    """The trace to show and whether it answers the request.

    While a trace is computed, or where it failed, the last one of this session stays on the page: nothing that
    was there is lost. A job for another request than this one is left, since this session no longer wants it.
    """
    st.session_state[_ASKED] = True
    followed = _followed()
    if followed is not None and followed.request != request:
        _leave()
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


def _followed() -> _Followed | None:
    followed: _Followed | None = st.session_state.get(_JOB)
    return followed


def _leave() -> None:
    """Stop waiting for the job."""
    followed = st.session_state.pop(_JOB, None)
    if followed is not None:
        followed.job.leave(_watcher())


def _watcher() -> str:
    """How this session is called among those that watch a job."""
    return str(st.session_state.setdefault(_WATCHER, uuid.uuid4().hex))


def _computed(request: TraceRequest) -> TokenTrace | None:
    """Start or follow the job of this request; draws progress, or the sentence that says why it failed."""
    followed = _follow(request)
    if not followed.stopped and not followed.job.wait(QUICK_SECONDS):
        _progress(followed)
        return None
    outcome = followed.job.stop_sentence if followed.stopped else followed.job.outcome()
    if isinstance(outcome, TokenTrace):
        return outcome
    st.error(plain(outcome), icon=":material/error:")
    if st.button("Try again", key="tokens.retry"):
        _leave()
        st.rerun()
    return None


def _follow(request: TraceRequest) -> _Followed:
    """This session's job for the request; one that was stopped while nobody polled, as in a frozen tab, starts anew."""
    current = _followed()
    if current is not None and (current.stopped or current.job.watch(_watcher())):
        return current
    current = _Followed(request, service().start(request, _watcher()))
    st.session_state[_JOB] = current
    return current


@st.fragment(run_every=POLL_SECONDS)
def _progress(followed: _Followed) -> None:
    """Progress and a way out; when the job ends the page runs again and polling stops."""
    job = followed.job
    if job.done or not job.watch(_watcher()):
        st.rerun()
    ahead = service().ahead(job)
    stage = f"Waiting for {ahead} other comparison{'s' if ahead > 1 else ''}" if ahead else job.stage
    bar, button = st.columns([5, 1], vertical_alignment="bottom")
    bar.progress(job.fraction, text=plain(stage))
    if button.button("Stop", key="tokens.stop", icon=":material/stop:", width="stretch"):
        followed.stopped = True
        job.leave(_watcher())
        st.rerun()
