"""What stands below a first result comes after it, and the charts of a page last; once per session."""

import pytest
from streamlit.testing.v1 import AppTest

from akl_viz.ui import charts


def app():
    import plotly.graph_objects as go
    import streamlit as st

    from akl_viz.ui import charts

    def plain():
        st.text("first result")
        charts.head_start("plain")
        st.text("below")

    def drawn():
        st.session_state["runs"] = st.session_state.get("runs", 0) + 1
        charts.chart(go.Figure(layout={"height": 260}), key="one", alt="nothing", file="one")
        st.text("first result")
        charts.head_start("drawn")
        st.text("below")
        charts.send("drawn")

    pages = {"plain": plain, "drawn": drawn}
    pages[st.session_state["page"]]()


@pytest.fixture
def waited(monkeypatch):
    found = []
    monkeypatch.setattr(charts, "sleep", found.append)
    return found


def opened(page):
    test = AppTest.from_function(app)
    test.session_state["page"] = page
    return test.run(timeout=30)


def test_the_first_page_of_a_session_is_sent_before_its_charts(waited):
    test = opened("drawn")
    assert test.session_state["runs"] == 2
    assert waited == [charts.HEAD_START_S]
    assert [one.value for one in test.text] == ["first result", "below"]
    assert len(test.get("plotly_chart")) == 1


def test_later_runs_draw_at_once(waited):
    test = opened("drawn").run()
    assert test.session_state["runs"] == 3
    assert len(waited) == 1
    assert len(test.get("plotly_chart")) == 1


def test_charts_wait_for_their_own_page_and_what_has_none_waits_once(waited):
    test = opened("plain").run()
    assert len(waited) == 1
    test.session_state["page"] = "drawn"
    test.run()
    assert test.session_state["runs"] == 2
    assert waited == [charts.HEAD_START_S] * 2
    test.session_state["page"] = "plain"
    test.run()
    assert len(waited) == 2
