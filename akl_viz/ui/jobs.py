"""Work that outlives a script run: one thread, a queue, progress, cancel.

A job never touches Streamlit; a page polls it. One job runs at a time, since a second one would only take the
cores and the memory of the first; others wait in line.

Watching: a page that wants a job says so at every poll (`Job.watch`) and says when it no longer does (`Job.leave`).
The job stops at its next report when its last watcher has left, or when none of them has polled for `unwatched`
seconds: a closed tab says nothing. A job with `unwatched=None` opts out of both and ends only by itself or `cancel`.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Generic, TypeVar

from akl_viz.errors import AklVizError, Cancelled

T = TypeVar("T")
Key = TypeVar("Key", bound=Hashable)
LOG = logging.getLogger(__name__)
UNEXPECTED = "Something went wrong that AKL Viz did not foresee; the server's log has the details."
UNWATCHED_SECONDS = 150.0
"""How long a job goes on without a poll. Browsers let the timers of a hidden tab run once a minute at worst
(Chromium's intensive throttling, after five minutes), so two polls in a row may be late before a job is lost."""


@dataclass
class Job(Generic[T]):
    """One piece of work: its progress while it runs, then its result or a sentence that says why there is none."""

    label: str
    unwatched: float | None = None
    """Seconds without a watcher's poll after which the job stops; None: it needs no watcher."""
    clock: Callable[[], float] = time.monotonic
    future: Future[T] = field(default_factory=Future)
    stage: str = "Waiting"
    fraction: float = 0.0
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _seen: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def stop_sentence(self) -> str:
        """What is said of a job that was stopped."""
        return f"{self.label} was stopped."

    def watch(self, watcher: str) -> bool:
        """Note that somebody wants the job now; False where it was stopped before, so that it must be asked anew."""
        with self._lock:
            if self._expired():
                self.cancel()
            if self._cancelled.is_set():
                return False
            self._seen[watcher] = self.clock()
            return True

    def leave(self, watcher: str) -> None:
        """Note that somebody no longer wants the job; without a watcher it stops, unless it needs none."""
        with self._lock:
            if self._seen.pop(watcher, None) is not None and not self._seen and self.unwatched is not None:
                self.cancel()

    @property
    def stopped(self) -> bool:
        """Whether the job was told to stop, or nobody has watched it for too long."""
        with self._lock:
            if self._expired():
                self.cancel()
            return self._cancelled.is_set()

    def _expired(self) -> bool:
        """Whether there were watchers and none of them has polled for too long."""
        if self.unwatched is None or not self._seen or self.done:
            return False
        return self.clock() - max(self._seen.values()) > self.unwatched

    def report(self, fraction: float, stage: str) -> None:
        """Record progress (0 to 1). Raises Cancelled where the job was told to stop."""
        if self.stopped:
            raise Cancelled(self.stop_sentence)
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
            return self.stop_sentence
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

    def submit(
        self, label: str, work: Callable[[Job[T]], T], *, watcher: str | None = None, unwatched: float | None = None
    ) -> Job[T]:
        """Queue the work; it is handed its job to report to.

        Args:
            label: the subject of sentences about it: "The comparison".
            work: what to do; it calls `report` often, since a job can stop only there.
            watcher: who wants it first; others join by `Job.watch`.
            unwatched: seconds without a poll after which it stops; None for a job that needs no watcher.
        """
        job: Job[T] = Job(label, unwatched)
        if watcher is not None:
            job.watch(watcher)
        with self._lock:
            self._waiting.append(job)  # type: ignore[arg-type]
        self._queue.put(lambda: self._run(job, work))
        return job

    def ahead(self, job: Job[T]) -> int:
        """How many jobs are before this one in the line, the running one included; stopped ones do not count."""
        with self._lock:
            before = list(takewhile(lambda other: other is not job, self._waiting))
            listed = len(before) < len(self._waiting)
        # A running job that was told to stop still holds the line until its next report.
        return sum(not other.stopped or other.future.running() for other in before) if listed else 0

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
            # A kept error must not keep the frames it passed, and with them the models they held.
            error.__cause__ = error.__context__ = None
            job.future.set_exception(error.with_traceback(None))
        finally:
            with self._lock:
                self._waiting = [other for other in self._waiting if other is not job]


class KeptJobs(Generic[Key, T]):
    """Results by key: some are kept, one is computed at a time, sessions that ask for the same one share its job."""

    def __init__(self, label: str, work: Callable[[Key, Job[T]], T], most: int) -> None:
        """Start the thread that computes.

        Args:
            label: the subject of sentences about a job: "The comparison".
            work: computes the result of a key; it calls the job's `report` often.
            most: results kept; the one unused for longest makes room.
        """
        self._label, self._work, self._most = label, work, most
        self._kept: OrderedDict[Key, T] = OrderedDict()
        self._running: dict[Key, Job[T]] = {}
        self._lock = threading.Lock()
        self._worker = Worker(label)

    def known(self, key: Key) -> T | None:
        """The kept result."""
        with self._lock:
            result = self._kept.get(key)
            if result is not None:
                self._kept.move_to_end(key)
            return result

    def kept(self) -> list[tuple[Key, T]]:
        """Every kept result, the one unused for longest first."""
        with self._lock:
            return list(self._kept.items())

    def keep(self, key: Key, result: T) -> None:
        """Keep a result that came from elsewhere, as one does that was computed here."""
        with self._lock:
            self._kept[key] = result
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def start(self, key: Key, watcher: str) -> Job[T]:
        """Queue the computation, or join the one that another session asked for.

        A job that stops while nobody watches it is no longer joined: a new one takes its place.
        """
        with self._lock:
            self._running = {known: job for known, job in self._running.items() if not job.done}
            job = self._running.get(key)
            if job is None or not job.watch(watcher):
                job = self._worker.submit(
                    self._label, lambda own: self._computed(key, own), watcher=watcher, unwatched=UNWATCHED_SECONDS
                )
                self._running[key] = job
            return job

    def ahead(self, job: Job[T]) -> int:
        """How many computations are before this one."""
        return self._worker.ahead(job)

    def _computed(self, key: Key, job: Job[T]) -> T:
        """The result, computed unless a job before this one did so."""
        result = self.known(key)
        if result is None:
            result = self._work(key, job)
            self.keep(key, result)
        return result
