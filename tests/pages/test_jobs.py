"""Background work: progress, cancel, queue, and sentences instead of tracebacks."""

import threading

import pytest

from akl_viz.errors import InvalidInput
from akl_viz.ui.jobs import UNEXPECTED, Worker

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
