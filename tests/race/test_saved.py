"""Saved runs: chosen, compared, used again, deleted, and why the token inspector cannot open some."""

import shutil
from dataclasses import replace

from streamlit.testing.v1 import AppTest

from akl_viz.distill import DataConfig, ProbeRow, RunStore
from akl_viz.ui.race.service import RaceService, service
from akl_viz.ui.race.start import Shown
from tests.race.conftest import toy_config, wait_for

LONG = 100_000
ROW = ProbeRow(0.9, 0.8, 0.5, 0.4, 0.6, 0.7, 20.0, 2.0)
NOT_COMPARABLE = "their levels are not comparable"


def _page():
    import streamlit as st

    from akl_viz.ui.race import links, saved, setup
    from akl_viz.ui.race.service import service

    st.session_state["got"] = setup.configured()
    name = st.session_state["name"]
    if name in {run.folder.name for run in service().saved()}:
        run = service().run(name)
        links.inspect_links(run)
        saved._actions(run, None)


def shown(name):
    page = AppTest.from_function(_page, default_timeout=60)
    page.session_state["name"] = name
    page.run()
    assert not page.exception
    return page


def markdown(page):
    return " ".join(one.value for one in page.markdown)


def started(root, name, config=None, losses=(), measured=False):
    store = RunStore.create(root / name, config, losses=losses)
    if measured:
        for loss in losses or config.losses:
            store.row(loss, 0, ROW, seconds=0.0, tokens=0, train_loss=0.5)
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


def _list():
    import streamlit as st

    from akl_viz.ui.race import live, saved

    name = saved.opened()
    st.session_state["shown"] = name
    if name is not None:
        live.show(name)
    else:
        live.show_stored()
    saved.listing(name)


def listed(**state):
    """The page below the controls."""
    page = AppTest.from_function(_list, default_timeout=60)
    for key, value in state.items():
        page.session_state[key] = value
    return ran(page)


def ran(page):
    page.run()
    assert not page.exception
    return page


def choose(page, name):
    """Click on the row of a run."""
    table = page.dataframe[0]
    row = list(table.value["Run"]).index(name)
    page.session_state[table.key] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    return ran(page)


def chosen(page):
    """The run that Delete is for; None where there is no such button."""
    labels = [button.label for button in page.button if button.key == "race.delete"]
    return labels[0].removeprefix("Delete ") if labels else None


def test_the_chosen_run_stays_chosen_when_another_comes_or_goes(root):
    for name in ("a", "b"):
        started(root, name, toy_config())
    page = choose(listed(), "a")
    assert chosen(page) == "a"
    started(root, "c", toy_config())
    assert list(ran(page).dataframe[0].value["Run"]) == ["c", "b", "a"]
    assert chosen(page) == "a"
    assert chosen(choose(page, "b")) == "b"
    service().delete("c")
    assert chosen(ran(page)) == "b"
    assert chosen(ran(page)) == "b"


def test_nothing_is_chosen_once_the_chosen_run_is_deleted(root):
    for name in ("a", "b", "c"):
        started(root, name, toy_config())
    page = choose(listed(), "b")
    service().delete("b")
    for _ in range(2):
        assert list(ran(page).dataframe[0].value["Run"]) == ["c", "a"]
        assert chosen(page) is None


def test_an_open_page_says_that_its_run_was_deleted_and_forgets_its_address(root):
    started(root, "one", toy_config())
    # A run that this server trained to its end has left no word.
    race = service().start(toy_config(steps=1, losses=("forward_kl",)))
    wait_for(lambda: not race.active)
    # Another server on the same folder may delete a run as well, and this one is not told.
    for name, delete in (("one", service().delete), (race.name, lambda name: shutil.rmtree(root / name))):
        page = AppTest.from_function(_list, default_timeout=60)
        page.query_params["run"] = name
        assert [heading.value.replace("\\", "") for heading in ran(page).subheader] == [name, "Saved runs"]
        delete(name)
        for _ in range(2):
            ran(page)
            assert [box.value.replace("\\", "") for box in (*page.error, *page.info)] == [
                f"There is no run {name!r} any more, or there never was: choose or start another one."
            ]
            assert name not in [heading.value for heading in page.subheader]
            assert "run" not in page.query_params


def test_who_only_watches_keeps_the_run_when_it_ends(root):
    race = service().start(toy_config(steps=LONG, losses=("forward_kl",)))
    wait_for(lambda: race.latest)
    page = listed()
    service().stop(race)
    wait_for(lambda: not race.active)
    assert ran(page).session_state["shown"] == race.name


def compared(root, *configs):
    """What is said where these runs are drawn over the first."""
    for place, config in enumerate(configs):
        started(root, f"run-{place}", config, measured=True)
    others = [f"run-{place}" for place in range(1, len(configs))]
    return [box.value for box in listed(**{"race.shown": Shown("run-0"), "race.compared": others}).warning]


TOY = toy_config()
AUSTEN = replace(toy_config(), teacher="bundled:teacher", student="bundled:start", data=DataConfig())


def test_runs_of_different_texts_are_said_not_to_be_comparable(root):
    assert any(NOT_COMPARABLE in value for value in compared(root, AUSTEN, TOY))


def test_runs_of_different_teachers_are_said_not_to_be_comparable(root):
    assert any(NOT_COMPARABLE in value for value in compared(root, AUSTEN, replace(AUSTEN, teacher="bundled:start")))


def test_runs_of_one_teacher_and_text_are_drawn_without_a_word(root):
    assert not any(NOT_COMPARABLE in value for value in compared(root, AUSTEN, replace(AUSTEN, seed=3)))


def test_a_run_that_is_not_drawn_is_not_spoken_of(root):
    started(root, "empty", TOY)
    started(root, "full", AUSTEN, measured=True)
    page = listed(**{"race.shown": Shown("full"), "race.compared": ["empty"]})
    assert not any(NOT_COMPARABLE in box.value for box in page.warning)


def test_the_bundled_run_has_in_the_key_the_name_it_has_on_the_page(root):
    started(root, "mine", AUSTEN, measured=True)
    page = listed(**{"race.compared": ["mine"]})
    heading = page.subheader[0].value
    (key,) = [block.proto.body for block in page.get("html") if "forward_kl" in block.proto.body]
    assert f"forward_kl · {heading}" in key
    assert "forward_kl · mine" in key
