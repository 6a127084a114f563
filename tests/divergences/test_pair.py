"""What a pair accepts, keeps and shares."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from akl_viz import divergences
from akl_viz.divergences import DIVERGENCES, Pair, log_probs, rows_per_block
from akl_viz.divergences.base import Param
from akl_viz.divergences.buffers import Buffers
from akl_viz.errors import InvalidInput
from tests.tolerances import EXACT, ORACLE, SINGLE


def logits(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Reproducible logits of spread 3."""
    return (3.0 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)).to(dtype)


@pytest.mark.parametrize("build", [Pair, Pair.from_logits])
def test_rows_of_different_shape_are_refused_with_both_shapes(build: Any):
    with pytest.raises(InvalidInput, match=r"\(2, 5\).*\(2, 6\)"):
        build(torch.zeros(2, 5), torch.zeros(2, 6))


@pytest.mark.parametrize("shape", [(), (3, 0)])
def test_rows_without_a_vocabulary_are_refused(shape: tuple[int, ...]):
    with pytest.raises(InvalidInput, match="vocabulary as last axis"):
        Pair.from_logits(torch.zeros(shape), torch.zeros(shape))
    with pytest.raises(InvalidInput, match="vocabulary as last axis"):
        log_probs(torch.zeros(shape))


def test_logits_given_as_log_probabilities_are_refused_with_the_remedy():
    with pytest.raises(InvalidInput, match="log_probs first"):
        Pair(torch.tensor([0.0, 2.0]), torch.tensor([-0.7, -0.7]))


def test_whole_numbers_are_refused():
    with pytest.raises(InvalidInput, match="floating-point"):
        Pair.from_logits(torch.zeros(3, dtype=torch.int64), torch.zeros(3))


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("inf"), float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(temperature: float):
    with pytest.raises(InvalidInput, match="temperature must be a positive number"):
        Pair.from_logits(torch.zeros(3), torch.zeros(3), temperature)


def test_a_temperature_divides_both_models_logits():
    teacher, student = logits(2, 9), logits(2, 9, seed=1)
    tempered = Pair.from_logits(teacher, student, 2.5)
    divided = Pair.from_logits(teacher / 2.5, student / 2.5)
    torch.testing.assert_close(tempered.teacher, divided.teacher, **ORACLE)
    torch.testing.assert_close(tempered.q, divided.q, **ORACLE)


def test_a_pair_from_log_probabilities_equals_one_from_logits():
    teacher, student = logits(4, 30), logits(4, 30, seed=1)
    raw, ready = Pair.from_logits(teacher, student), Pair(log_probs(teacher), log_probs(student))
    for name in ("teacher", "student", "p", "q", "log_ratio", "excess", "teacher_entropy", "student_entropy"):
        torch.testing.assert_close(getattr(ready, name), getattr(raw, name), **ORACLE)


@pytest.mark.parametrize(
    ("teacher", "student", "result"),
    [
        (torch.bfloat16, torch.bfloat16, torch.float32),
        (torch.float16, torch.bfloat16, torch.float32),
        (torch.float16, torch.float32, torch.float32),
        (torch.float32, torch.float64, torch.float64),
    ],
)
def test_rows_are_computed_in_the_wider_type_and_at_least_in_single_precision(
    teacher: torch.dtype, student: torch.dtype, result: torch.dtype
):
    pair = Pair.from_logits(logits(2, 5, dtype=teacher), logits(2, 5, seed=1, dtype=student))
    assert {pair.teacher.dtype, pair.student.dtype, pair.p.dtype, pair.q.dtype} == {result}
    assert DIVERGENCES["akl"].value(pair).dtype == result


def test_long_rows_in_single_precision_sum_to_one_far_better_than_a_plain_softmax_would():
    pair = Pair.from_logits(logits(4, 128_256, dtype=torch.float32), logits(4, 128_256, seed=1, dtype=torch.float32))
    torch.testing.assert_close(pair.p.double().sum(-1), torch.ones(4, dtype=torch.float64), rtol=0.0, atol=5e-7)
    torch.testing.assert_close(pair.teacher.double().exp().sum(-1), torch.ones(4, dtype=torch.float64), **SINGLE)


def test_making_a_pair_leaves_the_logits_as_they_were():
    teacher, student = logits(2, 5), logits(2, 5, seed=1)
    before = teacher.clone(), student.clone()
    DIVERGENCES["akl"].value_and_grad(Pair.from_logits(teacher, student))
    torch.testing.assert_close((teacher, student), before, **EXACT)


def test_what_is_shared_is_computed_once():
    pair = Pair.from_logits(logits(2, 5), logits(2, 5, seed=1))
    assert pair.log_ratio is pair.log_ratio
    assert DIVERGENCES["forward_kl"].value(pair) is DIVERGENCES["forward_kl"].value(pair)
    assert DIVERGENCES["reverse_kl"].value_and_grad(pair)[1] is DIVERGENCES["reverse_kl"].value_and_grad(pair)[1]


def test_full_support_is_lost_with_the_first_ruled_out_token():
    teacher = logits(2, 5)
    assert Pair.from_logits(teacher, teacher).full_support
    banned = teacher.clone()
    banned[1, 3] = -torch.inf
    assert not Pair.from_logits(banned, teacher).full_support
    assert not Pair.from_logits(banned, banned).full_support


@pytest.mark.parametrize("key", [key for key, row in DIVERGENCES.items() if not row.needs_target])
def test_public_functions_are_the_rows_of_the_table_on_log_probabilities(key: str):
    teacher, student = log_probs(logits(2, 3, 8)), log_probs(logits(2, 3, 8, seed=1))
    value, gradient = DIVERGENCES[key].value_and_grad(Pair(teacher, student))
    torch.testing.assert_close(getattr(divergences, key)(teacher, student), value, **EXACT)
    torch.testing.assert_close(getattr(divergences, f"{key}_grad")(teacher, student), gradient, **EXACT)
    assert value.shape == (2, 3)
    assert gradient.shape == (2, 3, 8)


