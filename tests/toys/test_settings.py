"""What cannot be run is refused when the experiment is described, with one sentence."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import akl_viz.toys
from akl_viz.errors import InvalidInput
from akl_viz.toys import DiscreteConfig, Optimiser, Start, discrete_config


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"preset": "nonsense"}, "There is no preset 'nonsense'; choose one of paper-longtail"),
        ({"steps": 0}, "steps must be from 1 to 50,000, not 0"),
        ({"steps": 10**9}, "steps must be from 1"),
        ({"seeds": 0}, "seeds must be from 1"),
        ({"first_seed": -1}, "first_seed must be from 0"),
        ({"every": 801}, "every must be from 1"),
        ({"mu": 1.0}, "mu is the head's probability mass"),
        ({"boundary": "above"}, "boundary must be one of below, reach"),
        ({"tail": "left"}, "tail must be one of rest, far, bottom"),
        ({"tail": "bottom", "bottom": 80}, "k, the number of tokens in the tail, must be from 1 to 79"),
        ({"far_from": 80}, "The first far token must be from 1 to 79"),
        ({"losses": ()}, "at least one loss"),
        ({"losses": ("akl:mu",)}, "is not of the form"),
        ({"target": (0.5, 0.5)}, 'goes with the preset "own"'),
        ({"preset": "own"}, 'goes with the preset "own"'),
        ({"start": Start("missing-mode", dropped=(70, 90))}, "The dropped stretch must lie within the 80 tokens"),
        ({"preset": "zipf", "tokens": 1}, "The vocabulary must have 2 to"),
        ({"steps": 50_000, "seeds": 1000}, "too much for one run"),
        ({"preset": "zipf", "tokens": 50_000, "steps": 5_000, "frames": True}, "too much for one run"),
    ],
)
def test_an_experiment_that_cannot_be_run_is_refused(changes, said):
    with pytest.raises(InvalidInput) as caught:
        discrete_config(**changes)
    assert said in str(caught.value)


@pytest.mark.parametrize("lr", [0.0, -1.0, float("nan"), float("inf")])
def test_a_learning_rate_that_is_no_positive_number_is_refused(lr):
    with pytest.raises(InvalidInput, match="lr must be a positive number"):
        Optimiser("sgd", lr)


@pytest.mark.parametrize(
    "wrong", [{"name": "lion"}, {"momentum": 1.0}, {"beta2": 1.0}, {"eps": 0.0}, {"weight_decay": -1.0}]
)
def test_an_optimiser_that_does_not_exist_is_refused(wrong):
    with pytest.raises(InvalidInput):
        Optimiser(**wrong)


@pytest.mark.parametrize("wrong", [{"kind": "cold"}, {"noise": -1.0}, {"depth": float("nan")}])
def test_a_start_that_does_not_exist_is_refused(wrong):
    with pytest.raises(InvalidInput):
        Start(**wrong)


def test_a_preset_brings_its_optimiser_start_and_steps_and_none_changes_nothing():
    assert discrete_config("paper-bimodal", steps=None).optimisers == (Optimiser("adam", 0.1),)
    assert discrete_config("zipf").start.kind == "warm"
    assert discrete_config("paper-longtail") == DiscreteConfig()


def test_the_last_step_is_always_recorded():
    assert discrete_config(steps=10, every=4).recorded == (0, 4, 8, 10)
    assert discrete_config(steps=8, every=4).recorded == (0, 4, 8)
    assert replace(discrete_config(), steps=1).recorded == (0, 1)


def test_every_public_name_can_be_fetched():
    for name in akl_viz.toys.__all__:
        assert getattr(akl_viz.toys, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        akl_viz.toys.nonsense  # noqa: B018


def test_settings_and_stored_results_need_no_torch():
    code = (
        "import sys\n"
        "from akl_viz.toys import DiscreteRuns, discrete_config, gaussian_config, stored_lowrank\n"
        "discrete_config().teacher(); gaussian_config(); stored_lowrank().findings()\n"
        "sys.exit('torch' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
