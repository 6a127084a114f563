"""The buttons of a run that goes on: no click is lost, whatever else the page is about to do."""

import pytest
from streamlit.testing.v1 import AppTest

from akl_viz.distill import RunStore
from akl_viz.distill.records import ProbeRow
from akl_viz.ui.plain import plain
from akl_viz.ui.race.service import service
from tests.race.conftest import toy_config, wait_for


def _page():
    import time

    import streamlit as st

    from akl_viz.ui.race import live
    from akl_viz.ui.race.service import service

    race = service().find(st.session_state["name"])
    if race is None:
        st.stop()
    # As the page does where it runs as a whole; a poll of the state alone finds what was drawn before.
    if not st.session_state.pop("poll", False):
        st.session_state[live._DRAWN] = (race.name, race.probes, time.monotonic())
    live._live(race.name)


@pytest.fixture
def race(tmp_path, monkeypatch):
    """A run that goes on until it is stopped."""
    monkeypatch.setenv("AKL_VIZ_RUNS", str(tmp_path))
    service.clear()
    found = service().start(toy_config(steps=100_000, losses=("forward_kl",)))
    wait_for(lambda: found.state == "running")
    yield found
    service().stop(found)
    wait_for(lambda: not service().active())
    service.clear()


def shown(race):
    page = AppTest.from_function(_page, default_timeout=60)
    page.session_state["name"] = race.name
    page.run()
    assert not page.exception
    return page


@pytest.mark.parametrize(
    ("key", "done"),
    [("race.pause", lambda race: race.control.paused), ("race.stop", lambda race: race.control.stopping)],
)
def test_a_click_counts_where_new_measurements_are_to_be_drawn(race, key, done):
    page = shown(race)
    page.session_state["race.drawn"] = (race.name, -1, 0.0)
    page.session_state["poll"] = True
    page.button(key=key).click().run()
    assert not page.exception
    assert done(race)


def test_pause_and_go_on_are_one_button_which_keeps_the_focus(race):
    page = shown(race)
    before = page.button(key="race.pause")
    before.click().run()
    after = page.button(key="race.pause")
    assert (before.label, after.label, before.proto.id == after.proto.id) == ("Pause", "Go on", True)
    assert race.control.paused
    after.click().run()
    assert not race.control.paused


def _shown():
    import streamlit as st

    from akl_viz.ui.race import live

    live.show(st.session_state["name"])


def test_what_a_run_does_not_use_is_said_on_its_page(root):
    said = ["rows.jsonl: not used of its columns: ![x](http://elsewhere) in 2 of 3 rows.", "A row is left out."]
    store = RunStore.create(root / "mine", losses=["mine"])
    store.update(notes=[*said, *(f"note {number}" for number in range(11)), 7, None])
    store.row("mine", 0, ProbeRow(0.9, 0.8, 0.5, 0.4, 0.6, 0.7, 20.0, 2.0), seconds=0.0, tokens=0, train_loss=0.5)
    store.finish("finished")
    store.close()
    page = AppTest.from_function(_shown, default_timeout=60)
    page.session_state["name"] = "mine"
    page.run()
    assert not page.exception
    captions = [caption.value for caption in page.caption]
    assert captions[:2] == [plain(note) for note in said]
    assert captions[12] == "The run's run.json says more: 1 further."
