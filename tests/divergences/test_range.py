"""Logits far from 0, and gaps as wide as the number format allows: right where a number is right, never NaN."""

import pytest
import torch

from akl_viz.divergences import DIVERGENCES, distillation_loss, linear_distillation_loss
from tests.tolerances import SINGLE_GRADIENT

SHIFTED = {"rtol": 1e-3, "atol": 0.0}
"""float32 numbers near 1e5 keep two decimals: the same numbers in float64 give the same loss to 1e-5, and the fault
that this finds is off by 2e-2."""
WIDE = {"rtol": 2e-3, "atol": 1e-5}
"""float32 against float64 where log-ratios reach 1e38; rows whose value is beyond float32 are not compared."""
DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)


def options(divergence):
    return {"target": torch.zeros(2, dtype=torch.long)} if divergence.needs_target else {}


def settings():
    """Every row at its defaults and at both ends of each of its parameters."""
    for key, row in DIVERGENCES.items():
        yield pytest.param(key, {}, id=key)
        for param in row.params:
            edge = 1e-3 if param.open_ends else 0.0
            ends = param.choices or (param.lower + edge, param.upper - edge)
            for value in ends:
                yield pytest.param(key, {param.name: value}, id=f"{key}-{param.name}-{value}")


def rows(dtype):
    """Pairs of three logits with masks of the smallest finite number, in one model, the other, both, or neither."""
    low, high = torch.finfo(dtype).min, torch.finfo(dtype).max
    return (
        ([0.0, low, 1.0], [low, 0.0, 1.0]),
        ([0.0, low, 1.0], [0.0, 1.0, 1.0]),
        ([0.0, 1.0, 1.0], [0.0, low, 1.0]),
        ([0.0, low, low], [low, 0.0, low]),
        ([low, low, low], [0.0, 1.0, 2.0]),
        ([low / 2, 0.0, 1.0], [0.0, low / 2, low]),
        ([high, 0.0, low], [0.0, high, low]),
        ([high, high, 0.0], [0.0, 0.0, high]),
        ([low, 0.0, -torch.inf], [0.0, low, -torch.inf]),
        ([0.0, -torch.inf, low], [low, 0.0, 1.0]),
    )


def batch(first, dtype, vocabulary):
    """Two positions: the given logits, the rest masked, and an ordinary one."""
    found = torch.full((2, vocabulary), torch.finfo(dtype).min, dtype=dtype)
    found[0, :3] = torch.tensor(first, dtype=dtype)
    found[1] = torch.linspace(-1.0, 2.0, vocabulary).to(dtype)
    return found


def loss_and_gradient(key, teacher, student, **given):
    student = student.clone().requires_grad_()
    values = distillation_loss(key, teacher, student, reduction="none", **given)
    values.sum().backward()
    return values.detach(), student.grad


@pytest.mark.parametrize(("key", "params"), list(settings()))
def test_masks_of_the_smallest_finite_number_never_give_nan(key, params):
    for dtype in DTYPES:
        for teacher, student in rows(dtype):
            for vocabulary in (3, 4099):
                for temperature in (0.1, 1.0, 10.0):
                    values, gradient = loss_and_gradient(
                        key,
                        batch(teacher, dtype, vocabulary),
                        batch(student, dtype, vocabulary),
                        temperature=temperature,
                        **options(DIVERGENCES[key]),
                        **params,
                    )
                    assert not values.isnan().any()
                    assert not gradient.isnan().any()
                    if dtype != torch.float16:  # whose largest number is 65,504
                        assert gradient.isfinite().all()


@pytest.mark.parametrize("key", DIVERGENCES)
def test_the_gradient_of_an_infinite_value_stays_finite_also_divided_by_the_temperature(key):
    for dtype in (torch.float32, torch.float64):
        least, most = torch.finfo(dtype).min, torch.finfo(dtype).max
        shapes = [[1.0, least / 2, 0.5], [0.0, most / 2, 0.5], [least, 0.2, 1.0], [least, least, 1.0], [1.0, 0.5, 0.2]]
        first, second = torch.cartesian_prod(torch.arange(5), torch.arange(5)).T
        table = torch.tensor(shapes, dtype=dtype)
        for token in range(3):
            target = {"target": torch.full((25,), token)} if DIVERGENCES[key].needs_target else {}
            values, gradient = loss_and_gradient(key, table[first], table[second], temperature=0.5, **target)
            assert not values.isnan().any()
            assert gradient[values.isinf()].isfinite().all()


