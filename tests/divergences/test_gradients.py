"""Closed forms against two witnesses: autograd through the value, and differences of the plain-Python oracle."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given

from akl_viz.divergences import DIVERGENCES, Pair
from tests.divergences.settings import SETTINGS, paired, target_of
from tests.reference import central_differences, softmax
from tests.reference_rows import ORACLES, frozen
from tests.strategies import LogitPair, logit_pairs
from tests.tolerances import AUTOGRAD, FINITE_DIFFERENCE

each_setting = pytest.mark.parametrize(("key", "params"), SETTINGS, ids=lambda part: str(part))


def test_the_gradient_tests_cover_every_divergence():
    assert {key for key, _ in SETTINGS} == set(DIVERGENCES)


@each_setting
@given(logits=logit_pairs())
def test_the_closed_form_is_what_autograd_finds(key: str, params: dict[str, Any], logits: LogitPair):
    teacher, student = logits
    student = student.clone().requires_grad_()
    pair = Pair(teacher.log_softmax(-1), student.log_softmax(-1), target=paired(logits).target)
    value, closed = DIVERGENCES[key].value_and_grad(pair, **params)
    (found,) = torch.autograd.grad(value, student)
    torch.testing.assert_close(closed.detach(), found, **AUTOGRAD)


@each_setting
@given(logits=logit_pairs())
def test_the_closed_form_is_the_slope_of_the_oracle(key: str, params: dict[str, Any], logits: LogitPair):
    if key == "tvd":
        return
    teacher, student = logits[0].tolist(), logits[1].tolist()
    p, pair = softmax(teacher), paired(logits)
    oracle = frozen(key, params, p, softmax(student), target_of(pair))
    slope = central_differences(lambda moved: oracle(p, softmax(moved)), student)
    closed = DIVERGENCES[key].value_and_grad(pair, **params)[1]
    torch.testing.assert_close(closed, torch.tensor(slope, dtype=torch.float64), **FINITE_DIFFERENCE)


def test_the_slope_of_total_variation_is_its_closed_form_away_from_ties():
    teacher, student = [2.0, 0.0, -1.0, 0.5], [0.0, 1.0, -2.0, 0.7]
    p = softmax(teacher)
    slope = central_differences(lambda moved: ORACLES["tvd"](p, softmax(moved)), student)
    pair = Pair.from_logits(torch.tensor(teacher).double(), torch.tensor(student).double())
    closed = DIVERGENCES["tvd"].value_and_grad(pair)[1]
    torch.testing.assert_close(closed, torch.tensor(slope, dtype=torch.float64), **FINITE_DIFFERENCE)


def test_the_adaptive_gradient_is_not_the_slope_of_the_whole_value_since_its_weights_are_constants():
    teacher, student = [2.0, 1.5, -1.0, 0.5], [2.5, 0.0, 0.0, 0.7]
    p = softmax(teacher)
    slope = central_differences(lambda moved: ORACLES["akl"](p, softmax(moved), mu=0.9), student)
    pair = Pair.from_logits(torch.tensor(teacher).double(), torch.tensor(student).double())
    closed = DIVERGENCES["akl"].value_and_grad(pair, mu=0.9)[1]
    difference = (closed - torch.tensor(slope, dtype=torch.float64)).abs().max()
    assert float(difference) > 1000 * FINITE_DIFFERENCE["rtol"] * float(closed.abs().max())
