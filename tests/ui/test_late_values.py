"""A browser that hears late: what a person chose while values were on their way is not taken back."""

import json
from urllib.parse import parse_qs

import pytest

from akl_viz.distill import DistillConfig
from akl_viz.ui.passages import passages
from akl_viz.ui.permalink import pack_text, unpack_text
from tests.browser.racing import RaceServer, record_run
from tests.late_browser import LateBrowser

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def races(tmp_path_factory):
    server = RaceServer(tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("logs"))
    for name in ("0-a", "0-b"):
        record_run(server, name)
    yield server
    server.stop()


@pytest.fixture
def visit(races):
    """Open a page: `visit(page, query="")`."""
    opened = []

    def open_one(page, query=""):
        opened.append(LateBrowser(races.address.removesuffix("/race"), page, query))
        return opened[-1]

    yield open_one
    for browser in opened:
        browser.close()


def link(**settings):
    """The parameter of an address that holds these settings of a race."""
    return f"config={pack_text(json.dumps(DistillConfig(**settings).to_json()))}"


def raced(browser):
    """The settings in the address that the browser has."""
    (packed,) = parse_qs(browser.query)["config"]
    return DistillConfig.from_json(json.loads(unpack_text(packed)))


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("race", ""),
        ("race", link(steps=7, seed=3)),
        ("tokens", ""),
        ("tokens", f"passage=own&text={pack_text('It was a very fine day.')}"),
        ("discrete", "seeds=3&optimiser=sgd"),
        ("capacity", "result=own&seeds=2"),
        ("proof", "w=0.7&depth=4"),
    ],
)
def test_a_value_that_a_widget_begins_with_is_never_sent_again(visit, page, query):
    browser = visit(page, query)
    browser.hear(browser.ask())
    # Another browser asks again before it has heard of a single widget.
    other = visit(page, query)
    other.ask()
    other.hear(other.ask())
    assert (browser.sent_again, other.sent_again) == ([], [])


def test_settings_of_the_race_chosen_while_the_page_is_still_drawn_stay(visit):
    browser = visit("race")
    loading = browser.ask()
    browser.hear(loading, until="race.seed")
    first = browser.ask({"race.steps": 7})
    browser.hear(loading)
    second = browser.ask({"race.data.window": 48, "race.text_kind": ["Toy language"]})
    browser.hear(first)
    assert (browser["race.steps"], browser["race.data.window"]) == (7, 48)
    browser.hear(second)
    # What the browser has is what the next run of the page works with.
    browser.hear(browser.ask())
    config = raced(browser)
    assert (config.steps, config.data.window, config.data.text) == (7, 48, "toy")


def test_a_choice_between_the_first_and_the_second_run_of_a_learn_page_stays(visit):
    browser = visit("capacity", "result=own&seeds=2")
    loading = browser.ask()
    assert sum(message.WhichOneof("type") == "new_session" for message in loading) == 2
    browser.hear(loading, until="capacity.heard")
    answer = browser.ask({"capacity.seeds": 5})
    browser.hear(loading)
    browser.hear(answer)
    assert browser["capacity.seeds"] == 5


def gone_back(visit):
    """A browser that went back to the first settings of the race, and the answer that it has not heard of."""
    browser = visit("race", link(steps=9, seed=3))
    before = browser.query
    browser.hear(browser.ask())
    browser.hear(browser.ask({"race.steps": 7}))
    assert raced(browser).steps == 7
    browser.query = before
    return browser, browser.ask(back=True)


def test_back_fills_the_race_also_where_a_choice_comes_before_its_values(visit):
    browser, answer = gone_back(visit)
    later = browser.ask({"race.data.window": 48})
    browser.hear(answer)
    browser.hear(later)
    browser.hear(browser.ask())
    config = raced(browser)
    assert (config.steps, config.seed, config.data.window) == (9, 3, 48)


def test_a_choice_in_a_box_that_values_are_on_their_way_to_is_the_last_word(visit):
    browser, answer = gone_back(visit)
    later = browser.ask({"race.steps": 5})
    browser.hear(answer)
    browser.hear(later)
    browser.hear(browser.ask())
    assert (browser["race.steps"], raced(browser).steps, raced(browser).seed) == (5, 5, 3)


def test_back_from_an_address_that_the_browser_did_not_hear_of_yet_leaves_the_one_it_went_to(visit):
    browser = visit("race", link(steps=9))
    browser.hear(browser.ask())
    late = browser.ask({"race.steps": 7})
    answer = browser.ask(back=True)
    browser.hear(late)
    browser.hear(answer)
    assert (browser["race.steps"], raced(browser).steps) == (9, 9)


def test_back_to_an_address_without_settings_brings_those_of_a_first_visit(visit):
    browser = visit("race")
    browser.hear(browser.ask())
    first = browser["race.steps"]
    browser.hear(browser.ask({"race.steps": 7}))
    browser.query = ""
    browser.hear(browser.ask(back=True))
    assert (browser["race.steps"], browser.query) == (first, "")


def test_back_to_an_address_without_a_text_brings_the_passage_of_a_first_visit(visit):
    browser = visit("tokens")
    browser.hear(browser.ask())
    first = browser["tokens.passage"], browser["tokens.text"]
    browser.hear(browser.ask({"tokens.text": "It was a very fine day."}))
    browser.query = ""
    browser.hear(browser.ask(back=True))
    assert (browser["tokens.passage"], browser["tokens.text"], browser.query) == (*first, "")


def test_back_to_an_address_without_a_run_leaves_the_run(visit):
    browser = visit("race", "run=0-a")
    browser.hear(browser.ask())
    browser.query = ""
    browser.hear(browser.ask(back=True))
    assert browser.query == ""


def test_the_run_of_each_of_two_sessions_stays_where_one_asks_with_its_address_before(visit):
    page, other = visit("race", "run=0-a"), visit("race", "run=0-a")
    for browser in (page, other):
        browser.hear(browser.ask())
    page.query = "run=0-b"
    answer = page.ask()
    page.query = "run=0-a"
    later = page.ask({"race.steps": 7})
    page.hear(answer)
    page.hear(later)
    other.hear(other.ask({"race.steps": 9}))
    assert [parse_qs(browser.query)["run"] for browser in (page, other)] == [["0-b"], ["0-a"]]
    assert [raced(browser).steps for browser in (page, other)] == [7, 9]


def test_two_runs_chosen_for_the_curves_one_after_the_other_are_both_drawn(visit):
    browser = visit("race")
    browser.hear(browser.ask())
    first = browser.ask({"race.compared": ["0-a"]})
    browser.ask({"race.compared": ["0-a", "0-b"]})
    browser.hear(first)
    assert browser["race.compared"] == ["0-a", "0-b"]


def test_a_passage_chosen_after_a_text_was_typed_is_the_last_word(visit):
    browser = visit("tokens")
    browser.hear(browser.ask())
    others = [one for one in passages().values() if one.label != browser["tokens.passage"]]
    answer = browser.ask({"tokens.text": "It was a very fine day."})
    later = browser.ask({"tokens.passage": others[0].label})
    browser.hear(answer)
    browser.hear(later)
    assert (browser["tokens.passage"], browser["tokens.text"]) == (others[0].label, others[0].text)
