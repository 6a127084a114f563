"""Widgets that a page fills itself: a run that still carries their old values does not take them back."""

import pytest
import streamlit as st

from akl_viz.ui import filled
from akl_viz.ui.filled import fill, keep


@pytest.fixture(autouse=True)
def state(monkeypatch):
    held: dict[str, object] = {"page.lr": 0.2, "page.optimiser": "adam"}
    monkeypatch.setattr(st, "session_state", held)
    return held


def sent(state, **values):
    """A run begins with what the browser had."""
    state |= {f"page.{name}": value for name, value in values.items()}
    keep("page.")
    return state["page.lr"], state["page.optimiser"]


def test_old_values_are_put_back_until_the_browser_has_sent_the_new_ones(state):
    fill("page.", {"lr": 1.0, "optimiser": "sgd"})
    for _ in range(2):
        assert sent(state, lr=0.2, optimiser="adam") == (1.0, "sgd")
    assert sent(state, lr=1.0, optimiser="sgd") == (1.0, "sgd")
    assert sent(state, lr=0.2) == (0.2, "sgd")


def test_filled_twice_before_the_browser_has_heard_of_the_first(state):
    fill("page.", {"lr": 1.0})
    fill("page.", {"lr": 0.5})
    assert sent(state, lr=0.2)[0] == 0.5
    assert sent(state, lr=1.0)[0] == 0.5
    assert sent(state, lr=0.5)[0] == 0.5
    assert sent(state, lr=0.2)[0] == 0.2


def test_another_value_is_a_persons_choice(state):
    fill("page.", {"lr": 1.0})
    assert sent(state, lr=0.7)[0] == 0.7
    assert sent(state, lr=0.2)[0] == 0.2


def test_after_a_while_the_old_value_is_a_choice_too(state, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(filled.time, "monotonic", lambda: now[0])
    fill("page.", {"lr": 1.0})
    now[0] = filled.LATE_S + 0.1
    assert sent(state, lr=0.2)[0] == 0.2
