"""Rows at the edge of the definitions: each has one documented answer."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from akl_viz import divergences
from akl_viz.divergences import DIVERGENCES, Pair, entropy, forward_terms, gaps_of, log_probs, reverse_terms, weights_of
from akl_viz.errors import InvalidInput
from tests.divergences.settings import paired
from tests.tolerances import EXACT, ROUNDING

INF = torch.inf
each_divergence = pytest.mark.parametrize("key", DIVERGENCES)


def pair_of(teacher: list[float], student: list[float], dtype: torch.dtype = torch.float64) -> Pair:
    """A pair from lists of logits."""
    return paired((torch.tensor(teacher, dtype=dtype), torch.tensor(student, dtype=dtype)))


@each_divergence
def test_a_token_ruled_out_by_both_models_changes_nothing(key: str):
    value, gradient = DIVERGENCES[key].value_and_grad(pair_of([1.0, 0.0, 2.0], [0.0, 1.0, -1.0]))
    banned = pair_of([1.0, 0.0, -INF, 2.0], [0.0, 1.0, -INF, -1.0])
    banned_value, banned_gradient = DIVERGENCES[key].value_and_grad(banned)
    torch.testing.assert_close(banned_value, value, **ROUNDING)
    torch.testing.assert_close(banned_gradient[[0, 1, 3]], gradient, **ROUNDING)
    assert float(banned_gradient[2]) == 0.0


INFINITE = {
    "forward_kl": (True, False),
    "reverse_kl": (False, True),
    **dict.fromkeys(("mixed_kl", "akl", "todi", "bdkd", "klr"), (True, True)),
    "drkl": (False, True),
}
"""Key -> whether a token that only the student (only the teacher) rules out makes the value infinite; else neither."""


@each_divergence
def test_a_token_only_the_student_rules_out_makes_infinite_what_the_definition_makes_so(key: str):
    value, gradient = DIVERGENCES[key].value_and_grad(pair_of([1.0, 0.0, 0.5], [0.0, 1.0, -INF]))
    assert bool(value.isinf()) == INFINITE.get(key, (False, False))[0]
    assert bool(gradient.isfinite().all())
    assert float(gradient[2]) == 0.0


@each_divergence
def test_a_token_only_the_teacher_rules_out_makes_infinite_what_the_definition_makes_so(key: str):
    value, gradient = DIVERGENCES[key].value_and_grad(pair_of([1.0, 0.0, -INF], [0.0, 1.0, 0.5]))
    assert bool(value.isinf()) == INFINITE.get(key, (False, False))[1]
    assert bool(gradient.isfinite().all())


def test_an_infinite_forward_kl_keeps_its_gradient_on_the_tokens_the_student_can_still_give():
    pair = pair_of([0.0, 0.0, 0.0, 0.0], [0.0, 0.0, -INF, -INF])
    gradient = DIVERGENCES["forward_kl"].value_and_grad(pair)[1]
    torch.testing.assert_close(gradient, torch.tensor([0.25, 0.25, 0.0, 0.0], dtype=torch.float64), **ROUNDING)
    assert float(gradient.sum()) == pytest.approx(0.5)


def test_an_infinite_reverse_kl_has_gradient_zero_in_its_row_and_leaves_other_rows_alone():
    teacher = torch.tensor([[0.0, -INF, 1.0], [0.0, 0.5, 1.0]], dtype=torch.float64)
    student = torch.tensor([[0.0, 0.3, 1.0], [1.0, 0.3, 0.0]], dtype=torch.float64)
    gradient = DIVERGENCES["reverse_kl"].value_and_grad(Pair.from_logits(teacher, student))[1]
    alone = DIVERGENCES["reverse_kl"].value_and_grad(Pair.from_logits(teacher[1], student[1]))[1]
    assert gradient[0].tolist() == [0.0, 0.0, 0.0]
    torch.testing.assert_close(gradient[1], alone, **ROUNDING)
    assert float(alone.abs().max()) > 0.1


def test_an_infinite_term_of_weight_zero_adds_nothing():
    pair = pair_of([0.0, 0.0, 0.0], [0.0, 0.0, -INF])
    reverse = DIVERGENCES["reverse_kl"].value(pair)
    for key, params in (("akl", {"direction": "fixed", "weight": 0.0}), ("mixed_kl", {"weight": 0.0})):
        torch.testing.assert_close(DIVERGENCES[key].value(pair, **params), reverse, **EXACT)


def test_an_adaptive_weight_of_zero_silences_an_infinite_forward_kl():
    teacher = torch.tensor([0.5, 0.25, 0.25, 0.0], dtype=torch.float64).log()
    student = torch.tensor([0.5, 0.5, 0.0, 0.0], dtype=torch.float64).log()
    pair = Pair(teacher, student)
    assert float(weights_of(pair)[0]) == 0.0
    assert bool(DIVERGENCES["forward_kl"].value(pair).isinf())
    torch.testing.assert_close(DIVERGENCES["akl"].value(pair), DIVERGENCES["reverse_kl"].value(pair), **EXACT)


@each_divergence
def test_one_hot_rows_that_agree_have_divergence_and_gradient_zero(key: str):
    value, gradient = DIVERGENCES[key].value_and_grad(pair_of([-INF, 0.0, -INF], [-INF, 3.0, -INF]))
    assert float(value) == 0.0
    assert gradient.tolist() == [0.0, 0.0, 0.0]


@each_divergence
def test_uniform_rows_have_divergence_and_gradient_zero(key: str):
    value, gradient = DIVERGENCES[key].value_and_grad(pair_of([1.0] * 7, [-2.0] * 7))
    torch.testing.assert_close(value, torch.zeros_like(value), **ROUNDING)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), **ROUNDING)


@each_divergence
def test_a_vocabulary_of_one_has_divergence_and_gradient_zero(key: str):
    value, gradient = DIVERGENCES[key].value_and_grad(pair_of([4.0], [-9.0]))
    assert (float(value), float(gradient)) == (0.0, 0.0)


@each_divergence
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_huge_logits_give_a_number_and_a_finite_gradient(key: str, dtype: torch.dtype):
    value, gradient = DIVERGENCES[key].value_and_grad(pair_of([3e38, -3e38, 0.0], [-3e38, 3e38, 1e30], dtype))
    assert not bool(value.isnan())
    assert bool(gradient.isfinite().all())


@each_divergence
def test_a_probability_that_underflows_still_belongs_to_the_support(key: str):
    value, gradient = DIVERGENCES[key].value_and_grad(pair_of([0.0, -300.0], [-300.0, 0.0], torch.float32))
    assert bool(value.isfinite())
    assert bool(gradient.isfinite().all())


def test_forward_kl_is_infinite_even_if_the_teachers_probability_underflows():
    assert bool(DIVERGENCES["forward_kl"].value(pair_of([0.0, -300.0], [0.0, -INF], torch.float32)).isinf())


@each_divergence
def test_an_empty_batch_has_no_values_and_no_gradients(key: str):
    value, gradient = DIVERGENCES[key].value_and_grad(paired((torch.zeros(0, 5), torch.zeros(0, 5))))
    assert value.shape == (0,)
    assert gradient.shape == (0, 5)


def test_contributions_are_zero_for_a_shared_ban_and_infinite_for_a_lost_token():
    pair = pair_of([0.0, 0.0, -INF, -INF], [0.0, -INF, 0.0, -INF])
    assert forward_terms(pair)[1:].tolist() == [INF, 0.0, 0.0]
    assert reverse_terms(pair)[1:].tolist() == [0.0, INF, 0.0]


def test_a_one_hot_row_has_entropy_zero_and_a_uniform_one_the_logarithm_of_its_size():
    assert float(entropy(torch.tensor([0.0, -INF]))) == 0.0
    assert float(entropy(log_probs(torch.zeros(8, dtype=torch.float64)))) == pytest.approx(2.0794415416798357)


def test_gaps_of_equal_rows_are_zero_and_of_disjoint_rows_one_each():
    assert [float(gap) for gap in gaps_of(pair_of([0.0, 1.0], [0.0, 1.0]))] == [0.0, 0.0]
    assert [float(gap) for gap in gaps_of(pair_of([0.0, -INF], [-INF, 0.0]))] == [1.0, 1.0]


BAD_ROWS: list[tuple[Any, str]] = [
    (float("nan"), "holds NaN"),
    (INF, r"holds \+inf"),
]


@pytest.mark.parametrize("side", ["teacher", "student"])
@pytest.mark.parametrize(("entry", "message"), BAD_ROWS)
def test_a_row_with_a_number_no_model_should_give_is_refused_by_side_and_row(side: str, entry: float, message: str):
    logits = {"teacher": torch.zeros(4, 3), "student": torch.zeros(4, 3)}
    logits[side][2, 1] = entry
    with pytest.raises(InvalidInput, match=f"Row 2 of the {side} {message}"):
        Pair.from_logits(**{f"{name}_logits": rows for name, rows in logits.items()})


@pytest.mark.parametrize("side", ["teacher", "student"])
@pytest.mark.parametrize("build", [Pair, Pair.from_logits])
def test_a_row_that_rules_every_token_out_is_refused_by_side_and_row(side: str, build: Any):
    rows = [torch.full((2, 3), -1.1), torch.full((2, 3), -1.1)]
    rows[side == "student"][1] = -INF
    with pytest.raises(InvalidInput, match=f"Row 1 of the {side} is -inf throughout"):
        build(*rows)


@pytest.mark.parametrize("name", [*(key for key in DIVERGENCES if key != "drkl"), "gaps", "akl_weights"])
def test_public_functions_refuse_nan_log_probabilities(name: str):
    fine, broken = torch.zeros(2, 1), torch.full((2, 1), float("nan"))
    with pytest.raises(InvalidInput, match="Row 0 of the student holds NaN"):
        getattr(divergences, name)(fine, broken)
