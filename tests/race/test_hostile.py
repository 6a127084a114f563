"""A run's name comes from an address: nothing in it reaches the page as Markdown, and a stop says what is left."""

from streamlit.testing.v1 import AppTest

from akl_viz.cli.distill import _way_on
from akl_viz.distill import RunStore
from akl_viz.ui.plain import plain

HOSTILE = "![x](http://example.invalid/a.png) **bold**"


def _page():
    import streamlit as st

    from akl_viz.ui.race.live import show

    show(st.session_state["name"])


def shown(name):
    page = AppTest.from_function(_page, default_timeout=60)
    page.session_state["name"] = name
    page.run()
    assert not page.exception
    return page


def test_a_name_from_an_address_is_no_markdown(root):
    page = shown(HOSTILE)
    assert len(page.subheader) == 0
    (sentence,) = page.error
    assert "![" not in sentence.value


def test_the_name_of_a_run_is_no_markdown(root):
    name = HOSTILE.replace("/", "")
    store = RunStore.create(root / name, losses=["mine"])
    store.finish("stopped")
    store.close()
    assert shown(name).subheader[0].value == plain(name)


def test_a_run_stopped_before_its_folder_began_is_not_said_to_be_resumable(tmp_path):
    assert "--resume" not in _way_on(tmp_path / "nothing")
