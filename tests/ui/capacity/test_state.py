"""An address holds the choices; hostile ones are left out; the command asks for what is shown."""

import shlex

import pytest

from akl_viz.cli import main
from akl_viz.errors import InvalidInput
from akl_viz.ui.capacity.state import (
    LAST_SEED,
    MOST_STEPS,
    OWN,
    STORED,
    Wanted,
    command,
    from_address,
    to_address,
    unusable,
)

CHOSEN = Wanted(OWN, ("akl:direction=reversed,mu=0.6", "jsd"), (2, 4), 5, 7, 40, 4, True)


@pytest.mark.parametrize(
    "wanted", [Wanted(), CHOSEN, Wanted(source=OWN), Wanted(rank=16), Wanted(source=OWN, ranks=(3, 6), rank=3)]
)
def test_an_address_brings_the_choices_back(wanted):
    found = {name: text for name, text in to_address(wanted).items() if text is not None}
    assert from_address(found) == wanted


def test_the_stored_view_needs_no_parameters():
    assert set(to_address(Wanted()).values()) == {None}
    assert set(to_address(Wanted(STORED, seeds=7)).values()) == {None}


@pytest.mark.parametrize(
    "hostile",
    [
        {"result": "<script>"},
        {"losses": "__class__;;a b;:::"},
        {"ranks": "0.-1.99999.x"},
        {"seeds": "1e9", "first": "-1", "steps": "999999999999"},
        {"seeds": "0", "first": str(LAST_SEED + 1), "steps": str(MOST_STEPS + 1)},
        {"seeds": "٣"},
    ],
)
def test_a_hostile_address_changes_nothing_by_what_is_invalid(hostile):
    assert from_address({"result": OWN, **hostile}) in (Wanted(source=OWN), Wanted())
    assert set(unusable({"result": OWN, **hostile})) == set(hostile)


def test_what_an_address_cannot_say_is_named():
    assert unusable({"losses": "tvd;nonsense", "ranks": "2.7.99"}) == ["losses", "ranks"]
    assert unusable({"losses": "tvd; ", "ranks": "2.8"}) == ["losses"]
    assert unusable({"result": "own", "seeds": "0", "first": "7", "ranks": "x", "other": "?"}) == ["ranks", "seeds"]
    assert unusable({name: text for name, text in to_address(CHOSEN).items() if text is not None}) == []


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"seeds": 21}, "The number of seeds must be from 1 to 20, not 21."),
        ({"first_seed": -1}, "The first seed must be from 0 to 10,000, not -1."),
        ({"steps": 10**9}, "The number of Adam steps must be from 1 to 3,000, not 1,000,000,000."),
    ],
)
def test_a_number_out_of_range_is_a_sentence(changes, match):
    with pytest.raises(InvalidInput, match=match):
        Wanted(OWN, **changes).config()


def test_too_many_losses_are_a_sentence():
    losses = tuple(f"akl:mu=0.{place}1" for place in range(7))
    with pytest.raises(InvalidInput, match="at most 6"):
        Wanted(OWN, losses).config()


def test_the_command_is_parsed_by_the_program_and_runs_the_same_experiment(capsys):
    config = Wanted(OWN, ("forward_kl", "akl:mu=0.6"), (4, 2), 2, 3, 5).config()
    words = shlex.split(command(config))
    assert main(words[1:]) == 0
    import json

    document = json.loads(capsys.readouterr().out)
    assert document["config"]["losses"] == list(config.losses)
    assert document["config"]["ranks"] == [2, 4]
    assert (document["config"]["seeds"], document["config"]["first_seed"], document["config"]["steps"]) == (2, 3, 5)
