"""The training loss from hidden states: logits exist for a few rows at a time only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from akl_viz.divergences.blocks import rows_per_block
from akl_viz.divergences.buffers import Buffers, borrowed_buffers
from akl_viz.divergences.checks import working_dtype
from akl_viz.divergences.reduce import Reduction, reduced
from akl_viz.divergences.walk import Job, Where, once_differentiable, taken
from akl_viz.errors import InvalidInput

_LEAST_ROWS = 32
"""Rows of one matrix product: with fewer, reading the output matrix costs more than the arithmetic."""
_BLOCK_BYTES = 1 << 23
"""Bytes of one block of logits beyond that many rows."""


def linear_distillation_loss(  # noqa: PLR0913 - one call with everything a trainer sets
    key: str,
    teacher_hidden: Tensor,
    teacher_weight: Tensor,
    student_hidden: Tensor,
    student_weight: Tensor,
    *,
    mask: Tensor | None = None,
    temperature: float = 1.0,
    reduction: Reduction = "mean",
    target: Tensor | None = None,
    teacher_bias: Tensor | None = None,
    student_bias: Tensor | None = None,
    **params: float | str,
) -> Tensor:
    """`distillation_loss` of the logits hidden @ weight.T + bias of both models, which never exist as a whole.

    The logits of a block of rows are made, compared and turned into gradients before the next block's, so memory beyond
    the gradients themselves does not grow with the number of positions. Gradients go to the student's hidden states,
    output matrix and bias, each only where it requires one; they are computed in the forward pass, except for
    reduction "none", where the backward pass walks the rows a second time. Under autocast the products run in
    autocast's dtype; sums of gradients are kept in at least fp32.

    Args:
        key: a key of DIVERGENCES.
        teacher_hidden: (..., H_t) what the teacher's output matrix is applied to.
        teacher_weight: (V, H_t).
        student_hidden: (..., H_s) over the same positions.
        student_weight: (V, H_s) over the same vocabulary.
        mask: (...) bool or 0/1, true where a position counts; None for all. Other rows are never read.
        temperature: above 0; both models' logits are divided by it. No factor temperature**2 is applied.
        reduction: as in distillation_loss.
        target: (...) integer ids of the tokens that followed, for divergences that look at them; not read where masked.
        teacher_bias: (V,) or None.
        student_bias: (V,) or None.
        **params: parameters of the divergence, by name.

    Returns:
        A scalar in nats, or (...) for "none"; fp32, or fp64 if either model's logits are.

    Raises:
        InvalidInput: shapes that do not fit, one model's tensors of different dtypes outside autocast, and whatever
            distillation_loss refuses. A second derivative raises it too.

    Source:
        The idea of fusing output matrix and loss is that of Liger-Kernel (Hsu et al. 2024, arXiv 2410.10989).
    """
    lead = student_hidden.shape[:-1]
    _check_shapes(teacher_hidden, teacher_weight, teacher_bias, "teacher")
    _check_shapes(student_hidden, student_weight, student_bias, "student")
    if teacher_hidden.shape[:-1] != lead:
        raise InvalidInput(
            f"Teacher and student have positions {tuple(teacher_hidden.shape[:-1])} and {tuple(lead)}: "
            "they must be the same."
        )
    if len(teacher_weight) != len(student_weight):
        raise InvalidInput(
            f"The output matrices have {len(teacher_weight)} and {len(student_weight)} rows: "
            "teacher and student must share a vocabulary."
        )
    options = {"mask": mask, "temperature": temperature, "reduction": reduction, "target": target}
    job = Job.of(key, lead, student_hidden.device, params, **options)
    dtype = _autocast_dtype(student_hidden.device.type)
    teacher = _Side.of(teacher_hidden.detach(), teacher_weight.detach(), teacher_bias, dtype, "teacher")
    plan = teacher, dtype, job
    loss: Tensor = _Linear.apply(student_hidden, student_weight, student_bias, plan)  # type: ignore[no-untyped-call]
    return loss


@dataclass(frozen=True)
class _Side:
    """One model: what its logits are made of, in the dtype they are made in."""

    hidden: Tensor
    """(N, H)"""
    weight: Tensor
    """(V, H)"""
    bias: Tensor | None
    """(V,)"""

    @classmethod
    def of(cls, hidden: Tensor, weight: Tensor, bias: Tensor | None, dtype: torch.dtype | None, side: str) -> _Side:
        """The side cast to the dtype, or as it is where that is None. Raises InvalidInput for mixed dtypes."""
        tensors = [hidden.detach().reshape(-1, hidden.shape[-1]), weight.detach()]
        tensors += [] if bias is None else [bias.detach()]
        if dtype is not None and hidden.dtype != torch.float64:
            tensors = [tensor.to(dtype) for tensor in tensors]
        if len({tensor.dtype for tensor in tensors}) > 1:
            names = ", ".join(str(tensor.dtype) for tensor in tensors)
            raise InvalidInput(f"The {side}'s hidden states, matrix and bias are {names}: cast them to one dtype.")
        working_dtype(tensors[0])
        return cls(tensors[0], tensors[1], tensors[2] if bias is not None else None)

    def logits(self, where: Where, buffers: Buffers, name: str) -> Tensor:
        """(R, V) logits of the rows."""
        hidden = taken(self.hidden, where)
        shape = torch.Size((len(hidden), len(self.weight)))
        room = buffers.take(name, shape, hidden.dtype, hidden.device)
        if self.bias is None:
            return torch.mm(hidden, self.weight.t(), out=room)
        return torch.addmm(self.bias, hidden, self.weight.t(), out=room)


@dataclass
class _Gradients:
    """The gradients of one walk, in at least fp32; None where nobody asks."""

    hidden: Tensor | None
    """(N, H)"""
    weight: Tensor | None
    """(V, H)"""
    bias: Tensor | None
    """(V,)"""

    @classmethod
    def empty(cls, student: _Side, needed: tuple[bool, bool, bool]) -> _Gradients:
        """Zeros for the needed ones."""
        sources = (student.hidden, student.weight, student.bias)
        return cls(
            *(
                torch.zeros(source.shape, dtype=working_dtype(source), device=source.device)
                if need and source is not None
                else None
                for need, source in zip(needed, sources, strict=True)
            )
        )

    def add(self, rows: Tensor, factor: Tensor | float, student: _Side, where: Where) -> None:
        """Add what a block contributes: its gradient by the logits (R, V), times a factor, scalar or (R, 1)."""
        # The factor goes to the narrow operands, and after the half-precision product, where it would underflow.
        if self.hidden is not None:
            self.hidden[where] = (rows.to(student.weight.dtype) @ student.weight).to(self.hidden.dtype) * factor
        if self.weight is not None:
            self.weight.addmm_(rows.t(), taken(student.hidden, where).to(rows.dtype) * factor)
        if self.bias is not None:
            self.bias += (rows * factor).sum(0)

    def kept(self) -> list[Tensor | None]:
        """In the order of the inputs."""
        return [self.hidden, self.weight, self.bias]


def _walk(
    teacher: _Side, student: _Side, job: Job, values: Tensor, gradients: _Gradients | None, upstream: Tensor | None
) -> None:
    """Fill values (N,) and, unless it is None, add up the gradients; upstream (N,) weighs the positions, None for 1."""
    vocabulary, device = len(student.weight), student.weight.device.type
    least = _BLOCK_BYTES // (vocabulary * values.dtype.itemsize)
    inner = rows_per_block(vocabulary, values.dtype, device)
    with torch.autocast(device, enabled=False), borrowed_buffers() as buffers:
        for where in job.blocks(0, len(values), max(_LEAST_ROWS, least, inner)):
            theirs, ours = teacher.logits(where, buffers, "teacher logits"), student.logits(where, buffers, "logits")
            rows = ours if ours.dtype == values.dtype else buffers.take("rows", ours.shape, values.dtype, ours.device)
            for first in range(0, len(ours), inner):
                part = slice(first, first + inner)
                numbers = _subset(where, part)
                pair = job.pair(theirs[part], ours[part], numbers, buffers)
                if gradients is None:
                    values[numbers] = job.divergence.value(pair, **job.params)
                else:
                    values[numbers], rows[part] = job.divergence.value_and_grad_at(pair, job.params)
            if gradients is not None:
                factor = job.scale if upstream is None else taken(upstream, where).unsqueeze(-1) * job.scale
                gradients.add(rows, factor, student, where)


def _subset(where: Where, part: slice) -> Where:
    """The positions of a part of a block's rows."""
    if isinstance(where, slice):
        return slice(where.start + part.start, min(where.start + part.stop, where.stop))
    return where[part]


