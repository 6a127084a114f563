"""The loss from hidden states against the loss of the logits they make."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.functional import linear

from akl_viz.divergences import DIVERGENCES, distillation_loss, linear_distillation_loss
from akl_viz.divergences import linear as linear_module
from akl_viz.errors import InvalidInput
from tests.tolerances import EXACT, HALF, ORACLE, SINGLE

LEAD, VOCABULARY, TEACHER_WIDTH, STUDENT_WIDTH = (2, 5), 11, 6, 4
MASK = torch.tensor([[True, False, True, True, True], [False, True, True, False, True]])
TARGET = torch.tensor([[1, -100, 0, 10, 3], [-100, 5, 5, -100, 2]])
each_divergence = pytest.mark.parametrize("key", DIVERGENCES)
each_reduction = pytest.mark.parametrize("reduction", ["mean", "sum", "none", "batchmean"])

Tensors = dict[str, torch.Tensor]


def tensors(dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensors:
    """Hidden states, matrices and biases of both models; the student's require gradients."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    teacher = {
        "teacher_hidden": normal(*LEAD, TEACHER_WIDTH),
        "teacher_weight": normal(VOCABULARY, TEACHER_WIDTH),
        "teacher_bias": normal(VOCABULARY),
    }
    student = {
        "student_hidden": normal(*LEAD, STUDENT_WIDTH),
        "student_weight": normal(VOCABULARY, STUDENT_WIDTH),
        "student_bias": normal(VOCABULARY),
    }
    return teacher | {name: value.requires_grad_() for name, value in student.items()}


def logits(given: Tensors) -> tuple[torch.Tensor, torch.Tensor]:
    """What the two output layers make of them."""
    teacher, student = (
        linear(given[f"{side}_hidden"], given[f"{side}_weight"], given.get(f"{side}_bias"))
        for side in ("teacher", "student")
    )
    return teacher, student


def gradients(loss: torch.Tensor, given: Tensors) -> list[torch.Tensor]:
    """By the student's tensors that require one."""
    return list(torch.autograd.grad(loss, [value for value in given.values() if value.requires_grad]))


@each_divergence
@each_reduction
def test_value_and_gradients_are_those_of_the_logits(key: str, reduction: Any):
    given = tensors()
    options: dict[str, Any] = {"mask": MASK, "target": TARGET, "temperature": 1.7, "reduction": reduction}
    weights = torch.linspace(0.5, 2.0, 10, dtype=torch.float64).view(2, 5)
    loss = linear_distillation_loss(key, **given, **options)
    expected = distillation_loss(key, *logits(given), **options)
    torch.testing.assert_close(loss, expected, **ORACLE)
    scalar = (weights * loss).sum() if reduction == "none" else 3.0 * loss
    wanted = (weights * expected).sum() if reduction == "none" else 3.0 * expected
    torch.testing.assert_close(gradients(scalar, given), gradients(wanted, given), **ORACLE)


@each_reduction
@pytest.mark.parametrize("mask", [None, MASK])
def test_the_number_of_blocks_changes_nothing(reduction: Any, mask: Any, monkeypatch: pytest.MonkeyPatch):
    found = []
    for outer, inner in ((1, 1), (3, 2), (100, 100)):
        monkeypatch.setattr(linear_module, "_LEAST_ROWS", outer)
        monkeypatch.setattr(linear_module, "_BLOCK_BYTES", 0)
        monkeypatch.setattr(linear_module, "rows_per_block", lambda *_, inner=inner: inner)
        given = tensors()
        loss = linear_distillation_loss("akl", **given, mask=mask, reduction=reduction)
        found.append((loss.detach(), gradients(loss.sum(), given)))
    torch.testing.assert_close(found[0], found[2], **ORACLE)
    torch.testing.assert_close(found[1], found[2], **ORACLE)


@each_reduction
def test_the_loss_passes_gradcheck(reduction: Any):
    given = tensors()
    names = ("student_hidden", "student_weight", "student_bias")

    def loss(*student: torch.Tensor) -> torch.Tensor:
        replaced = given | dict(zip(names, student, strict=True))
        return linear_distillation_loss("mixed_kl", **replaced, mask=MASK, reduction=reduction)

    assert torch.autograd.gradcheck(loss, [given[name] for name in names])


@pytest.mark.parametrize("frozen", ["student_hidden", "student_weight", "student_bias"])
@each_reduction
def test_a_frozen_tensor_gets_no_gradient_and_the_others_the_same(frozen: str, reduction: Any):
    given, thawed = tensors(), tensors()
    given[frozen].requires_grad_(False)
    linear_distillation_loss("akl", **given, reduction=reduction).sum().backward()
    linear_distillation_loss("akl", **thawed, reduction=reduction).sum().backward()
    for name in ("student_hidden", "student_weight", "student_bias"):
        if name == frozen:
            assert given[name].grad is None
        else:
            torch.testing.assert_close(given[name].grad, thawed[name].grad, **ORACLE)


