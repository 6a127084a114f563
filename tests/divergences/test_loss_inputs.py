"""The training loss on odd layouts, under autocast, with targets, on legal extremes and on an accelerator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from akl_viz.divergences import DIVERGENCES, Pair, distillation_loss
from akl_viz.divergences import loss as loss_module
from akl_viz.errors import InvalidInput
from tests.divergences.test_loss import SHAPE, each_divergence, gradient_of, logits
from tests.strategies import logit_pairs
from tests.tolerances import EXACT, ORACLE


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1), (2, 1, 0)])
@pytest.mark.parametrize("masked", [False, True])
def test_logits_in_any_memory_layout_give_the_loss_and_gradient_of_their_copies(
    order: tuple[int, ...], masked: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(loss_module, "rows_per_block", lambda *_: 3)
    shape = [SHAPE[axis] for axis in order]
    back = [order.index(axis) for axis in range(3)]
    teacher, student = (logits(seed, tuple(shape)).permute(back) for seed in (0, 1))
    assert not student.is_contiguous()
    mask = torch.tensor([[1, 0, 1, 1, 0], [0, 0, 1, 1, 1]]) if masked else None
    for key in ("akl", "jsd"):
        found, copied = student.clone(memory_format=torch.preserve_format).requires_grad_(), student.contiguous()
        copied = copied.clone().requires_grad_()
        loss = distillation_loss(key, teacher, found, mask=mask)
        expected = distillation_loss(key, teacher.contiguous(), copied, mask=mask)
        torch.testing.assert_close(loss, expected, **EXACT)
        torch.testing.assert_close(gradient_of(loss, found), gradient_of(expected, copied), **EXACT)


def test_autocast_leaves_loss_and_gradient_alone():
    results = []
    for enabled in (False, True):
        student = logits(1, dtype=torch.float32).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            loss = distillation_loss("akl", logits(0, dtype=torch.float32), student)
        results.append((loss.detach(), gradient_of(loss, student)))
    torch.testing.assert_close(results[0], results[1], **EXACT)


def test_targets_are_read_where_a_position_counts_and_only_there():
    mask = torch.tensor([[True, False, True, True, True], [True, True, True, True, False]])
    target = torch.where(mask, 3, -100)
    seen: list[torch.Tensor] = []

    def value(pair: Pair) -> torch.Tensor:
        assert pair.target is not None
        seen.append(pair.target)
        return pair.teacher.gather(-1, pair.target.unsqueeze(-1)).squeeze(-1)

    row = replace(DIVERGENCES["forward_kl"], key="probe", values=value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DIVERGENCES, "probe", row)
        loss = distillation_loss("probe", logits(0), logits(1), mask=mask, target=target)
    torch.testing.assert_close(loss, logits(0).log_softmax(-1)[..., 3][mask].mean(), **ORACLE)
    assert torch.equal(torch.cat(seen), torch.full((8,), 3))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (torch.full((2, 5), 11), "holds 11, but token ids go from 0 to 10"),
        (torch.full((2, 5), -100), "holds -100"),
        (torch.zeros(2, 4, dtype=torch.int64), r"target has shape \(2, 4\)"),
        (torch.zeros(2, 5), "integer token ids"),
    ],
)
def test_a_target_that_is_no_token_is_refused(target: torch.Tensor, message: str):
    with pytest.raises(InvalidInput, match=message):
        distillation_loss("akl", logits(0), logits(1), target=target)


@given(
    rows=logit_pairs(zeros=True),
    temperature=st.sampled_from([0.5, 1.0, 3.0]),
    gap=st.sampled_from(["absolute", "squared"]),
)
def test_nothing_legal_gives_nan(rows: tuple[torch.Tensor, torch.Tensor], temperature: float, gap: str):
    """With exact zeros, ties and equal rows the value may be infinite, the gradient never, and neither is NaN."""
    teacher, student = rows
    target = torch.tensor(0)
    for key, divergence in DIVERGENCES.items():
        params: dict[str, Any] = {"gap": gap} if key == "akl" else {}
        for second in (student, teacher):
            leaf = second.clone().requires_grad_()
            given_target = target if divergence.needs_target else None
            loss = distillation_loss(key, teacher, leaf, temperature=temperature, target=given_target, **params)
            assert not bool(loss.detach().isnan()), key
            assert bool(gradient_of(loss, leaf).isfinite().all()), key
    equal = student.clone().requires_grad_()
    loss = distillation_loss("akl", student, equal, temperature=temperature, gap=gap)
    assert float(loss.detach()) == 0.0
    assert float(gradient_of(loss, equal).abs().max()) <= 1e-15


@pytest.mark.gpu
@each_divergence
def test_an_accelerator_gives_the_loss_and_gradient_of_the_cpu(key: str):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    mask = torch.tensor([[1, 0, 1, 1, 0], [0, 0, 1, 1, 1]])
    target = torch.zeros(2, 5, dtype=torch.int64)
    results = []
    for device in ("cpu", "cuda"):
        teacher, student = (logits(seed, (2, 5, 9_001)).to(device) for seed in (0, 1))
        student.requires_grad_()
        loss = distillation_loss(key, teacher, student, mask=mask.to(device), target=target.to(device))
        results.append((loss.detach().cpu(), gradient_of(loss, student).cpu()))
    torch.testing.assert_close(results[0], results[1], rtol=1e-9, atol=1e-12)
