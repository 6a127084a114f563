"""From a page's choices to a token trace: stored, kept from before, or computed by a background job."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from akl_viz.errors import AklVizError, OutOfMemory
from akl_viz.models.fingerprint import stamp
from akl_viz.models.warm import take_all_cores
from akl_viz.paths import DATA
from akl_viz.records import Settings, TokenTrace
from akl_viz.ui.jobs import Job, KeptJobs

if TYPE_CHECKING:
    from akl_viz.models import ModelPool

STORED_TRACE = DATA / "traces" / "overview.npz"
KEPT_TRACES = 12

Stamps = tuple[tuple[tuple[str, int, int], ...], ...]
"""Per model the names, sizes and times of its files."""


@dataclass(frozen=True)
class TraceRequest:
    """Everything a trace depends on."""

    teacher: str
    student: str
    text: str
    settings: Settings
    dtype: str = "auto"
    device: str = "auto"


TraceKey = tuple[TraceRequest, Stamps]


def _key(request: TraceRequest) -> TraceKey:
    """The request with the state of the files behind local references; nothing for bundled models and hub ids."""
    folders = (Path(reference.partition("#")[0]).expanduser() for reference in (request.teacher, request.student))
    return request, tuple(stamp(folder) if folder.is_dir() else () for folder in folders)


class TraceService:
    """Traces of this server: a few are kept, one is computed at a time, at most two models are held."""

    def __init__(self) -> None:
        self._jobs = KeptJobs[TraceKey, TokenTrace](
            "The comparison", lambda key, job: self._compute(key[0], job), KEPT_TRACES
        )
        self._pool: ModelPool | None = None

    def known(self, request: TraceRequest) -> TokenTrace | None:
        """The kept trace of this request, unless a local checkpoint was written anew since."""
        return self._jobs.known(_key(request))

    def keep(self, request: TraceRequest, trace: TokenTrace) -> None:
        """Keep a trace that was computed elsewhere."""
        self._jobs.keep(_key(request), trace)

    def start(self, request: TraceRequest, watcher: str) -> Job[TokenTrace]:
        """Queue the computation, or join the one that another session asked for."""
        return self._jobs.start(_key(request), watcher)

    def ahead(self, job: Job[TokenTrace]) -> int:
        """How many computations are before this one."""
        return self._jobs.ahead(job)

    def _compute(self, request: TraceRequest, job: Job[TokenTrace]) -> TokenTrace:
        job.report(0.0, "Loading torch")
        take_all_cores()
        from akl_viz.models import ModelPool

        self._pool = self._pool or ModelPool()
        try:
            return self._score(self._pool, request, job)
        except OutOfMemory as error:
            sentence = str(error)
        # Outside the handler, where no frame holds the models any more: only then does their memory come back.
        self._pool.clear()
        raise OutOfMemory(sentence)

    def _score(self, pool: ModelPool, request: TraceRequest, job: Job[TokenTrace]) -> TokenTrace:
        """Load the pair and compare it."""
        from akl_viz.analysis.trace import token_trace
        from akl_viz.models import Policy

        job.report(0.05, "Loading the models")
        teacher, student = pool.pair(
            request.teacher,
            request.student,
            device=request.device,
            dtype=request.dtype,
            policy=Policy.for_app(),
            progress=lambda fraction, stage: job.report(0.05 + 0.45 * fraction, stage),
        )
        return token_trace(
            teacher,
            student,
            request.text,
            request.settings,
            progress=lambda fraction, stage: job.report(0.5 + 0.5 * fraction, stage),
        )


@st.cache_resource(show_spinner=False)
def service() -> TraceService:
    """The one trace service of this server; it starts with the trace stored beside the data."""
    made = TraceService()
    stored = stored_trace()
    if stored is not None:
        made.keep(request_of(stored), stored)
    return made


@st.cache_resource(show_spinner=False)
def stored_trace() -> TokenTrace | None:
    """The trace that `make data` stored, so that a page can be filled before torch is imported."""
    try:
        return TokenTrace.load(STORED_TRACE)
    except (OSError, KeyError, ValueError, AklVizError):
        return None


def request_of(trace: TokenTrace) -> TraceRequest:
    """The request with default device and dtype that gives this trace."""
    return TraceRequest(trace.teacher.reference, trace.student.reference, trace.text, trace.settings)
