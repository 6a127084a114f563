"""Every divergence at every parameter that takes another path: on longer rows, in single precision, with zeros."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from akl_viz.divergences import DIVERGENCES, Pair
from tests.divergences.settings import SETTINGS, paired
from tests.divergences.test_identities import rows
from tests.divergences.test_precision import DOUBLE_PAIR, SINGLE_PAIR
from tests.reference_rows import ORACLES
from tests.strategies import LogitPair, logit_pairs_with_zeros
from tests.tolerances import SINGLE

TWELVE_DIGITS = 1e-12
"""Absolute, on rows of a thousand: as many roundings of 1e-16 as it takes to add values of order 1."""
GRADIENT_ERROR = 3e-5
"""float32 against float64, relative to the largest entry, as the project promises."""

LONG = rows(997, 3)
LONG_TARGET = torch.tensor([0, 500, 996])


@pytest.mark.parametrize(("key", "params"), SETTINGS, ids=str)
def test_a_row_of_a_thousand_tokens_is_the_oracle_to_twelve_digits(key: str, params: dict[str, Any]):
    pair = Pair.from_logits(*LONG, target=LONG_TARGET)
    values = DIVERGENCES[key].value(pair, **params)
    for number, found in enumerate(values.tolist()):
        extra = {"target": int(LONG_TARGET[number])} if key == "drkl" else {}
        expected = ORACLES[key](pair.p[number].tolist(), pair.q[number].tolist(), **params, **extra)
        # alpha = beta = 0 adds a squared log ratio for every token: hundreds, not ones.
        assert abs(found - expected) <= TWELVE_DIGITS * max(1.0, expected)


@pytest.mark.parametrize(("key", "params"), SETTINGS, ids=str)
def test_the_gradient_of_a_row_of_a_thousand_tokens_is_what_autograd_finds(key: str, params: dict[str, Any]):
    teacher, student = LONG[0], LONG[1].clone().requires_grad_()
    pair = Pair(teacher.log_softmax(-1), student.log_softmax(-1), target=LONG_TARGET)
    value, closed = DIVERGENCES[key].value_and_grad(pair, **params)
    (found,) = torch.autograd.grad(value.sum(), student)
    assert float((closed.detach() - found).abs().max()) <= TWELVE_DIGITS * max(1.0, float(found.abs().max()))


@pytest.mark.parametrize(("key", "params"), SETTINGS, ids=str)
@given(logits=logit_pairs_with_zeros(), single=st.booleans())
def test_no_parameter_makes_a_value_nan_or_a_gradient_infinite(
    key: str, params: dict[str, Any], logits: LogitPair, single: bool
):
    teacher, student = (row.float() if single else row for row in logits)
    value, gradient = DIVERGENCES[key].value_and_grad(paired((teacher, student)), **params)
    assert float(value) >= 0.0
    assert bool(gradient.isfinite().all())
    assert float(gradient[student == -torch.inf].abs().sum()) == 0.0


@pytest.mark.parametrize(("key", "params"), SETTINGS, ids=str)
def test_single_precision_keeps_its_promise_on_rows_of_a_language_model(key: str, params: dict[str, Any]):
    value, gradient = DIVERGENCES[key].value_and_grad(SINGLE_PAIR, **params)
    exact, exact_gradient = DIVERGENCES[key].value_and_grad(DOUBLE_PAIR, **params)
    torch.testing.assert_close(value.double(), exact, **SINGLE)
    error = (gradient.double() - exact_gradient).abs().amax(-1)
    assert bool((error <= GRADIENT_ERROR * exact_gradient.abs().amax(-1)).all())
