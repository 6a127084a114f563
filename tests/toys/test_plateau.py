"""The plateau of reverse KL at a dropped mode: under sgd, and not under adam."""

import math

import numpy as np
import pytest

from akl_viz.errors import Cancelled, InvalidInput
from akl_viz.toys import Optimiser, Start, discrete_config, plateau_steps, run_discrete
from akl_viz.toys.targets import paper_bimodal

LOSSES = ("forward_kl", "reverse_kl")
PUBLISHED = 0.02


def check(found, published):
    for depth, counts in published.items():
        for loss, steps in zip(LOSSES, counts, strict=True):
            reached = found.steps[loss, float(depth)]
            assert reached == (None if steps is None else pytest.approx(steps, rel=PUBLISHED)), (loss, depth)


def test_adam_rescales_the_plateau_away(golden):
    found = plateau_steps((5, 10, 15), LOSSES, Optimiser("adam", 0.1), limit=500)
    for depth, counts in golden["plateau"]["adam"].items():
        assert [found.steps[loss, float(depth)] for loss in LOSSES] == counts


def test_sgd_reaches_the_dropped_mode_under_forward_kl_in_the_published_steps(golden):
    published = {depth: counts[:1] for depth, counts in golden["plateau"]["sgd"].items()}
    found = plateau_steps((5, 10, 15), ("forward_kl",), limit=1000)
    for depth, (steps,) in published.items():
        assert found.steps["forward_kl", float(depth)] == pytest.approx(steps, rel=PUBLISHED)


def test_adams_epsilon_brings_the_plateau_back_where_gradients_are_smaller_still():
    depths = (20.0, 25.0)
    rescaling = plateau_steps(depths, ("reverse_kl",), Optimiser("adam", 0.1, eps=1e-30), limit=1000)
    usual = plateau_steps(depths, ("reverse_kl",), Optimiser("adam", 0.1), limit=1000)
    assert max(rescaling.steps.values()) < 150
    assert usual.steps["reverse_kl", 20.0] > 200
    assert usual.steps["reverse_kl", 25.0] is None


@pytest.mark.slow
def test_sgd_stays_on_the_plateau_of_reverse_kl(golden):
    check(plateau_steps(limit=golden["plateau"]["limit"]), golden["plateau"]["sgd"])


def test_the_level_of_the_plateau_is_minus_the_log_of_the_mass_that_is_left():
    found = plateau_steps((15.0,), ("reverse_kl",), limit=300)
    teacher = paper_bimodal()
    assert found.level == pytest.approx(-math.log(teacher[25:].sum()), rel=1e-12)
    start = Start("missing-mode", depth=15.0)
    runs = run_discrete(
        discrete_config(
            "paper-bimodal", losses=("reverse_kl",), start=start, optimisers=(Optimiser("sgd", 1.0),), steps=300
        )
    )
    assert runs.curve("reverse_kl", "reverse_kl")[0] == pytest.approx(found.level, rel=1e-3)


def test_curves_fall_from_the_start_to_the_threshold():
    found = plateau_steps((5.0,), ("forward_kl",), limit=400)
    curve = found.curves["forward_kl"][0]
    assert len(curve) == len(found.recorded)
    assert (np.diff(curve) <= 0).all()
    steps = found.steps["forward_kl", 5.0]
    assert curve[found.recorded.tolist().index(steps)] < 0.05 <= curve[found.recorded.tolist().index(steps - 1)]


def test_what_never_came_back_is_missing_in_the_table_and_null_in_the_document():
    found = plateau_steps((15.0,), LOSSES, limit=20)
    assert found.frame()["steps"].isna().all()
    assert [run["steps"] for run in found.to_json()["runs"]] == [None, None]


@pytest.mark.parametrize(
    "wrong", [{"threshold": 0.0}, {"threshold": 1.0}, {"limit": 0}, {"depths": ()}, {"losses": ()}, {"depths": (-1.0,)}]
)
def test_a_search_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(InvalidInput):
        plateau_steps(**wrong)


def test_it_can_be_cancelled():
    with pytest.raises(Cancelled):
        plateau_steps(limit=500, cancelled=lambda: True)
