"""float32, bf16 and fp16 against float64 on rows as long as a real vocabulary."""

from __future__ import annotations

import pytest
import torch

from akl_viz.divergences import DIVERGENCES, Pair, distillation_loss, weights_of
from tests.tolerances import HALF, SINGLE, SINGLE_GRADIENT, SINGLE_WEIGHT

ROWS, VOCABULARY = 4, 50_257


def language_model_logits() -> tuple[torch.Tensor, torch.Tensor]:
    """A Zipf-like teacher with peaks and a student with errors of half a logit, float32."""
    generator = torch.Generator().manual_seed(11)
    ranks = torch.stack([torch.randperm(VOCABULARY, generator=generator) for _ in range(ROWS)]) + 1.0
    teacher = -1.1 * ranks.log() + torch.randn(ROWS, VOCABULARY, generator=generator)
    peaks = torch.randint(VOCABULARY, (ROWS, 3), generator=generator)
    teacher.scatter_add_(1, peaks, 8.0 * torch.rand(ROWS, 3, generator=generator))
    return teacher, teacher + 0.5 * torch.randn(ROWS, VOCABULARY, generator=generator)


TEACHER, STUDENT = language_model_logits()
TARGET = TEACHER.argmax(-1)
SINGLE_PAIR = Pair.from_logits(TEACHER, STUDENT, target=TARGET)
DOUBLE_PAIR = Pair.from_logits(TEACHER.double(), STUDENT.double(), target=TARGET)


@pytest.mark.parametrize("key", DIVERGENCES)
def test_single_precision_agrees_with_double_on_long_rows(key: str):
    value, gradient = DIVERGENCES[key].value_and_grad(SINGLE_PAIR)
    exact, exact_gradient = DIVERGENCES[key].value_and_grad(DOUBLE_PAIR)
    torch.testing.assert_close(value.double(), exact, **SINGLE)
    torch.testing.assert_close(gradient.double(), exact_gradient, **SINGLE_GRADIENT)


def test_single_precision_weights_and_entropies_agree_with_double_on_long_rows():
    torch.testing.assert_close(weights_of(SINGLE_PAIR)[0].double(), weights_of(DOUBLE_PAIR)[0], **SINGLE_WEIGHT)
    torch.testing.assert_close(SINGLE_PAIR.teacher_entropy.double(), DOUBLE_PAIR.teacher_entropy, **SINGLE)


@pytest.mark.parametrize("key", DIVERGENCES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_give_the_loss_of_the_same_numbers_and_a_gradient_in_their_own_type(
    key: str, dtype: torch.dtype
):
    teacher, student = TEACHER[:2, :500].to(dtype), STUDENT[:2, :500].to(dtype).requires_grad_()
    wide = student.detach().double().requires_grad_()
    target = teacher.argmax(-1)
    loss = distillation_loss(key, teacher, student, target=target)
    exact = distillation_loss(key, teacher.double(), wide, target=target)
    loss.backward()
    exact.backward()
    assert loss.dtype == torch.float32
    assert student.grad is not None
    assert student.grad.dtype == dtype
    torch.testing.assert_close(loss.detach().double(), exact.detach(), **SINGLE)
    large = wide.grad.abs() > 1e-4
    assert int(large.sum()) > 50
    torch.testing.assert_close(student.grad.double()[large], wide.grad[large], **HALF)
