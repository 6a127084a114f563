"""Widgets that a page fills itself: a run that still carries their old values does not take them back."""

import pytest
import streamlit as st

from akl_viz.ui.filled import begin, fill, held, keep, menu, widget

START = {"lr": 0.2, "optimiser": "adam"}


class Browser:
    """What a browser has of the page, and the runs it asks for."""

    def __init__(self, session):
        self.session = session
        self.run()
        self.hear()

    def hear(self, sent=None):
        """The browser takes what the script filled in; of an earlier run, where that is given."""
        self.has = dict(self.session) if sent is None else self.has | sent

    def run(self, **chosen):
        """Ask for a run with what a person chose; returns what the page works with."""
        if hasattr(self, "has"):
            self.has |= {f"page.{name}": value for name, value in chosen.items()}
            self.session |= {name: value for name, value in self.has.items() if name != "page.filled"}
        keep("page.")
        return self.session["page.lr"], self.session["page.optimiser"]


@pytest.fixture
def browser(monkeypatch):
    session = {f"page.{name}": value for name, value in START.items()} | {"page.heard": "0"}
    monkeypatch.setattr(st, "session_state", session)
    return Browser(session)


def test_old_values_are_put_back_until_the_browser_has_heard_of_the_new_ones(browser):
    fill("page.", {"lr": 1.0, "optimiser": "sgd"})
    for _ in range(2):
        assert browser.run() == (1.0, "sgd")
    browser.hear()
    assert browser.run() == (1.0, "sgd")


def test_the_old_value_is_a_persons_choice_once_the_browser_has_heard(browser):
    fill("page.", {"lr": 1.0, "optimiser": "sgd"})
    browser.hear()
    assert browser.run(lr=0.2) == (0.2, "sgd")
    assert browser.run(optimiser="adam") == (0.2, "adam")


def test_another_value_is_a_persons_choice_at_any_time(browser):
    fill("page.", {"lr": 1.0, "optimiser": "sgd"})
    assert browser.run(lr=0.7) == (0.7, "sgd")
    assert browser.run() == (0.7, "sgd")


def test_filled_twice_before_the_browser_has_heard_of_the_first(browser):
    fill("page.", {"lr": 1.0})
    fill("page.", {"lr": 0.5})
    assert browser.run() == (0.5, "adam")
    browser.hear()
    assert browser.run(lr=0.2) == (0.2, "adam")


def test_what_a_person_chose_while_values_were_on_their_way_is_the_last_word(browser):
    fill("page.", {"lr": 1.0, "optimiser": "sgd"})
    late = dict(browser.session)
    assert browser.run(lr=0.7) == (0.7, "sgd")
    browser.hear(late)
    assert browser.run() == (0.7, "sgd")
    browser.hear()
    assert browser.run() == (0.7, "sgd")
    assert browser.run(lr=1.0) == (1.0, "sgd")


def test_there_and_back_while_values_are_on_their_way(browser):
    fill("page.", {"optimiser": "sgd"})
    for name in ("adamw", "adam", "adamw"):
        assert browser.run(optimiser=name) == (0.2, name)
        assert browser.run() == (0.2, name)


def test_values_that_come_before_their_count_are_no_choice(browser):
    fill("page.", {"lr": 1.0, "optimiser": "sgd"})
    late = {"page.lr": 1.0}
    fill("page.", {"lr": 0.5})
    browser.hear(late)
    assert browser.run() == (0.5, "sgd")


class BrokenOff(dict):
    """A session of which the next so many writes succeed and the one after breaks the run off."""

    writes = None

    def __setitem__(self, key, value):
        if self.writes is not None:
            if self.writes == 0:
                self.writes = None
                raise InterruptedError
            self.writes -= 1
        super().__setitem__(key, value)


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_run_that_is_broken_off_while_it_fills_loses_nothing(monkeypatch, writes):
    session = BrokenOff({"page.lr": 0.2, "page.optimiser": "adam", "page.heard": "0"})
    monkeypatch.setattr(st, "session_state", session)
    browser = Browser(session)
    session.writes = writes
    with pytest.raises(InterruptedError):
        fill("page.", {"lr": 1.0, "optimiser": "sgd"})
    assert browser.run() == (1.0, "sgd")
    browser.hear()
    assert browser.run() == (1.0, "sgd")
    assert browser.run(lr=0.2) == (0.2, "sgd")


def test_what_was_never_drawn_is_not_sent_but_is_what_the_widget_begins_with(monkeypatch):
    session = {}
    monkeypatch.setattr(st, "session_state", session)
    begin("page.", {"lr": 0.2, "optimiser": "adam"})
    fill("page.", {"lr": 1.0})
    begin("page.", {"lr": 0.2})
    assert set(session) == {"page.filled"}
    assert widget("page.", "lr") == {"key": "page.lr", "persist_state": "session", "value": 1.0}
    assert menu("page.", "optimiser", ("sgd", "adam"))["index"] == 1
    session["page.lr"] = 0.7
    assert held("page.", "lr") == 0.7
