"""Clicks where the run that was asked for ends above the button, as it does where a person goes on at once."""

import pytest
from streamlit.testing.v1 import AppTest


def _page():
    import streamlit as st

    from akl_viz.ui.clicked import clicked, forget_clicks

    if st.session_state.pop("ends early", False):
        st.stop()
    about = st.session_state.setdefault("about", "one")
    if about is not None:
        click = clicked(st, f"Do {about}", "do", about)
        if click:
            if st.session_state.pop("ends midway", False):
                st.stop()
            st.session_state.setdefault("did", []).append(about)
            click.done()
    forget_clicks()


@pytest.fixture
def page():
    return AppTest.from_function(_page, default_timeout=60).run()


def did(page):
    assert not page.exception
    return page.session_state.get("did", [])


def test_a_click_is_done_once(page):
    page.button(key="do").click().run()
    assert did(page.run()) == ["one"]


@pytest.mark.parametrize("where", ["ends early", "ends midway"])
def test_a_click_whose_run_ends_before_it_is_done_is_done_by_the_next_once(page, where):
    page.session_state[where] = True
    page.button(key="do").click().run()
    assert did(page) == []
    assert did(page.run()) == ["one"]
    assert did(page.run()) == ["one"]


@pytest.mark.parametrize("about", ["two", None])
def test_a_click_counts_for_nothing_where_its_button_is_about_something_else_or_gone(page, about):
    page.session_state["ends early"] = True
    page.button(key="do").click().run()
    page.session_state["about"] = about
    page.run()
    page.session_state["about"] = "one"
    assert did(page.run()) == []
