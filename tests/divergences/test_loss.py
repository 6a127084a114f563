"""The training loss: reductions, masks, chunks, types and what autograd makes of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from akl_viz.divergences import DIVERGENCES, Pair, distillation_loss
from akl_viz.divergences import loss as loss_module
from akl_viz.errors import InvalidInput
from tests.tolerances import AUTOGRAD, EXACT, ORACLE

each_divergence = pytest.mark.parametrize("key", DIVERGENCES)
SHAPE = (2, 5, 11)
TARGET = torch.tensor([[3, 10, 0, 7, 7], [1, 2, 9, 0, 4]])
"""Passed to every row of the table; only some read it."""


def logits(seed: int, shape: tuple[int, ...] = SHAPE, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Reproducible logits of spread 2."""
    generator = torch.Generator().manual_seed(seed)
    return (2.0 * torch.randn(*shape, generator=generator, dtype=torch.float64)).to(dtype)


def gradient_of(loss: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
    """d loss / d student."""
    return torch.autograd.grad(loss, student)[0]


@each_divergence
def test_the_loss_is_the_mean_of_the_divergence_and_its_gradient_the_closed_form(key: str):
    teacher, student = logits(0), logits(1).requires_grad_()
    loss = distillation_loss(key, teacher, student, temperature=2.0, target=TARGET)
    value, gradient = DIVERGENCES[key].value_and_grad(Pair.from_logits(teacher, student.detach(), 2.0, target=TARGET))
    torch.testing.assert_close(loss.detach(), value.mean(), **ORACLE)
    torch.testing.assert_close(gradient_of(loss, student), gradient / 2.0 / value.numel(), **ORACLE)


@pytest.mark.parametrize("key", [key for key, row in DIVERGENCES.items() if row.smooth and not row.constant_weights])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none", "batchmean"])
def test_the_loss_passes_gradcheck(key: str, reduction: Any):
    teacher, mask = logits(0, (2, 3, 4)), torch.tensor([[1, 0, 1], [1, 1, 0]])

    def loss(student: torch.Tensor) -> torch.Tensor:
        options: dict[str, Any] = {"mask": mask, "temperature": 1.5, "reduction": reduction}
        return distillation_loss(key, teacher, student, target=mask, **options)

    assert torch.autograd.gradcheck(loss, (logits(1, (2, 3, 4)).requires_grad_(),))


def test_the_loss_with_a_fixed_direction_passes_gradcheck():
    def loss(student: torch.Tensor) -> torch.Tensor:
        return distillation_loss("akl", logits(0, (2, 4)), student, direction="fixed", weight=0.3)

    assert torch.autograd.gradcheck(loss, (logits(1, (2, 4)).requires_grad_(),))


@each_divergence
@pytest.mark.parametrize("reduction", ["mean", "sum", "none", "batchmean"])
def test_the_number_of_chunks_does_not_change_loss_or_gradient(
    key: str, reduction: Any, monkeypatch: pytest.MonkeyPatch
):
    mask = torch.tensor([[True, False, True, True, True], [False, True, True, False, True]])
    results = []
    for rows in (1, 3, 100):
        monkeypatch.setattr(loss_module, "rows_per_block", lambda *_, rows=rows: rows)
        student = logits(1).requires_grad_()
        loss = distillation_loss(key, logits(0), student, mask=mask, reduction=reduction, target=TARGET)
        results.append((loss.detach(), gradient_of(loss.sum(), student)))
    torch.testing.assert_close(results[0], results[2], **ORACLE)
    torch.testing.assert_close(results[1], results[2], **ORACLE)


def test_reductions_are_related_as_their_names_say():
    values = distillation_loss("akl", logits(0), logits(1), reduction="none")
    assert values.shape == SHAPE[:-1]
    for reduction, expected in (("sum", values.sum()), ("mean", values.mean()), ("batchmean", values.sum() / 2)):
        found = distillation_loss("akl", logits(0), logits(1), reduction=reduction)
        torch.testing.assert_close(found, expected, **ORACLE)


@each_divergence
@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), -float("inf")])
def test_masked_rows_may_hold_anything_and_get_gradient_zero(key: str, garbage: float):
    mask = torch.tensor([[True, False, True, True, True], [True, True, True, True, False]])
    teacher, student = logits(0), logits(1)
    expected = distillation_loss(key, teacher[mask], student[mask], target=TARGET[mask])
    teacher[~mask], student[~mask] = garbage, garbage
    student.requires_grad_()
    loss = distillation_loss(key, teacher, student, mask=mask, target=torch.where(mask, TARGET, -100))
    gradient = gradient_of(loss, student)
    torch.testing.assert_close(loss.detach(), expected, **ORACLE)
    assert bool(gradient.isfinite().all())
    assert float(gradient[~mask].abs().sum()) == 0.0


