"""Work that outlives a script run: one thread, a queue, progress, cancel.

A job never touches Streamlit; a page polls it. One job runs at a time, since a second one would only take the
cores and the memory of the first; others wait in line.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from akl_viz.errors import AklVizError, Cancelled

T = TypeVar("T")
LOG = logging.getLogger(__name__)
UNEXPECTED = "Something went wrong that AKL Viz did not foresee; the server's log has the details."


@dataclass
class Job(Generic[T]):
    """One piece of work: its progress while it runs, then its result or a sentence that says why there is none."""

    label: str
    future: Future[T] = field(default_factory=Future)
    stage: str = "Waiting"
    fraction: float = 0.0
    _cancelled: threading.Event = field(default_factory=threading.Event)

    def report(self, fraction: float, stage: str) -> None:
        """Record progress (0 to 1). Raises Cancelled where the job was told to stop."""
        if self._cancelled.is_set():
            raise Cancelled(f"{self.label} was stopped.")
        self.fraction, self.stage = min(1.0, max(0.0, fraction)), stage

    def cancel(self) -> None:
        """Ask the job to stop; it does at its next report."""
        self._cancelled.set()
        self.future.cancel()

    @property
    def done(self) -> bool:
        """Whether there is a result, an error or a cancellation."""
        return self.future.done()

    def wait(self, seconds: float) -> bool:
        """Wait at most that long; return whether the job is done."""
        finished = threading.Event()
        self.future.add_done_callback(lambda _: finished.set())
        return finished.wait(seconds)

    def outcome(self) -> T | str:
        """The result, or the sentence to show. Call it when done."""
        if self.future.cancelled():
            return f"{self.label} was stopped."
        error = self.future.exception()
        if error is None:
            return self.future.result()
        return str(error) if isinstance(error, AklVizError) else UNEXPECTED


class Worker:
    """Runs jobs one after the other in a thread of its own."""

    def __init__(self, name: str) -> None:
        self._queue: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting: list[Job[object]] = []
        # A daemon: the server must be able to stop while a job runs.
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    def _serve(self) -> None:
        while True:
            self._queue.get()()

    def submit(self, label: str, work: Callable[[Job[T]], T]) -> Job[T]:
        """Queue the work; it is handed its job to report to."""
        job: Job[T] = Job(label)
        with self._lock:
            self._waiting.append(job)  # type: ignore[arg-type]
        self._queue.put(lambda: self._run(job, work))
        return job

    def ahead(self, job: Job[T]) -> int:
        """How many jobs are before this one in the line, the running one included."""
        with self._lock:
            return next((place for place, other in enumerate(self._waiting) if other is job), 0)

    def _run(self, job: Job[T], work: Callable[[Job[T]], T]) -> None:
        try:
            if not job.future.set_running_or_notify_cancel():
                return
            job.report(0.0, "Starting")
            job.future.set_result(work(job))
        except BaseException as error:
            # A worker thread hands every error to its job; nobody else would see it.
            if not isinstance(error, AklVizError):
                LOG.exception("job %r failed", job.label)
            job.future.set_exception(error)
        finally:
            with self._lock:
                self._waiting = [other for other in self._waiting if other is not job]
