"""An address holds the view; hostile parts are left out; handles are probabilities; commands run."""

import json
import shlex
import subprocess
import sys

import numpy as np
import pytest

from akl_viz.cli import main
from akl_viz.paths import ROOT
from akl_viz.ui.proof import numbers
from akl_viz.ui.proof.state import (
    EDGE,
    LOSSES,
    State,
    field_command,
    from_address,
    late_command,
    paths_command,
    phi_command,
    plateau_command,
    three,
    to_address,
)

CHOSEN = State(0.25, (0.2, 0.7, 0.1), (0.5, 0.25, 0.25), "adam", 3, "three", 4)
SAME = 1e-10
"""Relative: the page keeps twelve significant digits."""


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
        {"depth": "٣", "seed": "1e9"},
    ],
)
def test_a_hostile_address_changes_nothing(hostile):
    assert from_address(hostile) == State()


@pytest.mark.parametrize("given", [(1, 0, 0), (0, 0, 5), (3, 1, 0), (1, 1, 1), (0.5, 0.5, 0.0), (1e-9, 1, 1)])
def test_handles_are_probabilities_off_the_edge(given):
    found = three(list(given))
    assert sum(found) == pytest.approx(1.0, abs=1e-12)
    assert min(found) >= EDGE


@pytest.mark.parametrize("given", [None, "abc", [1, 2], [True, 1, 1], [float("nan"), 1, 1], [10**400, 1, 1], {}])
def test_what_is_no_distribution_is_left_out(given):
    assert three(given) is None


def python(command):
    program, *words = shlex.split(command)
    assert program == "python"
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_the_lines_of_python_give_the_numbers_of_the_page():
    ratios, (curve,) = python(phi_command(CHOSEN))
    assert ratios == pytest.approx(numbers.phi(CHOSEN)["ratios"], rel=SAME)
    assert curve == pytest.approx(numbers.phi(CHOSEN)["mix"], rel=SAME, abs=SAME)
    paths = python(paths_command(CHOSEN))
    assert list(paths) == list(LOSSES)
    for loss, path in paths.items():
        assert np.array(path) == pytest.approx(np.array(numbers.simplex(CHOSEN)["paths"][loss]), rel=SAME)
    late = python(late_command(CHOSEN))
    for name, values in numbers.late(CHOSEN).items():
        assert late[name] == pytest.approx(values, rel=SAME)
    assert python(late_command(State())).keys() == late.keys()


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_the_plateau_command_gives_the_steps_of_the_page(capsys, optimiser):
    assert main(shlex.split(plateau_command(CHOSEN, optimiser))[1:]) == 0
    document = json.loads(capsys.readouterr().out)
    part = numbers.plateau()[optimiser]
    assert {run["loss"]: run["steps"] for run in document["runs"]} == {
        loss: steps[CHOSEN.depth - 1] for loss, steps in part["reached"].items()
    }
    assert document["level"] == part["level"]


def test_the_field_command_gives_the_arrow_at_the_start(capsys):
    assert main(shlex.split(field_command(CHOSEN))[1:]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {row["key"] for row in document["losses"]} >= set(LOSSES)
    assert document["student"] == pytest.approx(CHOSEN.start)
