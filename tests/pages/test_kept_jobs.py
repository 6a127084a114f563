"""Jobs by key: shared while they run, kept when they are done, and none takes another one's place."""

import threading
import time

import pytest

from akl_viz.errors import Cancelled, InvalidInput
from akl_viz.ui.jobs import KeptJobs

SECONDS = 10.0


class Slowly:
    """Work that goes on until the test lets it end, and what became of it."""

    def __init__(self):
        self.began, self.stopped, self.go_on = [], [], threading.Event()

    def __call__(self, key, job):
        self.began.append(key)
        try:
            while not self.go_on.wait(0.005):
                job.report(0.5, "Slow")
        except Cancelled:
            self.stopped.append(key)
            raise
        return f"{key}, {len(self.began)}"


@pytest.fixture
def slowly():
    work = Slowly()
    yield work
    work.go_on.set()


def test_who_asks_for_the_same_joins_the_job_and_finds_the_kept_result(slowly):
    jobs = KeptJobs("The run", slowly, most=2)
    first, second = jobs.start("a", "one"), jobs.start("a", "two")
    other = jobs.start("b", "one")
    assert first is second
    assert jobs.known("a") is None
    assert [jobs.ahead(job) for job in (first, other)] == [0, 1]
    slowly.go_on.set()
    assert other.wait(SECONDS)
    assert first.outcome() == jobs.known("a") == "a, 1"
    assert jobs.kept() == [("b", "b, 2"), ("a", "a, 1")]


def test_a_job_that_all_have_left_is_not_joined_and_its_end_leaves_the_new_one_alone(slowly):
    jobs = KeptJobs("The run", slowly, most=2)
    old = jobs.start("a", "one")
    wait_for(lambda: slowly.began)
    old.leave("one")
    new = jobs.start("a", "two")
    assert new is not old
    assert old.wait(SECONDS)
    # The old one has ended: whoever comes now must still find the new one.
    assert jobs.start("a", "three") is new
    slowly.go_on.set()
    assert new.wait(SECONDS)
    assert slowly.stopped == ["a"]
    assert new.outcome() == jobs.known("a") == "a, 2"


def test_a_job_left_while_it_was_queued_is_forgotten(slowly):
    jobs = KeptJobs("The run", slowly, most=2)
    running, queued = jobs.start("a", "one"), jobs.start("b", "one")
    queued.leave("one")
    again = jobs.start("b", "one")
    assert again is not queued
    slowly.go_on.set()
    assert again.wait(SECONDS)
    assert slowly.began == ["a", "b"]
    assert running.outcome() == "a, 1"
    assert again.outcome() == "b, 2"


def test_a_second_job_for_a_known_key_computes_nothing(slowly):
    jobs = KeptJobs("The run", slowly, most=2)
    jobs.keep("a", "from elsewhere")
    job = jobs.start("a", "one")
    assert job.wait(SECONDS)
    assert job.outcome() == "from elsewhere"
    assert slowly.began == []


def test_the_result_unused_for_longest_makes_room(slowly):
    jobs = KeptJobs("The run", slowly, most=2)
    for key in "ab":
        jobs.keep(key, key)
    assert jobs.known("a") == "a"
    jobs.keep("c", "c")
    assert [key for key, _ in jobs.kept()] == ["a", "c"]
    jobs.keep("a", "again")
    jobs.keep("d", "d")
    assert [key for key, _ in jobs.kept()] == ["a", "d"]


def test_a_mistake_is_told_and_not_kept():
    def work(key, job):
        raise InvalidInput(f"{key} is wrong.")

    jobs = KeptJobs("The run", work, most=2)
    for _ in range(2):
        job = jobs.start("a", "one")
        assert job.wait(SECONDS)
        assert job.outcome() == "a is wrong."
    assert jobs.kept() == []


def test_nobody_watching_stops_it_after_the_common_time(slowly, monkeypatch):
    monkeypatch.setattr("akl_viz.ui.jobs.UNWATCHED_SECONDS", 0.05)
    jobs = KeptJobs("The run", slowly, most=2)
    job = jobs.start("a", "one")
    assert job.wait(SECONDS)
    assert job.outcome() == "The run was stopped."


def wait_for(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)
