"""Widgets that a page fills itself: a run that still carries their old values does not take them back."""

import pytest
import streamlit as st

from akl_viz.ui.filled import fill, keep

START = {"lr": 0.2, "optimiser": "adam"}


class Browser:
    """What a browser has of the page, and the runs it asks for."""

    def __init__(self, session):
        self.session = session
        self.run()
        self.hear()

    def hear(self):
        """The browser takes what the script filled in."""
        self.has = dict(self.session)

    def run(self, **chosen):
        """Ask for a run with what a person chose; returns what the page works with."""
        if hasattr(self, "has"):
            self.has |= {f"page.{name}": value for name, value in chosen.items()}
            self.session |= {name: value for name, value in self.has.items() if name != "page.filled"}
        keep("page.")
        return self.session["page.lr"], self.session["page.optimiser"]


@pytest.fixture
def browser(monkeypatch):
    session = {f"page.{name}": value for name, value in START.items()}
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
