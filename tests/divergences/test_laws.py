"""What is true of every divergence of the table, by its traits."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given

from akl_viz.divergences import DIVERGENCES
from tests.divergences.settings import paired
from tests.strategies import LogitPair, logit_pairs, logit_pairs_with_zeros
from tests.tolerances import EXACT, ROUNDING, SHIFT

each_divergence = pytest.mark.parametrize("key", DIVERGENCES)


@each_divergence
@given(logits=logit_pairs_with_zeros())
def test_a_divergence_is_never_negative_and_never_nan(key: str, logits: LogitPair):
    assert float(DIVERGENCES[key].value(paired(logits))) >= 0.0


@each_divergence
@given(logits=logit_pairs_with_zeros())
def test_a_student_equal_to_its_teacher_has_divergence_and_gradient_zero(key: str, logits: LogitPair):
    value, gradient = DIVERGENCES[key].value_and_grad(paired((logits[0], logits[0].clone())))
    torch.testing.assert_close(value, torch.zeros_like(value), **ROUNDING)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), **ROUNDING)


@each_divergence
@given(logits=logit_pairs(least_tokens=2))
def test_a_student_clearly_unlike_its_teacher_has_a_positive_divergence(key: str, logits: LogitPair):
    pair = paired(logits)
    if float(pair.absolute_gap.max()) > 1e-3:
        assert float(DIVERGENCES[key].value(pair)) > 0.0


@each_divergence
@given(logits=logit_pairs_with_zeros())
def test_a_divergence_stays_below_its_stated_bound(key: str, logits: LogitPair):
    row = DIVERGENCES[key]
    bound = row.upper_bound()
    value = float(row.value(paired(logits)))
    assert value <= (float("inf") if bound is None else bound + ROUNDING["atol"])


@each_divergence
def test_a_bound_is_reached_on_disjoint_supports_and_its_absence_by_an_infinite_value(key: str):
    row = DIVERGENCES[key]
    disjoint = paired((torch.tensor([0.0, -torch.inf]).double(), torch.tensor([-torch.inf, 0.0]).double()))
    bound, value = row.upper_bound(), float(row.value(disjoint))
    assert math.isfinite(value) == row.finite
    if bound is not None:
        assert value == pytest.approx(bound, abs=ROUNDING["atol"])


@each_divergence
@given(logits=logit_pairs_with_zeros())
def test_what_each_token_adds_sums_to_the_value(key: str, logits: LogitPair):
    pair = paired(logits)
    row = DIVERGENCES[key]
    total = row.term_values(pair).sum(-1).clamp_min(0.0)
    torch.testing.assert_close(total, row.value(pair), **SHIFT)


@pytest.mark.parametrize("key", ["tvd", "jsd", "hellinger", "alpha_beta", "todi"])
@given(logits=logit_pairs_with_zeros())
def test_no_token_lowers_a_divergence_whose_every_term_is_a_distance(key: str, logits: LogitPair):
    terms = DIVERGENCES[key].term_values(paired(logits))
    assert float(terms.min()) >= -ROUNDING["atol"]


@each_divergence
@given(logits=logit_pairs_with_zeros())
def test_a_divergence_marked_symmetric_does_not_change_when_the_sides_do(key: str, logits: LogitPair):
    row = DIVERGENCES[key]
    if row.symmetric:
        there, back = row.value(paired(logits)), row.value(paired((logits[1], logits[0])))
        torch.testing.assert_close(there, back, **SHIFT)


@each_divergence
def test_a_divergence_not_marked_symmetric_changes_when_the_sides_do(key: str):
    row = DIVERGENCES[key]
    teacher, student = torch.tensor([3.0, 1.0, 0.0, 0.0]), torch.tensor([0.0, 0.5, 2.0, 0.0])
    there, back = row.value(paired((teacher, student))), row.value(paired((student, teacher)))
    assert bool(torch.isclose(there, back)) == row.symmetric


@each_divergence
@pytest.mark.parametrize("side", [0, 1])
@given(logits=logit_pairs_with_zeros())
def test_adding_a_constant_to_all_logits_changes_nothing(key: str, side: int, logits: LogitPair):
    shifted = [row + 7.0 if place == side else row for place, row in enumerate(logits)]
    row = DIVERGENCES[key]
    value, gradient = row.value_and_grad(paired(logits))
    moved, moved_gradient = row.value_and_grad(paired((shifted[0], shifted[1])))
    torch.testing.assert_close(moved, value, **SHIFT)
    if row.smooth:
        torch.testing.assert_close(moved_gradient, gradient, **SHIFT)


@each_divergence
@given(logits=logit_pairs())
def test_the_gradient_sums_to_zero_over_the_vocabulary(key: str, logits: LogitPair):
    gradient = DIVERGENCES[key].value_and_grad(paired(logits))[1]
    assert float(gradient.sum()) == pytest.approx(0.0, abs=ROUNDING["atol"])


@each_divergence
@given(logits=logit_pairs_with_zeros())
def test_the_gradient_is_finite_and_zero_where_the_student_rules_a_token_out(key: str, logits: LogitPair):
    gradient = DIVERGENCES[key].value_and_grad(paired(logits))[1]
    assert bool(gradient.isfinite().all())
    assert float(gradient[logits[1] == -torch.inf].abs().sum()) == 0.0


@each_divergence
@given(logits=logit_pairs_with_zeros())
def test_the_value_alone_is_the_value_that_comes_with_the_gradient(key: str, logits: LogitPair):
    row = DIVERGENCES[key]
    alone, together = row.value(paired(logits)), row.value_and_grad(paired(logits))[0]
    torch.testing.assert_close(alone, together, **EXACT)


@each_divergence
@given(logits=logit_pairs(least_tokens=2))
def test_a_step_against_the_gradient_lowers_a_smooth_divergence(key: str, logits: LogitPair):
    row = DIVERGENCES[key]
    pair = paired(logits)
    before, gradient = row.value_and_grad(pair)
    size = float(gradient.norm())
    if size > 1e-3 and row.smooth and not row.constant_weights:
        after = row.value(paired((logits[0], logits[1] - 1e-4 * gradient / size)))
        assert float(after) < float(before)


@each_divergence
def test_asking_one_pair_for_everything_gives_what_separate_pairs_give(key: str):
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(2, 4, 40, generator=generator, dtype=torch.float64)
    shared = paired(logits)
    for row in DIVERGENCES.values():
        row.value_and_grad(shared)
    separate = DIVERGENCES[key].value_and_grad(paired((logits[0], logits[1])))
    for together, alone in zip(DIVERGENCES[key].value_and_grad(shared), separate, strict=True):
        torch.testing.assert_close(together, alone, **EXACT)
