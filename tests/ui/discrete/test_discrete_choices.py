"""Choices of learn/discrete: an address gives them back, a hostile one changes nothing, the command means the same."""

import shlex
from dataclasses import replace

import pytest

import akl_viz.toys
from akl_viz.cli import main
from akl_viz.errors import InvalidInput
from akl_viz.ui.discrete.choices import (
    DEFAULT,
    MOST_LOSSES,
    MOST_RECORDED,
    PRESETS,
    check,
    config_of,
    defaults,
    every,
    from_address,
    numbers_of,
    to_address,
    unusable,
)
from akl_viz.ui.discrete.experiment import command

CHANGED = {
    "losses": ("reverse_kl", "akl:mu=0.7", "skew_forward_kl"),
    "optimiser": "momentum",
    "lr": 0.05,
    "start": "warm",
    "noise": 0.5,
    "depth": 4.0,
    "steps": 30,
    "seeds": 7,
    "first_seed": 11,
    "seed": 13,
    "mu": 0.8,
    "boundary": "reach",
    "share": 0.25,
}
VIEWS = [
    defaults("zipf"),
    replace(DEFAULT, **CHANGED),
    replace(defaults("zipf"), tokens=70, tail="bottom", bottom=12, lr=0.3),
    replace(defaults("own"), target="0.5, 0.3 0.2\n0.1", tail="bottom", bottom=2),
    replace(DEFAULT, tail="far", far_from=50),
    replace(defaults("paper-bimodal"), start="missing-mode", depth=7.0, optimiser="sgd", lr=1.0, steps=3000),
]
HOSTILE = {
    "preset": "../../etc",
    "losses": "akl:mu=;<img src=x>;__class__;" + "x" * 500,
    "lr": "nan",
    "steps": "99999999",
    "seeds": "-1",
    "mu": "1e400",
    "boundary": "<b>",
    "tail": "constructor",
    "far_from": "5000",
    "target": "1 2 three",
    "first_seed": "\u0661",
    "seed": "-1",
    "share": "0",
}


def given(choices):
    return {name: text for name, text in to_address(choices).items() if text is not None}


@pytest.mark.parametrize("choices", [*map(defaults, PRESETS), *VIEWS])
def test_an_address_gives_the_choices_back(choices):
    assert from_address(given(choices)) == choices


@pytest.mark.parametrize("choices", [*map(defaults, PRESETS), *VIEWS])
def test_what_an_address_holds_can_be_used(choices):
    check(choices)
    assert unusable(given(choices)) == []


def test_what_an_address_cannot_say_is_named():
    assert set(unusable(HOSTILE)) == set(HOSTILE)
    assert unusable({"lr": "-1", "preset": "x", "steps": "40", "step": "?"}) == ["preset", "lr"]
    assert unusable({"seeds": "3", "seed": "900"}) == ["seed"]
    assert unusable({"losses": "forward_kl;nonsense"}) == ["losses"]
    assert unusable({"losses": "forward_kl; jsd:beta=0.2 "}) == []
    assert unusable({"losses": ";".join(f"akl:mu=0.{place}" for place in range(1, 10))}) == ["losses"]


def test_the_default_needs_no_address():
    assert given(DEFAULT) == {}


@pytest.mark.parametrize("name", HOSTILE)
def test_one_hostile_value_changes_nothing(name):
    assert from_address({name: HOSTILE[name]}) == DEFAULT


def test_what_is_valid_beside_hostile_values_is_kept():
    query = HOSTILE | {"preset": "own", "target": "1 2 3 4", "mu": "0.6", "losses": "nonsense;tvd;tvd; jsd:beta=0.2 "}
    assert from_address(query) == replace(defaults("own"), target="1 2 3 4", mu=0.6, losses=("tvd", "jsd:beta=0.2"))


def test_the_seed_drawn_is_one_of_the_experiment_s():
    assert from_address({"first_seed": "7"}).seed == 7
    assert from_address({"seeds": "3", "seed": "900"}).seed == DEFAULT.first_seed + 2
    assert given(replace(DEFAULT, first_seed=7, seed=7)) == {"first_seed": "7"}


