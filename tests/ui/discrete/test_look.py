"""How the animation is looked at: what an address or a browser sends is checked, part by part."""

import pytest

from akl_viz.ui.discrete.choices import MOST_STEPS
from akl_viz.ui.discrete.look import Look, from_address, sent, to_address, unusable

CHOSEN = Look(33, "log", "log", ("akl:direction=reversed", "reverse_kl"), True)


@pytest.mark.parametrize("look", [Look(), CHOSEN, Look(0, "linear")])
def test_an_address_gives_the_look_back(look):
    given = {name: text for name, text in to_address(look).items() if text is not None}
    assert from_address(given) == look
    assert unusable(given) == []
    assert sent(look.packed()) == look


def test_the_usual_look_leaves_the_address_empty():
    assert set(to_address(Look()).values()) == {None}


@pytest.mark.parametrize("text", ["nan", "-5", "1e999", "\u0663", "", "1_0", "9" * 50, "<script>"])
def test_a_step_that_is_none_is_named_and_costs_no_other(text):
    query = {"step": text, "scale": "log", "hidden": "akl"}
    assert from_address(query) == Look(scale="log", hidden=("akl",))
    assert unusable(query) == ["step"]


def test_a_step_beyond_the_longest_run_is_its_last():
    assert from_address({"step": "99999999"}).step == MOST_STEPS


@pytest.mark.parametrize(
    "view",
    [
        {},
        {"step": None, "scale": 3, "gapScale": [], "hidden": "akl"},
        {"step": -1, "scale": "x", "gapScale": None, "hidden": [1, None, "nonsense", "x" * 900]},
        {"step": True, "hidden": {}},
        {"step": 1e9},
    ],
)
def test_what_a_browser_should_not_send_is_left_out(view):
    assert sent(view) == Look()


def test_unknown_words_of_an_address_are_named():
    given = {"scale": "cubic", "gaps": "x", "hidden": "akl;nonsense", "table": "mean"}
    assert unusable(given) == list(given)