class _Linear(torch.autograd.Function):
    """Value and closed-form gradients in one walk over blocks of rows."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        plan: tuple[_Side, torch.dtype | None, Job],
    ) -> Tensor:
        """The reduced loss; leaves the gradients for `backward`, or what they are made of for reduction "none"."""
        teacher, dtype, job = plan
        student = _Side.of(hidden, weight, bias, dtype, "student")
        working = torch.promote_types(working_dtype(student.hidden), working_dtype(teacher.hidden))
        values = torch.zeros(job.lead.numel(), dtype=working, device=hidden.device)
        needed = ctx.needs_input_grad[:3]
        now = any(needed) and job.reduction != "none"
        gradients = _Gradients.empty(student, needed) if now else None
        _walk(teacher, student, job, values, gradients, None)
        kept = gradients.kept() if gradients is not None else [None] * 3
        ctx.save_for_backward(hidden, weight, bias, *kept)
        ctx.later = (teacher, dtype, job, needed)
        return reduced(values.view(job.lead), job.mask, job.reduction)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        """The stored gradients times the incoming one."""
        hidden, weight, bias, *kept = ctx.saved_tensors
        teacher, dtype, job, needed = ctx.later
        incoming = grad_outputs[0]
        if job.reduction == "none":
            with torch.no_grad():
                student = _Side.of(hidden, weight, bias, dtype, "student")
                gradients = _Gradients.empty(student, needed)
                upstream = incoming.detach().reshape(-1)
                _walk(teacher, student, job, torch.zeros_like(upstream), gradients, upstream)
            kept, factor = gradients.kept(), None
        else:
            factor = None if float(incoming.detach()) == 1.0 else incoming
        inputs = (hidden, weight, bias)
        sources = [one for one, need in zip(inputs, needed, strict=True) if need]
        found: list[Tensor | None] = []
        for gradient, source in zip(kept, inputs, strict=True):
            if gradient is None:
                found.append(None)
                continue
            scaled = gradient if factor is None else gradient * factor
            found.append(once_differentiable(scaled.view(source.shape).to(source.dtype), *sources))
        return *found, None


def _autocast_dtype(device: str) -> torch.dtype | None:
    """What autocast makes matrix products in on this kind of device; None where it is off."""
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None


def _check_shapes(hidden: Tensor, weight: Tensor, bias: Tensor | None, side: str) -> None:
    """Refuse hidden states, matrix and bias that cannot be multiplied and added."""
    if hidden.dim() == 0 or weight.dim() != 2 or hidden.shape[-1] != weight.shape[1] or len(weight) == 0:
        raise InvalidInput(
            f"The {side}'s hidden states have shape {tuple(hidden.shape)} and its output matrix {tuple(weight.shape)}: "
            "they must be (..., H) and (V, H)."
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise InvalidInput(f"The {side}'s bias has shape {tuple(bias.shape)}, but there are {len(weight)} tokens.")
