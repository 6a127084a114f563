"""Closed forms against two witnesses: autograd through the value, and differences of the plain-Python oracle."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given

from akl_viz.divergences import DIVERGENCES, Pair
from tests.reference import ORACLES, Row, central_differences, forward_weight, softmax
from tests.strategies import LogitPair, logit_pairs
from tests.tolerances import AUTOGRAD, FINITE_DIFFERENCE

SETTINGS: list[tuple[str, dict[str, Any]]] = [
    ("forward_kl", {}),
    ("reverse_kl", {}),
    ("mixed_kl", {}),
    ("mixed_kl", {"weight": 0.2}),
    ("jsd", {}),
    ("jsd", {"beta": 0.1}),
    ("jsd", {"beta": 0.9}),
    ("tvd", {}),
    ("akl", {}),
    ("akl", {"mu": 0.8, "boundary": "reach"}),
    ("akl", {"direction": "reversed"}),
    ("akl", {"direction": "fixed", "weight": 0.3}),
]
each_setting = pytest.mark.parametrize(("key", "params"), SETTINGS, ids=lambda part: str(part))


def test_the_gradient_tests_cover_every_divergence():
    assert {key for key, _ in SETTINGS} == set(DIVERGENCES)


@each_setting
@given(logits=logit_pairs())
def test_the_closed_form_is_what_autograd_finds(key: str, params: dict[str, Any], logits: LogitPair):
    teacher, student = logits
    student = student.clone().requires_grad_()
    pair = Pair(teacher.log_softmax(-1), student.log_softmax(-1))
    value, closed = DIVERGENCES[key].value_and_grad(pair, **params)
    (found,) = torch.autograd.grad(value, student)
    torch.testing.assert_close(closed.detach(), found, **AUTOGRAD)


def frozen_oracle(key: str, params: dict[str, Any], p: Row, q: Row) -> Callable[[Row, Row], float]:
    """The oracle with its adaptive weights held at their value for (p, q)."""
    if not DIVERGENCES[key].constant_weights or params.get("direction") == "fixed":
        return partial(ORACLES[key], **params)
    weight = forward_weight(p, q, params.get("mu", 0.5), params.get("boundary", "below"))
    return partial(ORACLES["mixed_kl"], weight=1.0 - weight if params.get("direction") == "reversed" else weight)


@each_setting
@given(logits=logit_pairs())
def test_the_closed_form_is_the_slope_of_the_oracle(key: str, params: dict[str, Any], logits: LogitPair):
    if not DIVERGENCES[key].smooth:
        return
    teacher, student = logits[0].tolist(), logits[1].tolist()
    p = softmax(teacher)
    oracle = frozen_oracle(key, params, p, softmax(student))
    slope = central_differences(lambda moved: oracle(p, softmax(moved)), student)
    closed = DIVERGENCES[key].value_and_grad(Pair.from_logits(*logits), **params)[1]
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
