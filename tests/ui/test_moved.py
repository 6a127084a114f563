"""Where a page's view comes from: what was just chosen, the address somebody went to, or what the page kept."""

import pytest
import streamlit as st

from akl_viz.ui import moved

NAMES = ("lr", "step")


class Address:
    """The address as a run of the script sees it."""

    def __init__(self):
        self.now: dict[str, str] = {}
        self.entries = 0

    def to_dict(self):
        return dict(self.now)

    def from_dict(self, parameters):
        self.now = dict(parameters)
        self.entries += 1


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(moved.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def address(monkeypatch, clock):
    found = Address()
    monkeypatch.setattr(st, "session_state", {})
    monkeypatch.setattr(st, "query_params", found)
    moved.enter("page")
    return found


def written(view):
    """All parameters of the page, as it writes them."""
    return {name: view.get(name) for name in NAMES}


def run(address, sent=None, *, given=None, kept=None):
    """One run of a page whose component holds the view; returns where the view came from, and it."""
    if given is not None:
        address.now = dict(given)
    parameters = moved.given_of(NAMES)
    source = moved.newest("page", None if sent is None else {"seq": sent[0]}, parameters)
    view = sent[1] if source == "sent" else parameters if source == "address" else kept
    moved.write("page", written(view))
    return source, view


def test_the_address_a_page_was_opened_with_is_read_once(address):
    assert run(address, given={"step": "30"}) == ("address", {"step": "30"})
    # The component has sent nothing yet, and something else on the page was clicked.
    moved.enter("page")
    assert run(address, kept={"step": "30"}) == ("kept", {"step": "30"})
    assert address.entries == 0


def test_coming_back_by_a_link_keeps_the_view(address):
    run(address, (1, {"lr": "0.5"}), given={})
    moved.enter("other")
    moved.enter("page")
    assert run(address, given={}, kept={"lr": "0.5"}) == ("kept", {"lr": "0.5"})
    assert address.now == {"lr": "0.5"}


def test_back_and_forward_are_followed_at_any_pace(address, clock):
    moved.enter("page")
    run(address, (1, {"lr": "0.5"}), given={})
    clock[0] += moved.LATE_S + 0.1
    assert run(address, (1, {"lr": "0.5"}), given={}) == ("address", {})
    clock[0] += 0.5
    assert run(address, (1, {"lr": "0.5"}), given={"lr": "0.5"}) == ("address", {"lr": "0.5"})
    assert address.entries == 1


def test_an_address_that_the_browser_has_not_replaced_yet_is_no_move(address, clock):
    moved.enter("page")
    run(address, (1, {"lr": "0.5"}), given={})
    clock[0] += 0.3
    assert run(address, (2, {"lr": "0.6"}), given={}) == ("sent", {"lr": "0.6"})
    # Run once more with what the browser had two changes ago.
    assert run(address, (2, {"lr": "0.6"}), given={}) == ("sent", {"lr": "0.6"})
    assert address.now == {"lr": "0.6"}


def test_a_choice_taken_back_at_once_is_what_the_address_says(address, clock):
    moved.enter("page")
    run(address, (1, {}), given={})
    run(address, (2, {"lr": "0.5"}), given={})
    clock[0] += 0.1
    # The browser has not heard of 0.5 yet, and is about to take it.
    assert run(address, (3, {}), given={}) == ("sent", {})
    assert address.entries == 2
    clock[0] += 0.1
    assert run(address, (3, {}), given={}) == ("sent", {})


def test_another_part_of_a_late_address_is_not_written_back(address, clock):
    moved.enter("page")
    moved.write("page", {"lr": "0.7"})
    clock[0] += 0.1
    address.now = {}
    moved.write("look", {"hidden": "akl"})
    assert address.now == {"lr": "0.7", "hidden": "akl"}


def visit(address, now, *, given=None, valid=True):
    """One run of a page whose widgets hold the view; returns whether the address was read."""
    if given is not None:
        address.now = dict(given)
    parameters = moved.given_of(NAMES)
    read = moved.opened("page", now, parameters)
    moved.chose("page", parameters if read else now)
    if valid:
        moved.write("page", written(parameters if read else now))
    return read


def test_back_is_followed_from_choices_that_cannot_stand_in_an_address(address, clock):
    visit(address, {})
    moved.enter("page")
    visit(address, {"lr": "0.3"})
    clock[0] += moved.LATE_S + 0.1
    assert not visit(address, {"lr": "-1"}, valid=False)
    assert visit(address, {"lr": "-1"}, given={})


def test_what_was_just_chosen_comes_before_an_address(address, clock):
    visit(address, {})
    moved.enter("page")
    visit(address, {"lr": "0.3"})
    clock[0] += moved.LATE_S + 0.1
    assert not visit(address, {"lr": "0.4"}, given={})
    assert address.now == {"lr": "0.4"}
