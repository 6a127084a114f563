"""From a page's choices to a token trace: stored, kept from before, or computed by a background job."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from akl_viz.errors import AklVizError, OutOfMemory
from akl_viz.models.fingerprint import stamp
from akl_viz.models.warm import import_libraries
from akl_viz.paths import DATA
from akl_viz.records import Settings, TokenTrace
from akl_viz.ui.jobs import Job, Worker

if TYPE_CHECKING:
    from akl_viz.models import ModelPool

STORED_TRACE = DATA / "traces" / "overview.npz"
KEPT_TRACES = 12
QUICK_SECONDS = 1.5
"""How long a run of the page waits for a job before it shows progress instead: the bundled pair is done by then."""


UNWATCHED_SECONDS = 150.0
"""How long a computation goes on without a poll. Browsers let the timers of a hidden tab run once a minute at worst
(Chromium's intensive throttling, after five minutes), so two polls in a row may be late before a job is lost."""

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


def _stamps(request: TraceRequest) -> Stamps:
    """State of the files behind local references; nothing for bundled models and hub ids."""
    folders = (Path(reference.partition("#")[0]).expanduser() for reference in (request.teacher, request.student))
    return tuple(stamp(folder) if folder.is_dir() else () for folder in folders)


class TraceService:
    """Traces of this server: a few are kept, one is computed at a time, at most two models are held."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[TraceRequest, Stamps], TokenTrace] = OrderedDict()
        self._lock = threading.Lock()
        self._worker = Worker("trace")
        self._pool: ModelPool | None = None
        self._running: dict[tuple[TraceRequest, Stamps], Job[TokenTrace]] = {}
        self.model_runs = 0
        """How many traces were computed, not looked up: the benchmark of the metric switch counts them."""

    def known(self, request: TraceRequest) -> TokenTrace | None:
        """The kept trace of this request, unless a local checkpoint was written anew since."""
        key = (request, _stamps(request))
        with self._lock:
            trace = self._kept.get(key)
            if trace is not None:
                self._kept.move_to_end(key)
            return trace

    def keep(self, request: TraceRequest, trace: TokenTrace) -> None:
        """Keep the trace; the one unused for longest makes room."""
        key = (request, _stamps(request))
        with self._lock:
            self._kept[key] = trace
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT_TRACES:
                self._kept.popitem(last=False)

    def start(self, request: TraceRequest, watcher: str) -> Job[TokenTrace]:
        """Queue the computation, or join the one that another session asked for."""
        key = (request, _stamps(request))
        with self._lock:
            self._running = {known: job for known, job in self._running.items() if not job.done}
            job = self._running.get(key)
            if job is None or not job.watch(watcher):
                job = self._worker.submit(
                    "The comparison",
                    lambda job: self._compute(request, job),
                    watcher=watcher,
                    unwatched=UNWATCHED_SECONDS,
                )
                self._running[key] = job
            return job

    def ahead(self, job: Job[TokenTrace]) -> int:
        """How many computations are before this one."""
        return self._worker.ahead(job)

    def _compute(self, request: TraceRequest, job: Job[TokenTrace]) -> TokenTrace:
        found = self.known(request)
        if found is not None:
            return found
        job.report(0.0, "Loading torch")
        import_libraries()
        from akl_viz.models import ModelPool

        self._pool = self._pool or ModelPool()
        try:
            trace = self._score(self._pool, request, job)
        except OutOfMemory as error:
            sentence = str(error)
        else:
            self.keep(request, trace)
            return trace
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
        self.model_runs += 1
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
