"""Sessions and the job they wait for: shared where they ask for the same, stopped when nobody wants it."""

import threading
import time
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from akl_viz.errors import Cancelled, InvalidInput, OutOfMemory
from akl_viz.records import Settings
from akl_viz.ui import jobs, waiting
from akl_viz.ui.jobs import KeptJobs
from akl_viz.ui.tracing import TraceRequest, TraceService
from tests.traces import made_trace

SECONDS = 20.0
SLOW = TraceRequest("t", "s", "slow", Settings())
OTHER = replace(SLOW, text="other")


class SlowService(TraceService):
    """Each computation goes on until the test lets it end or it is stopped."""

    def __init__(self):
        super().__init__()
        self.began, self.ended, self.go_on = [], [], threading.Event()

    def _compute(self, request, job):
        self.began.append(request.text)
        try:
            while not self.go_on.wait(0.01):
                job.report(0.5, "Slow")
            self.keep(request, made_trace(25))
            return made_trace(25)
        finally:
            self.ended.append(request.text)


@pytest.fixture
def slow(monkeypatch):
    made = SlowService()
    monkeypatch.setattr(waiting, "service", lambda: made)
    monkeypatch.setattr(waiting, "QUICK_SECONDS", 0.05)
    yield made
    made.go_on.set()


def page():
    import streamlit as st

    from akl_viz.ui import waiting

    with waiting.one_run():
        if st.session_state.get("here", True):
            _, current = waiting.trace_for(st.session_state.wanted)
            st.text("current" if current else "old")


def session(wanted):
    app = AppTest.from_function(page, default_timeout=SECONDS)
    app.session_state.wanted = wanted
    return app.run()


def until(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def test_two_sessions_share_one_job_and_its_result(slow):
    first, second = session(SLOW), session(SLOW)
    slow.go_on.set()
    until(lambda: slow.ended)
    assert [app.run().text[0].value for app in (first, second)] == ["current", "current"]
    assert slow.began == ["slow"]


@pytest.mark.parametrize("wanted", [None, OTHER, "known"])
def test_another_request_a_known_one_or_none_stops_the_job(slow, wanted):
    if wanted == "known":
        wanted = replace(SLOW, text="known")
        slow.keep(wanted, made_trace(25))
    app = session(SLOW)
    until(lambda: slow.began == ["slow"])
    app.session_state.wanted = wanted
    app.run()
    until(lambda: slow.ended == ["slow"])
    assert slow.known(SLOW) is None


def test_leaving_the_page_stops_the_job(slow):
    app = session(SLOW)
    until(lambda: slow.began)
    app.session_state.here = False
    app.run()
    until(lambda: slow.ended)


def test_a_job_that_another_session_wants_goes_on_when_one_leaves(slow):
    first, second = session(SLOW), session(SLOW)
    until(lambda: slow.began)
    first.button(key="tokens.stop").click().run()
    assert first.info[0].value == r"The comparison was stopped\."
    assert slow.ended == []
    second.session_state.wanted = None
    second.run()
    until(lambda: slow.ended)


def test_after_stop_a_person_can_try_again(slow):
    app = session(SLOW)
    app.button(key="tokens.stop").click().run()
    until(lambda: slow.ended)
    slow.go_on.set()
    app.button(key="tokens.retry").click().run()
    until(lambda: slow.known(SLOW) is not None)
    assert app.run().text[0].value == "current"


def test_a_job_that_stopped_while_the_tab_was_frozen_starts_anew(slow, monkeypatch):
    monkeypatch.setattr(jobs, "UNWATCHED_SECONDS", 0.2)
    app = session(SLOW)
    until(lambda: slow.ended)
    monkeypatch.setattr(jobs, "UNWATCHED_SECONDS", 60.0)
    app.run()
    until(lambda: slow.began == ["slow", "slow"])


def test_two_pages_of_one_session_wait_apart_and_each_leaves_its_own_job(monkeypatch):
    go_on, stopped = threading.Event(), []

    def work(key, job):
        try:
            while not go_on.wait(0.01):
                job.report(0.5, "Slow")
        except Cancelled:
            stopped.append(key)
            raise
        return key.upper()

    monkeypatch.setattr(waiting, "QUICK_SECONDS", 0.05)
    made = {"one": KeptJobs("The sum", work, 3), "two": KeptJobs("The run", work, 3)}
    app = AppTest.from_function(two_pages, default_timeout=SECONDS)
    app.session_state.jobs = made
    app.session_state.wanted = {"one": "a", "two": "b"}
    app.run()
    app.session_state.wanted = {"one": "a"}
    app.run()
    until(lambda: stopped == ["b"])
    go_on.set()
    until(lambda: made["one"].known("a"))
    assert app.run().text[0].value == "A"
    assert "waiting.job.one" not in app.session_state


def two_pages():
    import streamlit as st

    from akl_viz.ui.waiting import Waiting, one_run

    with one_run():
        for page, key in st.session_state.wanted.items():
            st.text(Waiting(page, "run", lambda page=page: st.session_state.jobs[page]).result(key))


def test_a_job_that_failed_is_not_run_again_by_every_run_of_its_page(monkeypatch):
    ran = []

    def work(key, job):
        ran.append(key)
        raise InvalidInput("No.")

    app = AppTest.from_function(two_pages, default_timeout=SECONDS)
    app.session_state.jobs = {"one": KeptJobs("The sum", work, 3)}
    app.session_state.wanted = {"one": "a"}
    app.run()
    app.run()
    assert app.error[0].value == r"No\."
    assert ran == ["a"]
    app.button(key="one.retry").click().run()
    assert ran == ["a", "a"]


def test_running_out_of_memory_lets_the_models_go_and_says_so(monkeypatch):
    service = TraceService()

    def fails(pool, request, job):
        pool._held["model"] = object()
        raise OutOfMemory("Memory ended.")

    monkeypatch.setattr(service, "_score", fails)
    job = service.start(SLOW, "me")
    assert job.wait(SECONDS)
    assert job.outcome() == "Memory ended."
    assert len(service._pool) == 0


def notes_page():
    import streamlit as st

    from akl_viz.ui import results

    results.models_line(st.session_state.trace)


def test_what_is_noted_about_a_model_stands_below_the_models_as_plain_text():
    trace = made_trace(25)
    app = AppTest.from_function(notes_page)
    app.session_state.trace = replace(trace, student=replace(trace.student, notes=("*One* tensor is not used.",)))
    assert [line.value for line in app.run().caption] == [r"\*One\* tensor is not used\."]
