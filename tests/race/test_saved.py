"""Saved runs: used again, deleted, and why the token inspector cannot open some."""

import shutil
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from akl_viz.distill import DataConfig, RunStore
from akl_viz.ui.race.live import STORED
from akl_viz.ui.race.service import RaceService, service
from tests.race.conftest import toy_config, wait_for

LONG = 100_000


def _page():
    import streamlit as st

    from akl_viz.ui.race import saved, setup
    from akl_viz.ui.race.service import service

    st.session_state["got"] = setup.configured()
    name = st.session_state["name"]
    if name in {run.folder.name for run in service().saved()}:
        run = service().run(name)
        saved.inspect_links(run)
        saved._actions(run, None)


def shown(name):
    page = AppTest.from_function(_page, default_timeout=60)
    page.session_state["name"] = name
    page.run()
    assert not page.exception
    return page


def markdown(page):
    return " ".join(one.value for one in page.markdown)


def started(root, name, config=None, losses=()):
    store = RunStore.create(root / name, config, losses=losses)
    store.finish("stopped")
    store.close()


def test_the_settings_of_a_run_are_used_again(root):
    config = replace(toy_config(steps=77, seed=5), teacher="toy:teacher", student="toy:student")
    started(root, "one", config)
    page = shown("one")
    page.button(key="race.again").click().run()
    assert not page.exception
    assert page.session_state["got"] == config


def test_a_run_on_a_text_that_is_not_kept_asks_for_it(root):
    started(root, "one", replace(toy_config(), data=DataConfig(text="/somewhere/novel.txt")))
    page = shown("one")
    page.button(key="race.again").click().run()
    assert page.session_state["got"] is None
    assert "novel.txt" in page.error[0].value.replace("\\", "")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda root: started(root, "one", toy_config()), "the toy language has none"),
        (lambda root: shutil.copytree(STORED, root / "one"), "holds no checkpoint"),
        (lambda root: started(root, "one", losses=["mine"]), "holds no checkpoint"),
    ],
)
def test_why_the_inspector_cannot_open_a_run_is_said(root, make, why):
    make(root)
    assert why in markdown(shown("one"))


def test_another_programs_run_has_no_settings_to_use_again(root):
    started(root, "one", losses=["mine"])
    assert [button.key for button in shown("one").button if button.key == "race.again"] == []


def test_a_hostile_name_is_a_label_and_no_markdown(root):
    name = "![x](http:) **bold** :red[x]"
    started(root, name.replace("/", ""), losses=["mine"])
    labels = [button.label for button in shown(name).button]
    assert not any("![" in label or "**" in label or ":red[" in label for label in labels)


def test_a_run_that_waits_to_go_on_cannot_be_deleted(root):
    races: RaceService = service()
    started(root, "one", toy_config(steps=LONG))
    first = races.start(toy_config(steps=LONG))
    wait_for(lambda: first.state == "running")
    waiting = races.resume("one")
    assert shown("one").button(key="race.delete").disabled
    for race in (waiting, first):
        races.stop(race)
    wait_for(lambda: not races.active())
    assert not shown("one").button(key="race.delete").disabled
