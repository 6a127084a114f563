"""A run that is left says so; one that ended or was stopped by hand does not."""

import threading

import pytest
from streamlit.testing.v1 import AppTest

from akl_viz.ui.capacity.runs import RunJobs


def _page():
    import streamlit as st

    from akl_viz.ui.capacity.state import OWN, STORED, Wanted
    from akl_viz.ui.capacity.waiting import result_for
    from akl_viz.ui.waiting import one_run

    with one_run():
        source = st.selectbox("source", [OWN, STORED], key="source")
        result_for(Wanted(source=source, steps=st.number_input("steps", value=600, key="steps")))


@pytest.fixture
def page(monkeypatch):
    """The controls' answer over runs that go on until they are stopped."""
    ended = threading.Event()

    def train(config, job):
        while not ended.wait(0.01):
            job.report(0.5, "training")
        return config

    jobs = RunJobs("The run", train, 8)
    monkeypatch.setattr("akl_viz.ui.capacity.waiting.runs", lambda: jobs)
    monkeypatch.setattr("akl_viz.ui.waiting.QUICK_SECONDS", 0.05)
    page = AppTest.from_function(_page, default_timeout=60).run()
    page.ended = ended
    yield page
    ended.set()


def started(page):
    assert not page.info
    page.button(key="capacity.run").click().run()
    assert not page.exception
    assert page.button(key="capacity.stop")


def told(page):
    assert not page.exception
    return [one.value for one in page.info]


def test_a_run_that_a_changed_setting_stopped_is_told_of_until_another_starts(page):
    started(page)
    page.number_input(key="steps").set_value(700).run()
    sentence = "The run was stopped, as its settings were changed: press *Run* to start one with these settings."
    assert told(page) == [sentence]
    page.number_input(key="steps").set_value(600).run()
    assert told(page) == [sentence]
    page.button(key="capacity.run").click().run()
    assert told(page) == []
    assert page.button(key="capacity.stop")


def test_a_run_that_gave_way_to_the_stored_result_is_told_of_on_the_way_back(page):
    started(page)
    page.selectbox(key="source").select("stored").run()
    assert told(page) == []
    page.selectbox(key="source").select("own").run()
    assert told(page) == [
        "The run was stopped, as it was no longer on the page: press *Run* to start one with these settings."
    ]


def test_a_run_stopped_by_hand_is_told_of_once(page):
    started(page)
    page.button(key="capacity.stop").click().run()
    page.run()
    assert told(page) == ["The run was stopped\\."]
    page.number_input(key="steps").set_value(700).run()
    assert told(page) == []


def test_a_run_that_ended_is_not_called_stopped(page):
    started(page)
    page.ended.set()
    page.run()
    page.number_input(key="steps").set_value(700).run()
    assert told(page) == []


def test_a_number_out_of_range_is_a_sentence(page):
    page.number_input(key="steps").set_value(10**9).run()
    assert not page.exception
    assert [one.value for one in page.error] == [
        r"The number of Adam steps must be from 1 to 3\,000\, not 1\,000\,000\,000\."
    ]
