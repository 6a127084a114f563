"""Which addresses a page follows: those somebody went to, not those a slow browser still had."""

import pytest
from streamlit.testing.v1 import AppTest


def _page():
    import streamlit as st

    from akl_viz.ui import followed, moved

    moved.enter(st.session_state.get("page", "here"))
    if st.session_state.get("by_back"):
        from unittest.mock import patch

        with patch.object(moved, "came", lambda: True):
            went = followed.take("here", "run", "config")
    else:
        went = followed.take("here", "run", "config")
    st.session_state["went"] = went
    if followed.gone("here", "run"):
        st.session_state["shown"] = None
    if went is not None:
        st.session_state["shown"] = went
    if "chosen" in st.session_state:
        st.session_state["shown"] = st.session_state.pop("chosen")
    followed.write("here", "run", st.session_state.get("shown"))


@pytest.fixture
def page():
    found = AppTest.from_function(_page)
    found.query_params["run"] = "a"
    assert shown(found) == "a"
    return found


def shown(page):
    page.run()
    assert not page.exception
    return page.session_state["shown"]


def choose(page, name):
    page.session_state["chosen"] = name
    return shown(page)


def test_an_address_from_before_the_last_choice_is_not_gone_back_to(page):
    assert choose(page, "b") == "b"
    for late in ("a", "b", "a"):
        page.query_params["run"] = late
        assert shown(page) == "b"
        assert page.query_params["run"] == "b"


def test_back_goes_to_what_stood_there_before(page):
    choose(page, "b")
    page.query_params["run"] = "a"
    page.session_state["by_back"] = True
    assert shown(page) == "a"


def test_back_to_an_address_without_it_takes_it_out_once(page):
    del page.query_params["run"]
    assert shown(page) == "a"
    del page.query_params["run"]
    page.session_state["by_back"] = True
    assert shown(page) is None
    page.session_state["by_back"] = False
    assert choose(page, "b") == "b"
    assert shown(page) == "b"


def test_a_link_from_another_page_is_followed(page):
    choose(page, "b")
    page.session_state["page"] = "elsewhere"
    page.query_params["run"] = "a"
    assert shown(page) == "a"


def test_an_address_that_was_never_there_is_followed_once(page):
    page.query_params["run"] = "c"
    assert shown(page) == "c"
    assert choose(page, "d") == "d"
    page.query_params["run"] = "c"
    assert shown(page) == "d"


def test_an_address_is_still_followed_when_its_run_of_the_page_ended_before_it_was_taken(page):
    choose(page, "b")
    page.query_params["config"] = "wanted"
    shown(page)

    def _later():
        import streamlit as st

        from akl_viz.ui import followed

        st.session_state["later"] = followed.take("here", "config")

    assert page.session_state["went"] is None
    other = AppTest.from_function(_later)
    other.session_state["followed"] = page.session_state["followed"]
    other.run()
    assert other.session_state["later"] == "wanted"
    other.run()
    assert other.session_state["later"] is None
