"""Points at which one divergence of the table is another, or a multiple of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given

from akl_viz.divergences import DIVERGENCES, Pair, amid, drkl, forward_kl, skew_forward_kl
from tests.divergences.settings import paired, target_of
from tests.strategies import LogitPair, logit_pairs, logit_pairs_with_zeros
from tests.tolerances import AUTOGRAD, EXACT, ORACLE, SHIFT

NEAR_AN_END = 1e-4
"""Relative: a parameter 1e-6 away from its end changes terms by about 1e-6 times p/q or q/p, here below 20."""

SAME: list[tuple[str, dict[str, Any], str, dict[str, Any], float]] = [
    ("amid", {"alpha": -1.0, "lam": 0.3}, "skew_forward_kl", {"alpha": 0.3}, 1.0),
    ("alpha_beta", {"alpha": 1.0, "beta": 0.0}, "forward_kl", {}, 1.0),
    ("alpha_beta", {"alpha": 0.0, "beta": 1.0}, "reverse_kl", {}, 1.0),
    ("alpha_beta", {"alpha": 0.5, "beta": 0.5}, "hellinger", {}, 4.0),
    ("taid", {"t": 1.0}, "forward_kl", {}, 1.0),
    ("todi", {"beta": 0.0}, "mixed_kl", {"weight": 0.5}, 1.0),
    ("bdkd", {"gain": 1.0}, "mixed_kl", {"weight": 0.5}, 2.0),
    ("akl", {"direction": "fixed", "weight": 0.3}, "mixed_kl", {"weight": 0.3}, 1.0),
    ("mixed_kl", {"weight": 1.0}, "forward_kl", {}, 1.0),
    ("mixed_kl", {"weight": 0.0}, "reverse_kl", {}, 1.0),
    ("jsd", {"beta": 0.25, "scaled": "yes"}, "jsd", {"beta": 0.25}, 16.0 / 3.0),
]
"""A divergence at some parameters, another one at some, and the factor between them."""


def same_ids(part: Any) -> str:
    return str(part)


@pytest.mark.parametrize(("one", "at", "other", "there", "factor"), SAME, ids=same_ids)
@given(logits=logit_pairs())
def test_two_divergences_that_are_one_agree_in_value_and_gradient(
    one: str, at: dict[str, Any], other: str, there: dict[str, Any], factor: float, logits: LogitPair
):
    pair = paired(logits)
    value, gradient = DIVERGENCES[one].value_and_grad(pair, **at)
    expected, expected_gradient = DIVERGENCES[other].value_and_grad(pair, **there)
    torch.testing.assert_close(value, factor * expected, **SHIFT)
    torch.testing.assert_close(gradient, factor * expected_gradient, **SHIFT)


@pytest.mark.parametrize(("one", "at", "other", "there", "factor"), SAME, ids=same_ids)
@given(logits=logit_pairs_with_zeros())
def test_they_agree_in_value_where_tokens_are_ruled_out(
    one: str, at: dict[str, Any], other: str, there: dict[str, Any], factor: float, logits: LogitPair
):
    pair = paired(logits)
    expected = factor * DIVERGENCES[other].value(pair, **there)
    torch.testing.assert_close(DIVERGENCES[one].value(pair, **at), expected, **SHIFT)


@given(logits=logit_pairs_with_zeros())
def test_alpha_beta_at_one_and_one_is_half_the_squared_error(logits: LogitPair):
    pair = paired(logits)
    value, gradient = DIVERGENCES["alpha_beta"].value_and_grad(pair, alpha=1.0, beta=1.0)
    torch.testing.assert_close(value, 0.5 * (pair.p - pair.q).square().sum(-1), **SHIFT)
    pulled = pair.q * (pair.q - pair.p)
    torch.testing.assert_close(gradient, pulled - pair.q * pulled.sum(-1, keepdim=True), **SHIFT)


@given(logits=logit_pairs())
def test_the_ratio_of_klr_is_the_sum_of_squares_over_the_sum(logits: LogitPair):
    pair = paired(logits)
    forward, toward_forward = DIVERGENCES["forward_kl"].value_and_grad(pair)
    reverse, toward_reverse = DIVERGENCES["reverse_kl"].value_and_grad(pair)
    if float(forward + reverse) > 1e-9:
        value, gradient = DIVERGENCES["klr"].value_and_grad(pair)
        torch.testing.assert_close(value, (forward**2 + reverse**2) / (forward + reverse), **SHIFT)
        expected = (forward * toward_forward + reverse * toward_reverse) / (forward + reverse)
        torch.testing.assert_close(gradient, expected, **SHIFT)


@pytest.mark.parametrize("vocabulary", [2, 5, 40])
def test_decoupled_reverse_kl_with_the_weight_it_took_away_is_reverse_kl(vocabulary: int):
    teacher, student = rows(vocabulary, 6)
    for number in range(len(teacher)):
        pair = Pair.from_logits(teacher[number], student[number], target=torch.tensor(number % vocabulary))
        gamma = 1.0 - float(pair.q[target_of(pair)])
        value = DIVERGENCES["drkl"].value(pair, gamma=gamma)
        torch.testing.assert_close(value, DIVERGENCES["reverse_kl"].value(pair), **ORACLE)


def test_the_gradient_of_reverse_kl_has_the_term_that_decoupling_takes_away():
    """RKL - DRKL at gamma = 1 - q_t is the slope of 1 - q_t times KL of the rest: -q_t (1 - q_t) KL^ at the target."""
    teacher, student = rows(9, 1)
    pair = Pair.from_logits(teacher[0], student[0], target=torch.tensor(4))
    at_target = float(pair.q[4])
    decoupled, without = (DIVERGENCES["drkl"].value_and_grad(pair, gamma=gamma) for gamma in (1.0 - at_target, 0.0))
    rest = (decoupled[0] - without[0]) / (1.0 - at_target)
    slope = torch.where(torch.arange(9) == 4, at_target - 1.0, torch.full((9,), at_target).double())
    slope = slope * torch.where(torch.arange(9) == 4, torch.full_like(pair.q, at_target), pair.q)
    expected = DIVERGENCES["reverse_kl"].value_and_grad(pair)[1]
    torch.testing.assert_close(decoupled[1] + slope * rest, expected, **AUTOGRAD)


@pytest.mark.parametrize(
    ("key", "params", "end"),
    [
        ("jsd", {"beta": 1e-6, "scaled": "yes"}, "forward_kl"),
        ("jsd", {"beta": 1.0 - 1e-6, "scaled": "yes"}, "reverse_kl"),
        ("skew_forward_kl", {"alpha": 1e-6}, "forward_kl"),
        ("skew_reverse_kl", {"alpha": 1e-6}, "reverse_kl"),
    ],
    ids=same_ids,
)
def test_a_parameter_near_its_end_gives_nearly_the_kl_it_tends_to(key: str, params: dict[str, Any], end: str):
    pair = Pair.from_logits(*rows(40, 6))
    value, gradient = DIVERGENCES[key].value_and_grad(pair, **params)
    expected, slope = DIVERGENCES[end].value_and_grad(pair)
    assert float(expected.min()) > 0.01
    torch.testing.assert_close(value, expected, rtol=NEAR_AN_END, atol=0.0)
    assert float((gradient - slope).abs().max()) <= NEAR_AN_END * float(slope.abs().max())


def test_public_functions_show_the_identities_on_log_probabilities():
    teacher, student = (logits.log_softmax(-1) for logits in rows(12, 3))
    torch.testing.assert_close(amid(teacher, student, -1.0, 0.4), skew_forward_kl(teacher, student, 0.4), **ORACLE)
    at_target = torch.zeros(3, dtype=torch.int64)
    assert drkl(teacher, student, at_target).shape == forward_kl(teacher, student).shape


def rows(vocabulary: int, count: int, seed: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """(count, vocabulary) float64 logits of a peaked teacher and a student half a logit away."""
    generator = torch.Generator().manual_seed(seed)
    teacher = 2.0 * torch.randn(count, vocabulary, generator=generator, dtype=torch.float64)
    return teacher, teacher + 0.5 * torch.randn(count, vocabulary, generator=generator, dtype=torch.float64)


def test_two_ways_to_the_same_row_are_the_same_numbers():
    pair = Pair.from_logits(*rows(997, 3))
    fixed = DIVERGENCES["akl"].value_and_grad(pair, direction="fixed", weight=0.5)
    torch.testing.assert_close(fixed, DIVERGENCES["mixed_kl"].value_and_grad(pair), **EXACT)
