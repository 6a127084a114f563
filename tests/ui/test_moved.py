"""Where a page's view comes from: what was just chosen, the address somebody went to, or what the page kept."""

from types import SimpleNamespace

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
def address(monkeypatch):
    found = Address()
    monkeypatch.setattr(st, "session_state", {})
    monkeypatch.setattr(st, "query_params", found)
    return found


def begin(address, given=None, *, page="page", came=False):
    """A run of the script begins, with the address that the browser had when it asked for it."""
    if given is not None:
        address.now = dict(given)
    context = SimpleNamespace(is_history_navigation=came)
    moved.get_script_run_ctx = lambda: context  # the fixture puts the real one back
    moved.enter(page)


@pytest.fixture(autouse=True)
def context(monkeypatch):
    monkeypatch.setattr(moved, "get_script_run_ctx", lambda: None)


def written(view):
    """All parameters of the page, as it writes them."""
    return {name: view.get(name) for name in NAMES}


def run(address, sent=None, *, kept=None, settled=True):
    """The rest of a run of a page whose component holds the view; returns where the view came from, and it."""
    parameters = moved.given_of(NAMES)
    source = moved.newest("page", None if sent is None else {"seq": sent[0]}, parameters)
    view = sent[1] if source == "sent" else parameters if source == "address" else kept
    if settled:
        moved.write("page", written(view))
    return source, view


def test_the_address_a_page_was_opened_with_is_read_once(address):
    begin(address, {"step": "30"})
    assert run(address) == ("address", {"step": "30"})
    # The component has sent nothing yet, and something else on the page was clicked.
    begin(address)
    assert run(address, kept={"step": "30"}) == ("kept", {"step": "30"})
    assert address.entries == 0


def test_a_run_that_is_broken_off_loses_no_address(address):
    begin(address, {"step": "30"})
    moved.newest("page", None, moved.given_of(NAMES))
    begin(address)
    assert run(address) == ("address", {"step": "30"})


def test_coming_back_by_a_link_keeps_the_view(address):
    begin(address, {})
    run(address, (1, {"lr": "0.5"}))
    begin(address, {}, page="other")
    begin(address, {})
    assert run(address, kept={"lr": "0.5"}) == ("kept", {"lr": "0.5"})
    assert address.now == {"lr": "0.5"}
    # The page's own link has no parameters either.
    begin(address, {})
    assert run(address, kept={"lr": "0.5"}) == ("kept", {"lr": "0.5"})
    assert address.now == {"lr": "0.5"}


def test_back_and_forward_are_followed_at_any_pace(address):
    begin(address, {})
    run(address, (1, {"lr": "0.5"}))
    begin(address, {}, came=True)
    assert run(address, (1, {"lr": "0.5"})) == ("address", {})
    begin(address, {"lr": "0.5"}, came=True)
    assert run(address, (1, {"lr": "0.5"})) == ("address", {"lr": "0.5"})
    assert address.now == {"lr": "0.5"}


def test_back_is_newer_than_a_change_that_came_with_it(address):
    begin(address, {"lr": "0.1"})
    run(address)
    begin(address)
    run(address, (1, {"lr": "0.5"}))
    begin(address, {"lr": "0.1"}, came=True)
    assert run(address, (2, {"lr": "0.6"})) == ("address", {"lr": "0.1"})
    # The same message again is no newer; the next one is.
    begin(address)
    assert run(address, (2, {"lr": "0.6"}), kept={"lr": "0.1"}) == ("kept", {"lr": "0.1"})
    assert run(address, (3, {"lr": "0.7"})) == ("sent", {"lr": "0.7"})


def test_a_change_after_back_is_newer_even_in_the_middle_of_a_drag(address):
    begin(address, {})
    run(address, (1, {"lr": "0.5"}))
    begin(address, {}, came=True)
    moved.newest("page", {"seq": 1}, moved.given_of(NAMES))
    begin(address)
    assert run(address, (2, {"lr": "0.6"}), settled=False) == ("sent", {"lr": "0.6"})
    assert run(address, (2, {"lr": "0.6"}), settled=False) == ("sent", {"lr": "0.6"})


def test_what_was_written_while_back_was_on_its_way_does_not_stay_in_the_browser(address):
    begin(address, {"lr": "0.1"})
    run(address)
    run(address, (1, {"lr": "0.5"}))
    entries = address.entries
    begin(address, {"lr": "0.1"}, came=True)
    run(address, (1, {"lr": "0.5"}))
    assert (address.now, address.entries) == ({"lr": "0.1"}, entries + 1)


@pytest.mark.parametrize("late", [{}, {"lr": "0.4"}, {"lr": "0.5"}])
def test_an_address_that_the_browser_has_not_replaced_yet_is_no_move_however_slow_it_is(address, late):
    begin(address, {})
    for number, view in enumerate(({"lr": "0.4"}, {"lr": "0.5"}, {"lr": "0.6"})):
        begin(address)
        run(address, (number, view))
    begin(address, late)
    assert run(address, (2, {"lr": "0.6"})) == ("sent", {"lr": "0.6"})
    assert address.now == {"lr": "0.6"}


def test_an_address_that_never_stood_there_is_followed_without_a_mark(address):
    begin(address, {})
    run(address, (1, {"lr": "0.5"}))
    begin(address, {"lr": "0.9"})
    assert run(address, (1, {"lr": "0.5"})) == ("address", {"lr": "0.9"})


def test_a_choice_taken_back_at_once_is_what_the_address_says(address):
    begin(address, {})
    run(address, (1, {}))
    run(address, (2, {"lr": "0.5"}))
    # The browser has not heard of 0.5 yet, and is about to take it.
    begin(address, {})
    assert run(address, (3, {})) == ("sent", {})
    assert address.entries == 2
    begin(address, {})
    assert run(address, (3, {})) == ("sent", {})


def test_another_part_of_a_late_address_is_not_written_back(address):
    begin(address, {})
    moved.write("page", {"lr": "0.7"})
    begin(address, {})
    moved.write("look", {"hidden": "akl"})
    assert address.now == {"lr": "0.7", "hidden": "akl"}


def visit(now, *, valid=True):
    """The rest of a run of a page whose widgets hold the view; returns whether the address was read."""
    parameters = moved.given_of(NAMES)
    read = moved.opened("page", now, parameters)
    moved.chose("page", parameters if read else now)
    if valid:
        moved.write("page", written(parameters if read else now))
    return read


def test_back_is_followed_from_choices_that_cannot_stand_in_an_address(address):
    begin(address, {})
    visit({})
    begin(address)
    visit({"lr": "0.3"})
    begin(address)
    assert not visit({"lr": "-1"}, valid=False)
    begin(address, {}, came=True)
    assert visit({"lr": "-1"})


def test_what_was_just_chosen_comes_before_an_address_unless_back_was_newer(address):
    begin(address, {})
    visit({"lr": "0.3"})
    begin(address, {"lr": "0.9"})
    assert not visit({"lr": "0.4"})
    assert address.now == {"lr": "0.4"}
    begin(address, {"lr": "0.3"}, came=True)
    assert visit({"lr": "0.5"})
    assert address.now == {"lr": "0.3"}


def test_back_is_followed_by_the_next_run_where_the_one_it_asked_for_was_broken_off(address):
    begin(address, {})
    visit({"lr": "0.3"})
    begin(address, {}, came=True)
    begin(address)
    assert visit({"lr": "0.3"})
