"""The stored numbers are what Python computes, and the sentences follow from numbers."""

import copy
import json

import pytest

from akl_viz.metrics import loss_name
from akl_viz.toys import Optimiser, plateau_steps
from akl_viz.ui.proof import numbers, words
from akl_viz.ui.proof.state import LOSSES, OPTIMISERS, State

ROUNDING = 1e-4
"""Relative: what is only drawn is stored at five significant digits."""
STORED = json.loads(numbers.STORED.read_text(encoding="utf-8"))
TOLD = "run python -m akl_viz.ui.proof.numbers"


def flat(value, at=""):
    if isinstance(value, dict):
        return [one for name, part in value.items() for one in flat(part, f"{at}.{name}")]
    if isinstance(value, list):
        return [one for place, part in enumerate(value) for one in flat(part, f"{at}.{place}")]
    return [(at, value)]


def test_the_stored_first_view_is_what_python_computes():
    default = State()
    fresh = {
        "phi": numbers._phi(default.weight),
        "simplex": numbers._simplex(default.teacher, default.start, default.optimiser),
        "late": numbers._late(default.target, default.teacher, default.seed),
    }
    for name, part in fresh.items():
        known, now = flat(STORED[name]), flat(part)
        assert [at for at, _ in known] == [at for at, _ in now], TOLD
        assert [value for _, value in known] == pytest.approx([value for _, value in now], rel=ROUNDING, abs=1e-9), TOLD


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_the_stored_plateau_is_what_python_computes(optimiser):
    limit = 700
    run = plateau_steps([1.0, 10.0], LOSSES, Optimiser(optimiser, OPTIMISERS[optimiser]), limit=limit)
    part = STORED["plateau"][optimiser]
    for loss in LOSSES:
        for depth in (1, 10):
            steps = part["reached"][loss][depth - 1]
            assert run.steps[loss, float(depth)] == (steps if steps is not None and steps <= limit else None), TOLD
        common = sorted(set(run.recorded.tolist()) & set(part["steps"]))
        assert len(common) >= 15
        fresh = [run.curves[loss][1][run.recorded.tolist().index(step)] for step in common]
        known = [part["curves"][loss][9][part["steps"].index(step)] for step in common]
        assert known == pytest.approx(fresh, rel=ROUNDING, abs=1e-9), TOLD


def test_the_step_counts_are_those_of_the_notes():
    sgd, adam = (STORED["plateau"][name]["reached"] for name in ("sgd", "adam"))
    assert [sgd["forward_kl"][depth - 1] for depth in (5, 10, 15)] == pytest.approx([267, 534, 804], rel=0.02)
    assert [sgd["reverse_kl"][depth - 1] for depth in (10, 15)] == [None, None]
    assert sgd["reverse_kl"][4] == pytest.approx(1087, rel=0.02)
    assert [adam["reverse_kl"][depth - 1] for depth in (5, 10, 15)] == pytest.approx([23, 54, 84], rel=0.02)


def test_a_missing_file_costs_the_wait_and_nothing_else(monkeypatch, tmp_path):
    monkeypatch.setattr(numbers, "stored", dict)
    assert numbers.phi(State())["mix"] == pytest.approx(STORED["phi"]["mix"], rel=1e-9)


def test_the_sentence_about_phi_would_say_if_it_fell():
    found = copy.deepcopy(STORED["phi"])
    assert "rises at every point" in words.phi(found, 0.5)[0]
    found["mix"][5] = found["mix"][4] - 1
    assert "does not rise everywhere" in words.phi(found, 0.5)[0]


def test_the_sentence_about_adam_follows_the_depth():
    assert "the plateau is gone" in words.plateau(STORED["plateau"], 10)[0]
    assert "more than 20,000 steps" in words.plateau(STORED["plateau"], 10)[0]
    assert "ε" in words.plateau(STORED["plateau"], 20)[0]
    assert "ε" not in words.plateau(STORED["plateau"], 5)[0]


@pytest.mark.parametrize(("depth", "rests"), [(1, False), (2, False), (4, False), (5, True), (10, True), (20, True)])
def test_a_plateau_is_told_of_only_where_kl_rests(depth, rests):
    told = words.plateau(STORED["plateau"], depth)[0]
    assert ("it rests near" in told) == rests
    assert ("there is no plateau from so small a depth" in told) != rests


def test_the_sentence_about_paths_names_every_loss():
    shows, _ = words.simplex(STORED["simplex"], State())
    for loss in LOSSES:
        assert f"{loss_name(loss)} {STORED['simplex']['reached'][loss]} steps" in shows
