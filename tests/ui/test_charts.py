"""The charts of a page come after its first results, once per session."""

import pytest
from streamlit.testing.v1 import AppTest

from akl_viz.ui import charts


def page():
    import plotly.graph_objects as go
    import streamlit as st

    from akl_viz.ui import charts

    st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    charts.chart(go.Figure(layout={"height": 260}), key="one", alt="nothing", config={})
    st.text("first result")
    charts.head_start()
    charts.send()


@pytest.fixture
def waited(monkeypatch):
    found = []
    monkeypatch.setattr(charts, "sleep", found.append)
    return found


def test_the_first_page_of_a_session_is_sent_before_its_charts(waited):
    app = AppTest.from_function(page).run(timeout=30)
    assert app.session_state["runs"] == 2
    assert waited == [charts.HEAD_START_S]
    assert [one.value for one in app.text] == ["first result"]
    assert len(app.get("plotly_chart")) == 1


def test_later_runs_draw_at_once(waited):
    app = AppTest.from_function(page).run(timeout=30)
    app.run()
    assert app.session_state["runs"] == 3
    assert len(waited) == 1
    assert len(app.get("plotly_chart")) == 1
