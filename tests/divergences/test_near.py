"""float32 keeps the value of a KL of rows that nearly agree, where the normalisers' rounding is as large."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from akl_viz.divergences import DIVERGENCES, Pair, distillation_loss
from tests.tolerances import NEAR

VALUES = (2e-3, 5e-7, 5e-8)
"""Nats: above the bound below which care is taken, and far below it."""
SETTLED: list[tuple[str, dict[str, Any]]] = [
    ("forward_kl", {}),
    ("reverse_kl", {}),
    ("mixed_kl", {"weight": 0.2}),
    ("akl", {}),
    ("klr", {}),
    ("jsd", {}),
    ("skew_forward_kl", {"alpha": 0.1}),
    ("skew_forward_kl", {"alpha": 0.8}),
    ("skew_reverse_kl", {"alpha": 0.1}),
    ("skew_reverse_kl", {"alpha": 0.8}),
]


def near_rows(sharpness: float, value: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Twelve rows of 5,000 logits whose KLs are about that many nats, float32."""
    generator = torch.Generator().manual_seed(3)
    teacher = sharpness * torch.randn(12, 5_000, generator=generator)
    return teacher, teacher + (2.0 * value) ** 0.5 * torch.randn(teacher.shape, generator=generator)


@pytest.mark.parametrize(("key", "params"), SETTLED, ids=str)
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("sharpness", [0.5, 4.0])
def test_single_precision_keeps_the_digits_of_a_small_divergence(
    key: str, params: dict[str, Any], value: float, sharpness: float
):
    teacher, student = near_rows(sharpness, value)
    found = DIVERGENCES[key].value(Pair.from_logits(teacher, student), **params)
    exact = DIVERGENCES[key].value(Pair.from_logits(teacher.double(), student.double()), **params)
    assert 1e-3 * value < float(exact.min())
    torch.testing.assert_close(found.double(), exact, **NEAR)


@pytest.mark.parametrize("key", ["forward_kl", "reverse_kl", "akl"])
def test_the_gradient_of_a_small_divergence_keeps_its_digits_too(key: str):
    teacher, student = near_rows(4.0, 5e-7)
    wide = student.double().requires_grad_()
    leaf = student.requires_grad_()
    for first, second in ((teacher, leaf), (teacher.double(), wide)):
        distillation_loss(key, first, second, reduction="sum").backward()
    assert leaf.grad is not None
    assert wide.grad is not None
    assert float((leaf.grad.double() - wide.grad).abs().max() / wide.grad.abs().max()) < NEAR["rtol"]


@pytest.mark.parametrize("side", [0, 1])
def test_a_token_that_one_side_all_but_rules_out_counts_in_full(side: int):
    """Its log-ratio is beyond what exp can hold, and the KL is still small, since its mass is."""
    rows = [torch.tensor([[0.0, -0.5, -13.0]]), torch.tensor([[1e-4, -0.5, -200.0]])]
    teacher, student = rows[side], rows[1 - side]
    for key in ("forward_kl", "reverse_kl"):
        single = DIVERGENCES[key].value(Pair.from_logits(teacher, student))
        double = DIVERGENCES[key].value(Pair.from_logits(teacher.double(), student.double()))
        assert float(double) < 1e-3
        torch.testing.assert_close(single.double(), double, **NEAR)


def test_near_rows_leave_the_others_of_their_batch_alone():
    teacher, student = near_rows(4.0, 5e-7)
    far = 4.0 * torch.randn(student.shape, generator=torch.Generator().manual_seed(4))
    mixed = torch.where(torch.arange(12).unsqueeze(-1) % 2 == 0, student, far)
    found = DIVERGENCES["forward_kl"].value(Pair.from_logits(teacher, mixed))
    for start, rows in ((0, student), (1, far)):
        alone = DIVERGENCES["forward_kl"].value(Pair.from_logits(teacher[start::2], rows[start::2]))
        torch.testing.assert_close(found[start::2], alone, rtol=1e-6, atol=0.0)


@pytest.mark.parametrize(
    ("key", "params"),
    [("forward_kl", {}), ("reverse_kl", {}), ("skew_forward_kl", {"alpha": 0.1}), ("skew_reverse_kl", {"alpha": 0.1})],
)
def test_autograd_through_a_value_counts_the_tokens_that_agree_to_the_last_digit(key: str, params: dict[str, Any]):
    """Two tokens have exchanged their probabilities, which differ little; the two others are equal exactly."""
    teacher = torch.tensor([0.3, 0.3 + 3e-7, 0.25, 0.15 - 3e-7], dtype=torch.float64).log()
    student = teacher[[1, 0, 2, 3]].requires_grad_()
    row = DIVERGENCES[key]
    row.value(Pair(teacher, student), **params).backward()
    assert student.grad is not None
    leaf = student.detach()
    found = student.grad - leaf.exp() * student.grad.sum()
    expected = row.value_and_grad(Pair(teacher, leaf), **params)[1]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-12)