@pytest.mark.parametrize("key", [key for key, row in DIVERGENCES.items() if row.smooth or key == "klr"])
def test_wide_gaps_give_in_float32_what_they_give_in_float64(key):
    low = torch.finfo(torch.float32).min
    for teacher, student in rows(torch.float32)[:6]:
        one, other = batch(teacher, torch.float32, 3), batch(student, torch.float32, 3)
        narrow, slope = loss_and_gradient(key, one, other, **options(DIVERGENCES[key]))
        wide, right = loss_and_gradient(key, one.double(), other.double(), **options(DIVERGENCES[key]))
        held = (wide.abs() < -low) & (right.abs().amax(-1) < -low)
        torch.testing.assert_close(narrow[held].double(), wide[held], **WIDE)
        torch.testing.assert_close(slope[held].double(), right[held], **WIDE)


@pytest.mark.parametrize("offset", [1e4, 1e5, 1e6, -1e6])
@pytest.mark.parametrize("side", ["teacher", "student"])
@pytest.mark.parametrize("key", DIVERGENCES)
def test_logits_far_from_zero_give_what_the_same_numbers_give_in_float64(key, side, offset):
    generator = torch.Generator().manual_seed(0)
    teacher = torch.randn(2, 4000, generator=generator) * 3
    student = teacher + 0.5 * torch.randn(2, 4000, generator=generator)
    if side == "teacher":
        teacher = teacher + offset
    else:
        student = student + offset
    values, gradient = loss_and_gradient(key, teacher, student, **options(DIVERGENCES[key]))
    exact, slope = loss_and_gradient(key, teacher.double(), student.double(), **options(DIVERGENCES[key]))
    torch.testing.assert_close(values.double(), exact, **SHIFTED)
    largest = float(slope.abs().max())
    torch.testing.assert_close(gradient.double(), slope, rtol=1e-3, atol=SINGLE_GRADIENT["rtol"] * largest)


def test_an_offset_does_not_move_forward_kl():
    """By the definition, in float64, of numbers that float32 holds exactly: 1e5 more on every logit of one model."""
    student = torch.tensor([[0.5, 0.25, -1.0, 2.0]])
    teacher = torch.tensor([[1.5, 0.0, -2.0, 1.0]])
    p, q = (rows.double().softmax(-1) for rows in (teacher, student))
    right = float((p * (p / q).log()).sum())
    assert float(distillation_loss("forward_kl", teacher + 1e5, student)) == pytest.approx(right, rel=1e-6)
    assert float(distillation_loss("forward_kl", teacher, student - 1e5)) == pytest.approx(right, rel=1e-6)


@pytest.mark.parametrize("key", ["forward_kl", "reverse_kl", "akl"])
def test_the_loss_from_hidden_states_keeps_far_offsets_and_wide_gaps(key):
    generator = torch.Generator().manual_seed(1)
    hidden, head = torch.randn(3, 8, generator=generator), torch.randn(300, 8, generator=generator)
    bias = torch.zeros(300)
    far = torch.full((300,), 1e5)
    masked = bias.clone()
    masked[7] = torch.finfo(torch.float32).min
    for teacher_bias in (far, masked):
        student = hidden.clone().requires_grad_()
        loss = linear_distillation_loss(
            key, hidden, head, student, 0.9 * head, teacher_bias=teacher_bias, student_bias=bias
        )
        plain = distillation_loss(
            key, (hidden @ head.T + teacher_bias).double(), (hidden @ (0.9 * head).T + bias).double()
        )
        loss.backward()
        assert not student.grad.isnan().any()
        assert float(loss.detach()) == pytest.approx(float(plain), rel=1e-3)