def moved(param: Param) -> float | str:
    """Another value of the parameter than its default."""
    if param.choices:
        return next(choice for choice in reversed(param.choices) if choice != param.default)
    default = float(param.default)
    lower, upper = max(param.lower, default - 1.0), min(param.upper, default + 1.0)
    return 0.6 * default + 0.4 * (upper if default < upper else lower)


@pytest.mark.parametrize("key", [key for key, row in DIVERGENCES.items() if row.params and not row.needs_target])
def test_public_functions_pass_every_parameter_on(key: str):
    row = DIVERGENCES[key]
    pair = Pair(log_probs(logits(30, 12)), log_probs(logits(30, 12, seed=1)))
    for param in row.params:
        params = {param.name: moved(param)} | ({"direction": "fixed"} if (key, param.name) == ("akl", "weight") else {})
        value, gradient = row.value_and_grad(pair, **params)
        assert not torch.equal(value, row.value(pair))
        torch.testing.assert_close(getattr(divergences, key)(pair.teacher, pair.student, **params), value, **ORACLE)
        found = getattr(divergences, f"{key}_grad")(pair.teacher, pair.student, **params)
        torch.testing.assert_close(found, gradient, **ORACLE)


TARGET = torch.tensor([[1, 7, 0], [3, 3, 2]])


def test_a_target_is_kept_as_whole_numbers_beside_the_rows():
    teacher, student = logits(2, 3, 8), logits(2, 3, 8, seed=1)
    raw = Pair.from_logits(teacher, student, target=TARGET.int())
    ready = Pair(log_probs(teacher), log_probs(student), target=TARGET)
    for pair in (raw, ready):
        assert pair.target is not None
        assert pair.target.dtype == torch.int64
        assert torch.equal(pair.target, TARGET)
    assert Pair.from_logits(teacher, student).target is None


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (TARGET[:, :2], r"target has shape \(2, 2\).*\(2, 3\)"),
        (TARGET.double(), "integer token ids, not torch.float64"),
        (TARGET > 0, "integer token ids, not torch.bool"),
        (TARGET + 1, "holds 8, but token ids go from 0 to 7"),
        (TARGET - 1, "holds -1, but token ids go from 0 to 7"),
    ],
)
def test_a_target_that_is_no_token_is_refused(target: torch.Tensor, message: str):
    with pytest.raises(InvalidInput, match=message):
        Pair.from_logits(logits(2, 3, 8), logits(2, 3, 8), target=target)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("offset", [0.0, 300.0])
def test_a_pair_in_borrowed_memory_holds_the_numbers_of_one_in_its_own(temperature: float, offset: float):
    buffers = Buffers()
    for rows in (4, 2, 3):
        teacher, student = logits(rows, 30) + offset, logits(rows, 30, seed=1)
        lent, own = (Pair.from_logits(teacher, student, temperature, buffers=room) for room in (buffers, None))
        for name in ("log_ratio", "excess", "absolute_gap", "p", "q", "teacher", "student"):
            torch.testing.assert_close(getattr(lent, name), getattr(own, name), rtol=1e-9, atol=1e-12)
        values = own.log_ratio.square()
        torch.testing.assert_close(lent.teacher_sum(values), own.teacher_terms(values).sum(-1), **ORACLE)
        torch.testing.assert_close(lent.student_sum(values), own.student_terms(values).sum(-1), **ORACLE)


def test_mixtures_of_two_shares_in_borrowed_memory_leave_each_other_alone():
    teacher, student = logits(4, 30), logits(4, 30, seed=1)
    lent, own = (Pair.from_logits(teacher, student, buffers=room) for room in (Buffers(), None))
    for beta in (0.2, 0.5, 0.2):
        found, expected = (DIVERGENCES["jsd"].value_and_grad(pair, beta=beta) for pair in (lent, own))
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("banned", [False, True])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("offset", [0.0, 300.0])
def test_entropies_and_chosen_tokens_in_borrowed_memory_need_no_logarithms_of_all(
    temperature: float, offset: float, banned: bool
):
    teacher, student = logits(4, 30) + offset, logits(4, 30, seed=1)
    if banned:
        teacher[:, 3] = student[1, 5] = -torch.inf
    lent, own = (Pair.from_logits(teacher, student, temperature, buffers=room) for room in (Buffers(), None))
    ids = torch.tensor([[0, 3, 5, 29]]).expand(4, -1)
    chosen, expected = lent.taken(ids), own.taken(ids)
    torch.testing.assert_close(lent.teacher_entropy, own.teacher_entropy, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(lent.student_entropy, own.student_entropy, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(chosen.teacher, expected.teacher, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(expected.student, own.student.gather(-1, ids), **EXACT)
    assert ("teacher" in lent._kept) == banned


def test_a_block_holds_at_least_one_row_and_more_of_short_rows():
    assert rows_per_block(10**9) == 1
    assert rows_per_block(1_000) > rows_per_block(50_257) > 1
    assert rows_per_block(50_257, torch.float64) < rows_per_block(50_257)
    assert rows_per_block(50_257, device="cuda") > rows_per_block(50_257)


def test_the_log_ratio_is_zero_for_a_shared_ban_and_infinite_for_a_ban_of_one_side():
    inf = torch.inf
    pair = Pair.from_logits(torch.tensor([0.0, -inf, 0.0, -inf]), torch.tensor([0.0, -inf, -inf, 0.0]))
    assert pair.log_ratio.tolist() == [0.0, 0.0, inf, -inf]
