"""An address holds the view; hostile parts are left out; handles are probabilities; commands run."""

import json
import shlex

import numpy as np
import pytest

from akl_viz.cli import main
from akl_viz.ui.proof import numbers
from akl_viz.ui.proof.state import (
    EDGE,
    LOSSES,
    State,
    from_address,
    late_command,
    phi_command,
    plateau_command,
    simplex_command,
    three,
    to_address,
    unusable,
)
from tests.tolerances import OTHER_KERNELS

CHOSEN = State(0.25, (0.2, 0.7, 0.1), (0.5, 0.25, 0.25), "adam", "akl", 33, 3, "three", 4)
SAME, DRAWN = 1e-10, 1e-4
"""Relative: the page keeps twelve significant digits, and five of what it only draws."""


@pytest.mark.parametrize("state", [State(), CHOSEN])
def test_an_address_brings_the_view_back(state):
    assert from_address({name: text for name, text in to_address(state).items() if text is not None}) == state


@pytest.mark.parametrize(
    "hostile",
    [
        {"w": "nan"},
        {"w": "7", "depth": "0", "seed": "-1"},
        {"p": "0_0_0", "q": "1_x_2"},
        {"p": "inf_1_1", "q": "-1_1_1"},
        {"p": "nan_1_1", "q": "1_1"},
        {"optimiser": "__class__", "target": "../x", "depth": "99999999"},
        {"depth": "٣", "seed": "1e9", "arrows": "tvd", "step": "201"},
    ],
)
def test_a_hostile_address_changes_nothing(hostile):
    assert from_address(hostile) == State()
    assert set(unusable(hostile)) == set(hostile)


@pytest.mark.parametrize("state", [State(), CHOSEN])
def test_what_the_page_writes_is_usable(state):
    given = {name: text for name, text in to_address(state).items() if text is not None}
    assert unusable(given | {"w": "0.5", "other": "?"}) == []


@pytest.mark.parametrize("given", [(1, 0, 0), (0, 0, 5), (3, 1, 0), (1, 1, 1), (0.5, 0.5, 0.0), (1e-9, 1, 1)])
def test_handles_are_probabilities_off_the_edge(given):
    found = three(list(given))
    assert sum(found) == pytest.approx(1.0, abs=1e-12)
    assert min(found) >= EDGE


@pytest.mark.parametrize("given", [None, "abc", [1, 2], [True, 1, 1], [float("nan"), 1, 1], [10**400, 1, 1], {}])
def test_what_is_no_distribution_is_left_out(given):
    assert three(given) is None


@pytest.fixture
def printed(capsys):
    """What a shown command prints, as JSON."""

    def run(command):
        assert main(shlex.split(command)[1:]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def test_the_phi_command_gives_the_curves_of_the_page(printed):
    document, page = printed(phi_command(CHOSEN)), numbers.phi(CHOSEN)
    assert document["ratios"] == pytest.approx(page["ratios"], rel=SAME)
    assert [run["weight"] for run in document["runs"]] == [CHOSEN.weight, 1.0, 0.0]
    for run, name in zip(document["runs"], ("mix", "forward", "reverse"), strict=True):
        assert run["phi"] == pytest.approx(page[name], rel=SAME, abs=SAME)


def test_the_simplex_command_gives_the_arrows_and_paths_of_the_page(printed):
    document, page = printed(simplex_command(CHOSEN)), numbers.simplex(CHOSEN)
    assert np.array(document["points"]) == pytest.approx(np.array(page["points"]), rel=DRAWN)
    assert [run["loss"] for run in document["runs"]] == list(LOSSES)
    for run in document["runs"]:
        loss = run["loss"]
        assert np.array(run["flow"]) == pytest.approx(np.array(page["arrows"][loss]), rel=DRAWN)
        assert np.array(run["path"]) == pytest.approx(np.array(page["paths"][loss]), rel=SAME)
        assert run["tvd"] == pytest.approx(page["tvd"][loss], rel=SAME)
        assert run["reached"] == page["reached"][loss]
    assert document["start"] == pytest.approx(CHOSEN.start)


@pytest.mark.parametrize("state", [State(), CHOSEN])
def test_the_late_command_gives_the_numbers_of_the_page(printed, state):
    document, page = printed(late_command(state)), numbers.late(state)
    assert page.keys() == {"distances", "tv", "cosine", "hessian_distance"}
    for name, values in page.items():
        assert document[name] == pytest.approx(values, rel=SAME)


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_the_plateau_command_gives_the_steps_of_the_page(printed, optimiser):
    document = printed(plateau_command(CHOSEN, optimiser))
    part = numbers.plateau()[optimiser]
    assert {run["loss"]: run["steps"] for run in document["runs"]} == {
        loss: steps[CHOSEN.depth - 1] for loss, steps in part["reached"].items()
    }
    # The page's is stored, perhaps by another processor.
    assert document["level"] == pytest.approx(part["level"], rel=OTHER_KERNELS["rtol"])
