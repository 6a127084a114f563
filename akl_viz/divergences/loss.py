"""The training loss: any divergence of the table on logits, with its closed-form gradient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from akl_viz.divergences.blocks import rows_per_block
from akl_viz.divergences.buffers import ROOM_FOR_GRADIENT, Buffers, borrowed_buffers
from akl_viz.divergences.checks import check_shapes, working_dtype
from akl_viz.divergences.reduce import Reduction, reduced
from akl_viz.divergences.walk import Job, once_differentiable, taken


def distillation_loss(  # noqa: PLR0913 - one call with everything a trainer sets
    key: str,
    teacher_logits: Tensor,
    student_logits: Tensor,
    *,
    mask: Tensor | None = None,
    temperature: float = 1.0,
    reduction: Reduction = "mean",
    target: Tensor | None = None,
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
        target: (...) integer ids of the tokens that followed, for divergences that look at them; not read where masked.
        **params: parameters of the divergence, by name.

    Returns:
        A scalar in nats, or (...) for "none"; fp32, or fp64 if either model's logits are.

    Raises:
        InvalidInput: an unknown key, parameter or reduction, shapes that differ, an unmasked row that holds NaN or
            +inf or is -inf throughout, an unmasked target outside the vocabulary, or no target where the divergence
            needs one. A second derivative raises it too.
    """
    check_shapes(teacher_logits, student_logits)
    options = {"mask": mask, "temperature": temperature, "reduction": reduction, "target": target}
    job = Job.of(key, student_logits.shape[:-1], student_logits.device, params, **options)
    loss: Tensor = _Distillation.apply(student_logits, teacher_logits.detach(), job)  # type: ignore[no-untyped-call]
    return loss


class _Distillation(torch.autograd.Function):
    """Value and closed-form gradient in one walk over the rows."""

    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor, job: Job) -> Tensor:
        """The reduced loss; leaves the gradient for `backward`."""
        dtype = torch.promote_types(working_dtype(student), working_dtype(teacher))
        values = torch.zeros(job.lead.numel(), dtype=dtype, device=student.device)
        # fp16 would lose small entries to an early division by the number of tokens, so there it comes last.
        late = student.dtype == torch.float16
        gradient = _room_for_gradient(student, job) if ctx.needs_input_grad[0] else None
        with torch.autocast(student.device.type, enabled=False), borrowed_buffers() as buffers:
            _walk(student, teacher, job, (values, gradient, 1.0 if late else job.scale), buffers)
        if gradient is not None:
            ctx.save_for_backward(gradient, student)
        ctx.scale = job.scale if late else 1.0
        return reduced(values.view(job.lead), job.mask, job.reduction)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, None, None]:
        """The stored gradient times the incoming one."""
        gradient, student = ctx.saved_tensors
        incoming = grad_outputs[0] * ctx.scale
        if incoming.dim() > 0:
            gradient = (gradient * incoming.unsqueeze(-1)).to(gradient.dtype)
        elif float(incoming.detach()) != 1.0:
            gradient = gradient * incoming
        return once_differentiable(gradient, student), None, None


def _room_for_gradient(student: Tensor, job: Job) -> Tensor:
    """A contiguous tensor like the student's logits: 0 in masked rows, the others are still to be written."""
    gradient = torch.empty(student.shape, dtype=student.dtype, device=student.device)
    if job.mask is not None:
        gradient.view(-1, student.shape[-1]).index_fill_(0, (~job.mask).flatten().nonzero().squeeze(-1), 0.0)
    return gradient


def _walk(
    student: Tensor, teacher: Tensor, job: Job, results: tuple[Tensor, Tensor | None, float], buffers: Buffers
) -> None:
    """Fill values (N,) and, unless it is None, the gradient (..., V) times a scale, block by block."""
    values, gradient, scale = results
    vocabulary = student.shape[-1]
    rows = rows_per_block(vocabulary, values.dtype, student.device.type)
    for start, teacher_rows, student_rows in _pieces(teacher, student):
        for where in job.blocks(start, start + len(student_rows), rows):
            local = slice(where.start - start, where.stop - start) if isinstance(where, slice) else where - start
            pair = job.pair(taken(teacher_rows, local), taken(student_rows, local), where, buffers)
            if gradient is None:
                values[where] = job.divergence.value(pair, **job.params)
                continue
            flat = gradient.view(-1, vocabulary)
            place = flat[where] if isinstance(where, slice) else None
            buffers.lend(ROOM_FOR_GRADIENT, place)
            values[where], found = job.divergence.value_and_grad_at(pair, job.params)
            if place is not None:
                torch.mul(found, scale, out=place)
            else:
                flat[where] = (found * scale).to(flat.dtype)


def _pieces(teacher: Tensor, student: Tensor, start: int = 0) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Both as rows (R, V) with the flat position of the first.

    In one piece where the positions can be flattened without a copy, else piece by piece along the first axis, since
    flattening shifted logits (logits[:, :-1]) would copy them.
    """
    lead = student.shape[:-1]
    if lead.numel() == 0:
        return
    try:
        yield start, teacher.view(-1, teacher.shape[-1]), student.view(-1, student.shape[-1])
    except RuntimeError:
        step = lead[1:].numel()
        for number, (first, second) in enumerate(zip(teacher, student, strict=True)):
            yield from _pieces(first, second, start + number * step)
