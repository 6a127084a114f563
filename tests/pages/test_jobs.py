"""Background work: progress, cancel, queue, and sentences instead of tracebacks."""

import threading
import weakref

import pytest

from akl_viz.errors import Cancelled, InvalidInput
from akl_viz.ui.jobs import UNEXPECTED, Job, Worker

SECONDS = 10.0


@pytest.fixture
def worker():
    return Worker("test")


def test_a_result_comes_back(worker):
    job = worker.submit("Adding", lambda job: 1 + 1)
    assert job.wait(SECONDS)
    assert job.outcome() == 2


def test_progress_is_what_was_reported_last_and_stays_in_range(worker):
    def work(job):
        job.report(0.25, "a quarter")
        job.report(7.0, "too much")

    job = worker.submit("Counting", work)
    job.wait(SECONDS)
    assert (job.fraction, job.stage) == (1.0, "too much")


def test_a_users_mistake_is_its_own_sentence(worker):
    def work(job):
        raise InvalidInput("mu must lie between 0 and 1.")

    job = worker.submit("Comparing", work)
    job.wait(SECONDS)
    assert job.outcome() == "mu must lie between 0 and 1."


def test_an_unforeseen_error_shows_no_internals_and_goes_to_the_log(worker, caplog):
    def work(job):
        raise KeyError("secret path")

    job = worker.submit("Comparing", work)
    job.wait(SECONDS)
    assert job.outcome() == UNEXPECTED
    assert "secret path" in caplog.text


def test_a_cancelled_job_stops_at_its_next_report(worker):
    started, go_on = threading.Event(), threading.Event()
    steps = []

    def work(job):
        started.set()
        go_on.wait(SECONDS)
        job.report(0.5, "half")
        steps.append("went on")

    job = worker.submit("The comparison", work)
    assert started.wait(SECONDS)
    job.cancel()
    go_on.set()
    assert job.wait(SECONDS)
    assert job.outcome() == "The comparison was stopped."
    assert steps == []


def test_a_job_cancelled_in_the_queue_never_starts(worker):
    go_on = threading.Event()
    ran = []
    first = worker.submit("First", lambda job: go_on.wait(SECONDS))
    second = worker.submit("Second", lambda job: ran.append(1))
    second.cancel()
    go_on.set()
    third = worker.submit("Third", lambda job: "done")
    assert third.wait(SECONDS)
    assert first.done
    assert ran == []
    assert second.outcome() == "Second was stopped."


def test_others_wait_and_know_their_place(worker):
    go_on = threading.Event()
    first = worker.submit("First", lambda job: go_on.wait(SECONDS))
    second = worker.submit("Second", lambda job: None)
    third = worker.submit("Third", lambda job: None)
    assert [worker.ahead(job) for job in (first, second, third)] == [0, 1, 2]
    go_on.set()
    assert third.wait(SECONDS)
    assert worker.ahead(third) == 0


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def watched():
    """A job with two watchers that may be unseen for ten seconds, and its clock."""
    clock = Clock()
    job = Job("The comparison", unwatched=10.0, clock=clock)
    assert job.watch("a")
    assert job.watch("b")
    return job, clock


def test_a_job_with_two_watchers_stops_when_neither_wants_it(watched):
    job, _ = watched
    job.leave("a")
    job.leave("a")
    job.report(0.5, "half")
    job.leave("b")
    with pytest.raises(Cancelled):
        job.report(0.6, "more")
    assert not job.watch("a")


def test_one_watcher_that_polls_keeps_the_job_and_silence_of_all_stops_it(watched):
    job, clock = watched
    for clock.now in (9.0, 18.0, 27.0):
        assert job.watch("b")
    clock.now = 37.0
    job.report(0.5, "on time")
    clock.now = 37.1
    with pytest.raises(Cancelled):
        job.report(0.6, "too late")


def test_leaving_without_having_watched_stops_nothing(watched):
    job, _ = watched
    job.leave("stranger")
    assert not job.stopped


def test_a_job_that_needs_no_watcher_outlives_all_of_them():
    clock = Clock()
    job = Job("The run", clock=clock)
    job.watch("a")
    clock.now = 1e9
    job.report(0.5, "half")
    job.leave("a")
    job.report(0.6, "more")


def test_a_stopped_job_in_the_line_does_not_count_but_a_running_one_does_until_it_ends(worker):
    started, go_on = threading.Event(), threading.Event()

    def hold(job):
        started.set()
        go_on.wait(SECONDS)

    first = worker.submit("First", hold)
    second = worker.submit("Second", lambda job: None, watcher="a", unwatched=60.0)
    third = worker.submit("Third", lambda job: None)
    assert started.wait(SECONDS)
    second.leave("a")
    assert worker.ahead(third) == 1
    first.cancel()
    assert worker.ahead(third) == 1
    go_on.set()
    assert third.wait(SECONDS)
    assert worker.ahead(third) == 0


def test_a_kept_error_keeps_nothing_that_the_work_held(worker):
    class Model:
        pass

    held = []

    def work(job):
        model = Model()
        held.append(weakref.ref(model))
        try:
            raise KeyError("inside")
        except KeyError as error:
            raise InvalidInput("A sentence.") from error

    job = worker.submit("Comparing", work)
    assert job.wait(SECONDS)
    worker.submit("Next", lambda job: None).wait(SECONDS)
    assert job.outcome() == "A sentence."
    assert held[0]() is None