def test_a_frozen_matrix_costs_no_matrix_of_gradients(monkeypatch: pytest.MonkeyPatch):
    made: list[torch.Size] = []
    zeros = torch.zeros

    def watched(*args: Any, **kwargs: Any) -> torch.Tensor:
        made.append(torch.Size(args[0]) if isinstance(args[0], tuple) else torch.Size([args[0]]))
        return zeros(*args, **kwargs)

    monkeypatch.setattr(linear_module.torch, "zeros", watched)
    given = tensors()
    given["student_weight"].requires_grad_(False)
    linear_distillation_loss("akl", **given).backward()
    assert torch.Size((10, STUDENT_WIDTH)) in made
    assert torch.Size((VOCABULARY, STUDENT_WIDTH)) not in made


def test_the_biases_may_be_left_out():
    given = {name: value for name, value in tensors().items() if not name.endswith("bias")}
    loss, expected = linear_distillation_loss("jsd", **given), distillation_loss("jsd", *logits(given))
    torch.testing.assert_close(loss, expected, **ORACLE)
    torch.testing.assert_close(gradients(loss, given), gradients(expected, given), **ORACLE)


def test_the_teacher_gets_no_gradient():
    given = {name: value.detach().requires_grad_() for name, value in tensors().items()}
    linear_distillation_loss("akl", **given).backward()
    assert all((value.grad is None) == name.startswith("teacher") for name, value in given.items())


@each_reduction
def test_masked_rows_may_hold_anything_and_get_gradient_zero(reduction: Any):
    given = tensors()
    clean = linear_distillation_loss("akl", **given, mask=MASK, reduction=reduction)
    expected = gradients(clean.sum(), given)
    with torch.no_grad():
        for side in ("teacher", "student"):
            given[f"{side}_hidden"][~MASK] = float("nan")
    loss = linear_distillation_loss("akl", **given, mask=MASK, reduction=reduction)
    torch.testing.assert_close(loss, clean, **EXACT)
    found = gradients(loss.sum(), given)
    torch.testing.assert_close(found, expected, **EXACT)
    assert float(found[0][~MASK].abs().sum()) == 0.0


@each_reduction
def test_with_every_position_masked_loss_and_gradients_are_zero(reduction: Any):
    given = tensors()
    loss = linear_distillation_loss("akl", **given, mask=torch.zeros(LEAD), reduction=reduction)
    assert float(loss.detach().abs().sum()) == 0.0
    assert all(float(found.abs().sum()) == 0.0 for found in gradients(loss.sum(), given))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@each_reduction
def test_half_precision_tensors_get_gradients_in_their_own_type(dtype: torch.dtype, reduction: Any):
    given = tensors(dtype)
    wide = {name: value.detach().double().requires_grad_(value.requires_grad) for name, value in given.items()}
    loss = linear_distillation_loss("forward_kl", **given, reduction=reduction)
    exact = linear_distillation_loss("forward_kl", **wide, reduction=reduction)
    assert loss.dtype == torch.float32
    for found, wanted in zip(gradients(loss.sum(), given), gradients(exact.sum(), wide), strict=True):
        assert found.dtype == dtype
        # The logits themselves are rounded to 8 or 11 bits, as those of a model in that type are.
        assert float((found.double() - wanted).abs().max()) <= HALF["rtol"] * float(wanted.abs().max())


def test_autocast_makes_the_products_in_its_type_and_leaves_the_gradients_in_the_tensors_own():
    given = tensors(torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        loss = linear_distillation_loss("akl", **given)
        teacher, student = logits(given)
    assert student.dtype == torch.bfloat16
    torch.testing.assert_close(loss, distillation_loss("akl", teacher, student), **SINGLE)
    assert [found.dtype for found in gradients(loss, given)] == [torch.float32] * 3


def test_a_second_derivative_is_refused_with_a_sentence():
    given = tensors()
    for reduction in ("mean", "none"):
        loss = linear_distillation_loss("akl", **given, reduction=reduction).sum()
        first = torch.autograd.grad(loss, given["student_hidden"], create_graph=True)[0]
        with pytest.raises(InvalidInput, match="first derivative only"):
            first.pow(2).sum().backward()


def test_without_a_gradient_the_loss_is_a_plain_number():
    given = {name: value.detach() for name, value in tensors().items()}
    loss = linear_distillation_loss("akl", **given)
    assert not loss.requires_grad
    torch.testing.assert_close(loss, distillation_loss("akl", *logits(given)), **ORACLE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"student_weight": torch.zeros(VOCABULARY, 9)}, r"student's hidden states .*\(11, 9\)"),
        ({"teacher_hidden": torch.zeros(2, 4, TEACHER_WIDTH)}, r"positions \(2, 4\) and \(2, 5\)"),
        ({"student_weight": torch.zeros(12, STUDENT_WIDTH), "student_bias": None}, "11 and 12 rows"),
        ({"student_bias": torch.zeros(3)}, r"student's bias has shape \(3,\)"),
        ({"teacher_weight": torch.zeros(VOCABULARY, TEACHER_WIDTH)}, "teacher's hidden states.*cast them to one dtype"),
        ({"mask": torch.zeros(3)}, "mask has shape"),
        ({"target": torch.full(LEAD, VOCABULARY)}, "token ids go from 0 to 10"),
        ({"key": "kl"}, "no divergence 'kl'"),
    ],
)
def test_a_wrong_call_is_refused_with_what_is_allowed(change: dict[str, Any], message: str):
    call: dict[str, Any] = {"key": "akl", **tensors()} | change
    with pytest.raises(InvalidInput, match=message):
        linear_distillation_loss(**call)
