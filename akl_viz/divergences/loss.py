"""The training loss: any divergence of the table on logits, with its closed-form gradient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from akl_viz.divergences.base import Divergence
from akl_viz.divergences.blocks import rows_per_block
from akl_viz.divergences.pair import Pair, check_temperature
from akl_viz.divergences.reduce import Reduction, check_reduction, divisor, reduced
from akl_viz.divergences.registry import get
from akl_viz.errors import InvalidInput


def distillation_loss(
    key: str,
    teacher_logits: Tensor,
    student_logits: Tensor,
    *,
    mask: Tensor | None = None,
    temperature: float = 1.0,
    reduction: Reduction = "mean",
    **params: float | str,
) -> Tensor:
    """How far the student is from the teacher by one divergence of the table, ready for `backward()`.

    The gradient is the closed form, written once in the forward pass and only for the student; the rows are walked in
    chunks, so beyond the gradient itself no tensor of the size of the logits is held. No factor temperature**2 is
    applied. fp16 and bf16 logits are computed in fp32 and get a gradient in their own dtype. Rows that are masked
    out are never read, so they may hold anything, even NaN, and get gradient 0. With no unmasked row the loss is 0.

    Args:
        key: a key of DIVERGENCES.
        teacher_logits: (..., V) finite or -inf.
        student_logits: (..., V) finite or -inf.
        mask: (...) bool or 0/1, true where a position counts; None for all.
        temperature: above 0; both models' logits are divided by it.
        reduction: "mean" over the unmasked positions of the whole batch, "sum", "none" (one value per position, 0
            where masked), or "batchmean" (sum divided by the size of the first dimension).
        **params: parameters of the divergence, by name.

    Returns:
        A scalar in nats, or (...) for "none"; fp32, or fp64 if either model's logits are.

    Raises:
        InvalidInput: an unknown key, parameter or reduction, shapes that differ, an unmasked row that holds NaN or
            +inf or is -inf throughout. A second derivative raises it too.
    """
    divergence = get(key)
    check_temperature(temperature)
    check_reduction(reduction)
    if teacher_logits.shape != student_logits.shape:
        raise InvalidInput(
            f"Teacher logits have shape {tuple(teacher_logits.shape)} and student logits "
            f"{tuple(student_logits.shape)}: they must be the same."
        )
    if student_logits.dim() == 0 or student_logits.shape[-1] == 0:
        raise InvalidInput(f"Logits must have a vocabulary as last axis, not shape {tuple(student_logits.shape)}.")
    job = _Job(divergence, divergence.checked(params), temperature, reduction, _checked_mask(mask, student_logits))
    loss: Tensor = _Distillation.apply(student_logits, teacher_logits.detach(), job)  # type: ignore[no-untyped-call]
    return loss


@dataclass(frozen=True)
class _Job:
    """What to compute, apart from the logits."""

    divergence: Divergence
    params: dict[str, float | str]
    temperature: float
    reduction: Reduction
    mask: Tensor | None


class _Distillation(torch.autograd.Function):
    """Value and closed-form gradient in one walk over the rows."""

    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor, job: _Job) -> Tensor:
        """The reduced loss; leaves the gradient for `backward`."""
        lead = student.shape[:-1]
        dtype = torch.promote_types(torch.promote_types(student.dtype, teacher.dtype), torch.float32)
        values = torch.zeros(lead, dtype=dtype, device=student.device)
        unmasked = values.numel() if job.mask is None else int(job.mask.sum())
        scale = 1.0 / (job.temperature * divisor(job.reduction, unmasked, lead))
        # fp16 would lose small entries to an early division by the number of tokens, so there it comes last.
        late = student.dtype == torch.float16
        gradient = None
        if ctx.needs_input_grad[0]:
            gradient = torch.zeros(student.shape, dtype=student.dtype, device=student.device)
        for where in _chunks(lead, job.mask, rows_per_block(student.shape[-1], dtype, student.device.type)):
            pair = _chunk_pair(teacher, student, where, job.temperature)
            if gradient is None:
                values[where] = job.divergence.value(pair, **job.params)
                continue
            values[where], rows = job.divergence.value_and_grad(pair, **job.params)
            gradient[where] = rows.to(student.dtype) if late else (rows * scale).to(student.dtype)
        if gradient is not None:
            ctx.save_for_backward(gradient, student)
        ctx.scale = scale if late else 1.0
        return reduced(values, job.mask, job.reduction)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, None, None]:
        """The stored gradient times the incoming one."""
        gradient, student = ctx.saved_tensors
        incoming = grad_outputs[0] * ctx.scale
        if incoming.dim() > 0:
            gradient = (gradient * incoming.unsqueeze(-1)).to(gradient.dtype)
        elif float(incoming.detach()) != 1.0:
            gradient = gradient * incoming
        if torch.is_grad_enabled():
            gradient = _OnceOnly.apply(gradient, student)  # type: ignore[no-untyped-call]
        return gradient, None, None


class _OnceOnly(torch.autograd.Function):
    """Passes a gradient on and explains itself when someone differentiates it."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, student: Tensor) -> Tensor:
        """The gradient unchanged, tied to the student so that a second derivative comes by here."""
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        """Refuse."""
        raise InvalidInput(
            "distillation_loss has a first derivative only: write the loss with torch operations for a second one."
        )


def _checked_mask(mask: Tensor | None, logits: Tensor) -> Tensor | None:
    """The mask as bool on the logits' device."""
    if mask is None:
        return None
    if mask.shape != logits.shape[:-1]:
        raise InvalidInput(
            f"mask has shape {tuple(mask.shape)}, but the logits have positions {tuple(logits.shape[:-1])}."
        )
    if mask.dtype != torch.bool and not bool(((mask == 0) | (mask == 1)).all()):
        raise InvalidInput("mask must be bool or hold only 0 and 1.")
    return mask.to(logits.device, torch.bool)


def _chunks(lead: torch.Size, mask: Tensor | None, rows: int) -> Iterator[tuple[Tensor, ...]]:
    """Index tuples over the positions (...), each for at most `rows` unmasked ones.

    Indices rather than a flattened view, because flattening shifted logits (logits[:, :-1]) would copy them.
    """
    if not lead:
        if mask is None or bool(mask):
            yield ()
        return
    flat = torch.arange(lead.numel()) if mask is None else mask.flatten().nonzero().squeeze(-1).cpu()
    for part in torch.split(flat, rows) if len(flat) else ():
        yield torch.unravel_index(part, lead)


def _chunk_pair(teacher: Tensor, student: Tensor, where: tuple[Tensor, ...], temperature: float) -> Pair:
    """The pair of one chunk; an error names the position in the whole batch."""

    def name(row: int) -> str:
        return str(tuple(int(axis[row]) for axis in where))

    return Pair.from_logits(teacher[where], student[where], temperature, position_name=name)
