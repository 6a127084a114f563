"""Start: one press, one run, also where an impatient hand presses twice."""

import json
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from akl_viz.distill import DistillConfig
from akl_viz.ui.race.service import service
from akl_viz.ui.race.start import TWICE_SECONDS
from tests.checkpoints import save_llama
from tests.race.conftest import toy_config, wait_for

LONG = 100_000


def _page():
    import streamlit as st

    from akl_viz.ui.race.start import start_row

    start_row(st.session_state["config"])


@pytest.fixture
def page(root):
    """Start for a long run, not yet pressed; whatever it starts is ended."""
    found = AppTest.from_function(_page, default_timeout=60)
    found.session_state["config"] = toy_config(steps=LONG)
    yield found.run()
    for race in service().active():
        service().stop(race)
    wait_for(lambda: not service().active())


def pressed(page, config=None):
    """The runs that wait or train after a press of Start."""
    if config is not None:
        page.session_state["config"] = config
    page.button(key="race.start").click().run()
    assert not page.exception
    return service().active()


def test_a_second_press_shows_the_run_of_the_first(page):
    (first,) = pressed(page)
    page.session_state["race.shown"].name = None
    assert pressed(page) == [first]
    assert page.session_state["race.shown"].name == first.name


def test_a_second_press_long_after_is_one_as_long_as_no_step_was_taken(page):
    assert len(pressed(page)) == 1
    # It waits for the first one.
    assert len(pressed(page, toy_config(steps=LONG, seed=1))) == 2
    page.session_state["race.press"].when -= TWICE_SECONDS
    assert len(pressed(page)) == 2


def test_other_settings_are_another_run(page):
    assert len(pressed(page)) == 1
    assert len(pressed(page, toy_config(steps=LONG, seed=1))) == 2


def test_the_same_again_is_another_run_once_the_first_trains(page):
    (first,) = pressed(page)
    wait_for(lambda: first.latest)
    page.session_state["race.press"].when -= TWICE_SECONDS
    assert len(pressed(page)) == 2


def test_the_same_again_is_another_run_once_the_first_is_stopped(page):
    (first,) = pressed(page)
    service().stop(first)
    assert pressed(page)[-1] is not first


def test_another_session_may_start_the_same(page):
    assert len(pressed(page)) == 1
    other = AppTest.from_function(_page, default_timeout=60)
    other.session_state["config"] = toy_config(steps=LONG)
    assert len(pressed(other.run())) == 2


@pytest.mark.parametrize("said", ["64", None, [64], {"rows": 64}, -1, True])
def test_a_vocabulary_that_is_no_number_of_tokens_leaves_the_cost_unknown(tmp_path, monkeypatch, page, said):
    monkeypatch.setenv("AKL_VIZ_ROOTS", str(tmp_path))
    monkeypatch.setenv("AKL_VIZ_ALLOW", "bundled,local")
    folder = save_llama(tmp_path / "odd", 0)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": said}))
    page.session_state["config"] = replace(DistillConfig(), teacher=str(folder), student=str(folder))
    page.run()
    assert not page.exception
    assert "Time and memory are unknown" in page.markdown[0].value
