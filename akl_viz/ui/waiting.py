"""A result on a page: at once where it is known, behind a progress bar where it must be computed.

A session follows one job per page. It leaves the job when it asks for something else, or when it is on another page;
a job that everybody has left stops.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import streamlit as st

from akl_viz.records import TokenTrace
from akl_viz.ui.clicked import clicked, forget_clicks
from akl_viz.ui.jobs import Job
from akl_viz.ui.plain import plain
from akl_viz.ui.tracing import TraceRequest, service

POLL_SECONDS = 0.4
QUICK_SECONDS = 1.5
"""How long a run of a page waits for a job before it shows progress instead: most are done by then."""
_JOB, _ASKED, _WATCHER = "waiting.job.", "waiting.asked", "waiting.watcher"

Key = TypeVar("Key")
AskedKey = TypeVar("AskedKey", contravariant=True)
T = TypeVar("T")


class Jobs(Protocol[AskedKey, T]):
    """Where the results of a page come from."""

    def known(self, key: AskedKey, /) -> T | None:
        """The kept result."""

    def start(self, key: AskedKey, /, watcher: str) -> Job[T]:
        """Queue or join the computation."""

    def ahead(self, job: Job[T], /) -> int:
        """How many computations are before this one."""


@dataclass
class Followed(Generic[Key, T]):
    """The job that a session waits for; other sessions may wait for the same one."""

    key: Key
    job: Job[T]
    stopped: bool = False
    """Whether this session pressed Stop; the job itself goes on where others want it."""

    def stop(self, watcher: str) -> None:
        """Wait no more."""
        self.stopped = True
        self.job.leave(watcher)


@dataclass(frozen=True)
class Waiting(Generic[Key, T]):
    """How the sessions of one page wait."""

    page: str
    """Begins the keys of its widgets."""
    noun: str
    """What is waited for: "comparison"."""
    jobs: Callable[[], Jobs[Key, T]]

    def want(self, key: Key | None) -> Followed[Key, T] | None:
        """Say in every run of the page what it shows; a job for something else is left, one for this is returned."""
        st.session_state.setdefault(_ASKED, set()).add(self.page)
        followed: Followed[Key, T] | None = st.session_state.get(_JOB + self.page)
        if followed is not None and followed.key != key:
            self.leave()
            return None
        return followed

    def result(self, key: Key) -> T | None:
        """The result of the key. Where there is none yet, its job is started or followed and its state drawn."""
        self.want(key)
        known = self.jobs().known(key)
        if known is not None:
            self.leave()
            return known
        followed = self.follow(key)
        outcome = self.outcome(followed)
        if not isinstance(outcome, str):
            return outcome
        self.say(followed, outcome)
        click = clicked(st, "Run it again" if followed.stopped else "Try again", f"{self.page}.retry")
        if click:
            self.leave()
            click.done()
            st.rerun()
        return None

    def follow(self, key: Key) -> Followed[Key, T]:
        """This session's job for the key; one that stopped while nobody polled, as in a frozen tab, starts anew."""
        followed = self.want(key)
        if followed is None or not (followed.stopped or followed.job.watch(_watcher())):
            followed = Followed(key, self.jobs().start(key, _watcher()))
            st.session_state[_JOB + self.page] = followed
        return followed

    def outcome(self, followed: Followed[Key, T]) -> T | str | None:
        """The result, or the sentence that says why there is none; None while its progress is drawn."""
        if followed.stopped:
            return followed.job.stop_sentence
        if not followed.job.wait(QUICK_SECONDS):
            _progress(self, followed)
            return None
        return followed.job.outcome()

    @staticmethod
    def say(followed: Followed[Key, T], sentence: str) -> None:
        """Show why there is no result: a person's own Stop is no error."""
        if followed.stopped:
            st.info(plain(sentence), icon=":material/stop_circle:")
        else:
            st.error(plain(sentence), icon=":material/error:")

    def leave(self) -> None:
        """Stop waiting."""
        _leave(self.page)


@contextmanager
def one_run() -> Iterator[None]:
    """Around a run of the app: a session whose page said nothing of its job has left the page, and its job with it."""
    st.session_state[_ASKED] = set()
    yield
    followed = [name.removeprefix(_JOB) for name in map(str, st.session_state) if name.startswith(_JOB)]
    for page in set(followed) - st.session_state[_ASKED]:
        _leave(page)
    forget_clicks()


def _leave(page: str) -> None:
    followed = st.session_state.pop(_JOB + page, None)
    if followed is not None:
        followed.job.leave(_watcher())


def _watcher() -> str:
    """How this session is called among those that watch a job."""
    return str(st.session_state.setdefault(_WATCHER, uuid.uuid4().hex))


@st.fragment(run_every=POLL_SECONDS)
def _progress(waiting: Waiting[Any, Any], followed: Followed[Any, Any]) -> None:
    """Progress and a way out; when the job ends the page runs again and polling stops."""
    job = followed.job
    if followed.stopped or job.done or not job.watch(_watcher()):
        st.rerun()
    ahead = waiting.jobs().ahead(job)
    stage = f"Waiting for {ahead} other {waiting.noun}{'s' if ahead > 1 else ''}" if ahead else job.stage
    bar, button = st.columns([5, 1], vertical_alignment="bottom")
    bar.progress(job.fraction, text=plain(stage))
    # A callback, which comes before the run of the page: one that ends early cannot lose the click.
    button.button(
        "Stop",
        key=f"{waiting.page}.stop",
        icon=":material/stop:",
        width="stretch",
        on_click=followed.stop,
        args=(_watcher(),),
    )


_TRACES: Waiting[TraceRequest, TokenTrace] = Waiting("tokens", "comparison", lambda: service())
_LAST = "tokens.last"


def trace_for(request: TraceRequest | None) -> tuple[TokenTrace | None, bool]:
    """The trace to show and whether it answers the request.

    While a trace is computed, or where it failed, the last one of this session stays on the page: nothing that
    was there is lost.
    """
    if request is None:
        _TRACES.want(None)
    trace = None if request is None else _TRACES.result(request)
    if trace is not None:
        st.session_state[_LAST] = trace
        return trace, True
    last = st.session_state.get(_LAST)
    return (last if isinstance(last, TokenTrace) else None), False