def test_a_region_outside_the_vocabulary_is_left_out():
    assert from_address({"tail": "bottom", "bottom": "500"}).bottom == DEFAULT.bottom
    assert from_address({"tail": "far", "far_from": "80"}).far_from == DEFAULT.far_from


@pytest.mark.parametrize("choices", [*map(defaults, PRESETS), *VIEWS])
def test_the_command_runs_the_same_experiment(choices, monkeypatch):
    caught = []

    def run(config, **_):
        caught.append(config)
        raise InvalidInput("enough")

    monkeypatch.setattr(akl_viz.toys, "run_discrete", run, raising=False)
    expected = config_of(choices)
    program, *words = shlex.split(command(expected, choices.share))
    assert program == "akl-viz"
    assert main(words) == 2
    # The command keeps no distributions; what it does not use is at the default there.
    unused = {"noise": 1.0} if choices.start != "warm" else {}
    unused |= {"depth": 10.0} if choices.start != "missing-mode" else {}
    assert caught == [replace(expected, frames=False, start=replace(expected.start, **unused))]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"preset": "own", "target": "0.5 half"}, "'half' is not a number"),
        ({"preset": "own", "target": "  "}, "Type the probabilities"),
        ({"preset": "own", "target": "1_0 2"}, "'1_0' is not a number"),
        ({"preset": "own", "target": "\u0661 \u0662"}, "is not a number"),
        ({"preset": "own", "target": "1e308 1e308 1"}, "finite and above 0"),
        ({"preset": "own", "target": "nan 1"}, "finite and above 0"),
        ({"preset": "own", "target": "1e-400 1"}, "finite and above 0"),
        ({"preset": "own", "target": "1 0 2"}, "above 0"),
        ({"losses": ()}, "at least one loss"),
        ({"losses": ("tvd",) * (MOST_LOSSES + 1)}, "At most"),
        ({"losses": ("akl:mu",)}, "is not of the form"),
        ({"preset": "zipf", "tokens": 2000, "steps": 5000, "seeds": 100}, "more than a page computes"),
        ({"tail": "bottom", "bottom": 80}, "k, the number of tokens in the tail, must be"),
    ],
)
def test_a_mistake_is_one_sentence(changes, match):
    with pytest.raises(InvalidInput, match=match):
        config_of(replace(DEFAULT, **changes))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"lr": 1e5}, r"The learning rate must be from 1e-06 to 1,000, not 100,000\."),
        ({"lr": float("nan")}, "The learning rate must be"),
        ({"steps": 0}, "The number of steps must be from 1 to 5,000, not 0"),
        ({"seeds": 101}, "The number of seeds"),
        ({"seeds": 0}, "The number of seeds"),
        ({"first_seed": -1}, "The first seed"),
        ({"seeds": 3, "first_seed": 5, "seed": 8}, "The seed of the animation must be from 5 to 7, not 8"),
        ({"share": 1.0}, "The share of a gap"),
        ({"start": "warm", "noise": -1.0}, "The noise"),
        ({"start": "missing-mode", "depth": 501.0}, "The depth"),
        ({"preset": "zipf", "tokens": 2001}, "The number of tokens"),
        ({"tail": "far", "far_from": -1}, "The first far token"),
        ({"tail": "bottom", "bottom": 0}, "k, the number of tokens in the tail, must be"),
    ],
)
def test_a_number_out_of_range_is_a_sentence(changes, match):
    with pytest.raises(InvalidInput, match=match):
        check(replace(DEFAULT, **changes))


def test_a_number_without_a_say_stops_nothing():
    unseen = replace(DEFAULT, noise=-1.0, depth=501.0, tokens=0, far_from=5000, bottom=0)
    check(unseen)
    assert config_of(unseen) == config_of(DEFAULT)


def test_a_typed_list_may_use_any_separator():
    assert numbers_of(" 0.5,0.25; 1e-3\n2 ") == (0.5, 0.25, 1e-3, 2.0)


@pytest.mark.parametrize("steps", [1, 999, 1000, 1001, 4999, 5000])
def test_a_long_run_keeps_a_bounded_number_of_steps(steps):
    assert (steps // every(steps)) <= MOST_RECORDED
    assert every(steps) == 1 or steps > MOST_RECORDED
