"""The inspector's controls: a text that is not scored is refused in a sentence."""

import pytest
from streamlit.testing.v1 import AppTest

from akl_viz.ui.permalink import MAX_TEXT, pack_text


def _page():
    import streamlit as st

    from akl_viz.ui import controls

    st.session_state["asked"] = controls.trace_request()


@pytest.fixture
def page():
    return AppTest.from_function(_page, default_timeout=60)


def asked(page):
    page.run()
    assert not page.exception
    return page.session_state["asked"]


@pytest.mark.parametrize("length", [MAX_TEXT + 1, 10 * MAX_TEXT])
def test_a_text_over_the_limit_is_refused_aloud_wherever_it_comes_from(page, length):
    page.query_params["passage"], page.query_params["text"] = "own", pack_text("a" * length)
    assert asked(page) is None
    assert [box.value.replace("\\", "") for box in page.error] == [
        f"The text has more than the {MAX_TEXT:,} characters that are scored here: shorten it, or score a file of it "
        "with akl-viz inspect."
    ]
    page.slider(key="mu").set_value(0.7)
    page.text_area(key="tokens.text").set_value("Short enough.")
    request = asked(page)
    assert (request.text, request.settings.mu, len(page.error)) == ("Short enough.", 0.7, 0)
    page.text_area(key="tokens.text").set_value("b" * length)
    assert asked(page) is None
    assert len(page.error) == 1


def test_a_text_of_the_largest_length_is_taken_whole(page):
    page.query_params["passage"], page.query_params["text"] = "own", pack_text("a" * MAX_TEXT)
    assert asked(page).text == "a" * MAX_TEXT


def test_a_text_from_before_the_last_one_does_not_come_back_with_a_late_address(page):
    page.query_params["passage"], page.query_params["text"] = "own", pack_text("The first text.")
    assert asked(page).text == "The first text."
    before = page.query_params["text"]
    page.text_area(key="tokens.text").set_value("The second text.")
    assert asked(page).text == "The second text."
    page.query_params["text"] = before
    assert asked(page).text == "The second text."