@each_divergence
@pytest.mark.parametrize("reduction", ["mean", "sum", "none", "batchmean"])
def test_with_every_position_masked_loss_and_gradient_are_zero(key: str, reduction: Any):
    student = torch.full(SHAPE, float("nan"), requires_grad=True)
    loss = distillation_loss(key, student.detach(), student, mask=torch.zeros(2, 5), reduction=reduction)
    assert float(loss.detach().sum()) == 0.0
    assert float(gradient_of(loss.sum(), student).abs().sum()) == 0.0


def test_an_empty_batch_has_loss_zero():
    assert float(distillation_loss("akl", torch.zeros(0, 7), torch.zeros(0, 7))) == 0.0


@pytest.mark.parametrize("mask", [None, torch.tensor(True), torch.tensor(0)])
def test_a_single_row_is_a_batch_without_positions(mask: torch.Tensor | None):
    student = logits(1, (11,)).requires_grad_()
    loss = distillation_loss("forward_kl", logits(0, (11,)), student, mask=mask, reduction="batchmean")
    gradient = gradient_of(loss, student)
    expected = DIVERGENCES["forward_kl"].value_and_grad(Pair.from_logits(logits(0, (11,)), student.detach()))
    counted = 0.0 if mask is not None and not bool(mask) else 1.0
    torch.testing.assert_close(loss.detach(), expected[0] * counted, **EXACT)
    torch.testing.assert_close(gradient, expected[1] * counted, **EXACT)


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.float32])
def test_a_mask_may_be_bool_or_zeros_and_ones(dtype: torch.dtype):
    mask = torch.tensor([[1, 0, 1, 1, 0], [0, 0, 1, 1, 1]])
    expected = distillation_loss("jsd", logits(0), logits(1), mask=mask.bool())
    torch.testing.assert_close(distillation_loss("jsd", logits(0), logits(1), mask=mask.to(dtype)), expected, **EXACT)


def test_shifted_logits_give_the_loss_and_gradient_of_their_copies():
    base = logits(1).requires_grad_()
    shifted = distillation_loss("akl", logits(0)[:, :-1], base[:, :-1])
    copied = base.detach()[:, :-1].clone().requires_grad_()
    expected = distillation_loss("akl", logits(0)[:, :-1].clone(), copied)
    torch.testing.assert_close(shifted.detach(), expected.detach(), **EXACT)
    torch.testing.assert_close(gradient_of(shifted, base)[:, :-1], gradient_of(expected, copied), **EXACT)


def test_the_gradient_is_scaled_by_what_follows_the_loss():
    student = logits(1).requires_grad_()
    once = gradient_of(distillation_loss("akl", logits(0), student), student)
    thrice = gradient_of(3.0 * distillation_loss("akl", logits(0), student), student)
    torch.testing.assert_close(thrice, 3.0 * once, **ORACLE)


def test_each_value_without_reduction_carries_its_own_gradient():
    student, weights = logits(1).requires_grad_(), torch.arange(10.0, dtype=torch.float64).view(2, 5)
    loss = (weights * distillation_loss("reverse_kl", logits(0), student, reduction="none")).sum()
    rows = DIVERGENCES["reverse_kl"].value_and_grad(Pair.from_logits(logits(0), student.detach()))[1]
    torch.testing.assert_close(gradient_of(loss, student), rows * weights.unsqueeze(-1), **ORACLE)


def test_the_same_loss_can_be_walked_back_twice():
    student = logits(1).requires_grad_()
    loss = distillation_loss("akl", logits(0), student)
    loss.backward(retain_graph=True)
    loss.backward()
    assert student.grad is not None
    fresh = logits(1).requires_grad_()
    torch.testing.assert_close(
        student.grad, 2.0 * gradient_of(distillation_loss("akl", logits(0), fresh), fresh), **ORACLE
    )


def test_only_the_student_gets_a_gradient():
    teacher, student = logits(0).requires_grad_(), logits(1).requires_grad_()
    distillation_loss("mixed_kl", teacher, student).backward()
    assert teacher.grad is None
    assert student.grad is not None


