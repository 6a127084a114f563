"""Structural facts about the weights of Wu et al. 2025."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from akl_viz.divergences import Pair, akl, akl_weights, head_of, log_probs, mixed_kl, weights_of
from tests.tolerances import EXACT, ORACLE

ROUNDED_HALF = 0.5 + 1e-12


def random_pair(rows: int, vocabulary: int, seed: int) -> Pair:
    """Peaked float64 pairs."""
    generator = torch.Generator().manual_seed(seed)
    teacher = 3.0 * torch.randn(rows, vocabulary, generator=generator, dtype=torch.float64)
    return Pair.from_logits(teacher, teacher + torch.randn(rows, vocabulary, generator=generator, dtype=torch.float64))


@pytest.mark.parametrize("boundary", ["below", "reach"])
def test_the_forward_weight_never_exceeds_one_half_when_the_head_is_one_token(boundary: Any):
    pair = random_pair(5_000, 12, 0)
    single = head_of(pair, 0.5, boundary).size == 1
    assert int(single.sum()) > 500
    assert float(weights_of(pair, 0.5, boundary)[0][single].max()) <= ROUNDED_HALF


def test_the_forward_weight_never_exceeds_one_half_when_all_head_errors_have_one_sign():
    pair = random_pair(5_000, 12, 1)
    mask = head_of(pair).mask()
    above = ((pair.excess >= 0) | ~mask).all(-1)
    below = ((pair.excess <= 0) | ~mask).all(-1)
    assert float(weights_of(pair)[0][above | below].max()) <= ROUNDED_HALF


def test_the_forward_weight_can_exceed_one_half_when_head_errors_have_both_signs():
    weights = weights_of(random_pair(5_000, 12, 2))[0]
    assert float(weights.max()) > 0.6


def test_a_one_token_head_and_a_one_signed_tail_share_the_weight_evenly():
    p, q = torch.tensor([[0.6, 0.2, 0.2], [0.5, 0.25, 0.25]], dtype=torch.float64)
    assert float(akl_weights(p.log(), q.log())[0]) == pytest.approx(0.5, abs=ORACLE["atol"])


def test_a_student_equal_to_its_teacher_gets_even_weights():
    teacher = log_probs(torch.tensor([1.0, 2.0, -torch.inf]))
    forward, reverse = akl_weights(teacher, teacher.clone())
    assert (float(forward), float(reverse)) == (0.5, 0.5)


def test_a_token_both_models_rule_out_has_no_part_in_the_weights():
    teacher, student = torch.tensor([3.0, 1.0, 0.5]).double(), torch.tensor([1.0, 2.0, 0.0]).double()
    banned = torch.tensor([-torch.inf]).double()
    with_banned = akl_weights(log_probs(torch.cat([teacher, banned])), log_probs(torch.cat([student, banned])))
    without = akl_weights(log_probs(teacher), log_probs(student))
    torch.testing.assert_close(with_banned, without, **EXACT)


def test_reversed_weights_are_the_adaptive_ones_swapped():
    pair = random_pair(20, 9, 4)
    forward, reverse = weights_of(pair)
    expected = [
        float(mixed_kl(teacher, student, float(weight)))
        for teacher, student, weight in zip(pair.teacher, pair.student, reverse, strict=True)
    ]
    found = akl(pair.teacher, pair.student, direction="reversed")
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), **ORACLE)
    assert not torch.equal(forward, reverse)
