"""Results of the page: the stored one, those kept from before, and those computed in the background."""

from __future__ import annotations

import threading
from collections import OrderedDict

import streamlit as st

from akl_viz.models.warm import import_libraries
from akl_viz.toys import LowRankConfig, LowRankResult, stored_lowrank
from akl_viz.ui.jobs import Job, Worker

KEPT = 8
UNWATCHED_SECONDS = 150.0
"""How long a run goes on without a poll: browsers let the timers of a hidden tab run once a minute at worst."""


class Runs:
    """Runs of this server: a few results are kept, one is computed at a time."""

    def __init__(self) -> None:
        self._kept: OrderedDict[LowRankConfig, LowRankResult] = OrderedDict()
        self._running: dict[LowRankConfig, Job[LowRankResult]] = {}
        self._lock = threading.Lock()
        self._worker = Worker("capacity")

    def known(self, config: LowRankConfig) -> LowRankResult | None:
        """The result of an earlier run with the same settings."""
        with self._lock:
            found = self._kept.get(config)
            if found is not None:
                self._kept.move_to_end(config)
            return found

    def start(self, config: LowRankConfig, watcher: str) -> Job[LowRankResult]:
        """The job of these settings: one that runs already is joined."""
        with self._lock:
            job = self._running.get(config)
            if job is not None and not job.done and job.watch(watcher):
                return job
            job = self._worker.submit(
                "The run", lambda own: self._run(config, own), watcher=watcher, unwatched=UNWATCHED_SECONDS
            )
            self._running[config] = job
            return job

    def ahead(self, job: Job[LowRankResult]) -> int:
        """How many runs are before this one."""
        return self._worker.ahead(job)

    def _run(self, config: LowRankConfig, job: Job[LowRankResult]) -> LowRankResult:
        job.report(0.0, "Importing the mathematics")
        import_libraries()
        from akl_viz.toys import run_lowrank
        from akl_viz.toys.threads import one_core

        students = len(config.losses) * len(config.ranks)

        def tell(share: float) -> None:
            at = min(int(share * students), students - 1)
            loss, rank = config.losses[at // len(config.ranks)], config.ranks[at % len(config.ranks)]
            job.report(share, f"{share:.0%}: {loss}, rank {rank}, {config.seeds} seeds at once")

        try:
            with one_core():
                result = run_lowrank(config, progress=tell, cancelled=lambda: job.stopped)
        finally:
            with self._lock:
                self._running.pop(config, None)
        with self._lock:
            self._kept[config] = result
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return result


@st.cache_resource(show_spinner=False)
def runs() -> Runs:
    """The runs of this server."""
    return Runs()


@st.cache_resource(show_spinner=False)
def stored() -> LowRankResult:
    """The result that comes with the project. Raises InvalidInput where it is missing or damaged."""
    return stored_lowrank()