def test_without_a_student_gradient_the_loss_is_a_plain_number():
    loss = distillation_loss("akl", logits(0), logits(1))
    assert not loss.requires_grad
    with torch.no_grad():
        tracked = distillation_loss("akl", logits(0), logits(1).requires_grad_())
    torch.testing.assert_close(loss, tracked, **EXACT)


def test_a_second_derivative_is_refused_with_a_sentence():
    student = logits(1).requires_grad_()
    (first,) = torch.autograd.grad(distillation_loss("akl", logits(0), student), student, create_graph=True)
    with pytest.raises(InvalidInput, match="first derivative only"):
        first.pow(2).sum().backward()


def test_asking_for_a_graph_without_a_second_derivative_is_fine():
    student = logits(1).requires_grad_()
    loss = distillation_loss("akl", logits(0), student)
    plain = gradient_of(distillation_loss("akl", logits(0), student), student)
    (graphed,) = torch.autograd.grad(loss, student, create_graph=True)
    torch.testing.assert_close(graphed.detach(), plain, **EXACT)


def test_small_gradients_in_half_precision_survive_the_division_by_many_tokens_if_the_loss_is_scaled_up():
    student = logits(1, (512, 16), torch.float16).requires_grad_()
    teacher = logits(0, (512, 16), torch.float16)
    (65536.0 * distillation_loss("forward_kl", teacher, student)).backward()
    wide = student.detach().double().requires_grad_()
    (65536.0 * distillation_loss("forward_kl", teacher.double(), wide)).backward()
    assert student.grad is not None
    assert wide.grad is not None
    small = (wide.grad.abs() / 65536.0 > 5e-8) & (wide.grad.abs() / 65536.0 < 5e-7)
    assert int(small.sum()) > 50
    torch.testing.assert_close(student.grad.double()[small], wide.grad[small], rtol=2e-2, atol=0.0)


def test_a_logit_of_minus_infinity_gets_gradient_zero_and_spoils_no_other():
    teacher, student = logits(0), logits(1)
    teacher[..., 3], student[..., 3] = -torch.inf, -torch.inf
    student.requires_grad_()
    for key in DIVERGENCES:
        gradient = gradient_of(distillation_loss(key, teacher, student, target=TARGET), student)
        assert bool(gradient.isfinite().all())
        assert float(gradient[..., 3].abs().sum()) == 0.0


def test_gradients_reach_the_parameters_of_a_model():
    layer = torch.nn.Linear(4, 11, dtype=torch.float64)
    hidden = logits(5, (6, 4))
    distillation_loss("forward_kl", logits(0, (6, 11)), layer(hidden)).backward()
    expected = torch.nn.functional.kl_div(
        layer(hidden).log_softmax(-1), logits(0, (6, 11)).log_softmax(-1), reduction="batchmean", log_target=True
    )
    torch.testing.assert_close(layer.weight.grad, torch.autograd.grad(expected, layer.weight)[0], **AUTOGRAD)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": "kl"}, "no divergence 'kl'"),
        ({"student_logits": torch.zeros(2, 5, 12)}, r"\(2, 5, 11\).*\(2, 5, 12\)"),
        ({"mask": torch.ones(2, 4)}, r"mask has shape \(2, 4\).*\(2, 5\)"),
        ({"mask": torch.full((2, 5), 0.5)}, "only 0 and 1"),
        ({"temperature": 0.0}, "temperature"),
        ({"reduction": "avg"}, "reduction must be one of"),
        ({"nu": 0.5}, "akl does not know nu"),
        ({"mu": 2.0}, "mu must be"),
    ],
)
def test_a_wrong_call_is_refused_with_what_is_allowed(change: dict[str, Any], message: str):
    call: dict[str, Any] = {"key": "akl", "teacher_logits": logits(0), "student_logits": logits(1)} | change
    with pytest.raises(InvalidInput, match=message):
        distillation_loss(**call)


def test_logits_without_a_vocabulary_are_refused():
    with pytest.raises(InvalidInput, match="vocabulary as last axis"):
        distillation_loss("akl", torch.zeros(3, 0), torch.zeros(3, 0))


def test_a_broken_row_is_named_by_its_position_in_the_whole_batch():
    student = logits(1)
    student[1, 3, 4] = float("nan")
    with pytest.raises(InvalidInput, match=r"Row \(1, 3\) of the student holds NaN"):
        distillation_loss("akl", logits(0), student)
