"""What the two forms of the training loss share: the checked job, its blocks of rows, and the pair of one block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from akl_viz.divergences.base import Divergence
from akl_viz.divergences.buffers import Buffers
from akl_viz.divergences.checks import check_target_shape, check_temperature, checked_mask
from akl_viz.divergences.pair import Pair
from akl_viz.divergences.reduce import Reduction, check_reduction, divisor
from akl_viz.divergences.registry import get
from akl_viz.errors import InvalidInput

Where = slice | Tensor
"""Flat positions: a run of them, or their numbers on the device."""


@dataclass(frozen=True)
class Job:
    """What to compute, apart from the rows."""

    divergence: Divergence
    params: dict[str, float | str]
    temperature: float
    reduction: Reduction
    lead: torch.Size
    """Shape of the positions (...)."""
    mask: Tensor | None
    """(...) bool."""
    target: Tensor | None
    """(...) ids; anything where masked."""
    counted: int
    """Number of unmasked positions."""

    @classmethod
    def of(
        cls,
        key: str,
        lead: torch.Size,
        device: torch.device,
        params: Mapping[str, Any],
        **options: Any,
    ) -> Job:
        """The job after its checks; options are mask, temperature, reduction and target. Raises InvalidInput."""
        mask, temperature, reduction, target = (options[n] for n in ("mask", "temperature", "reduction", "target"))
        divergence = get(key)
        check_temperature(temperature)
        check_reduction(reduction)
        checked = divergence.checked(params)
        mask = checked_mask(mask, lead, device)
        if target is not None:
            check_target_shape(target, lead)
            target = target.to(device)
        counted = lead.numel() if mask is None else int(mask.sum())
        return cls(divergence, checked, temperature, reduction, lead, mask, target, counted)

    @property
    def scale(self) -> float:
        """What turns the gradient of a row of a pair into that of the reduced loss by the raw logits."""
        return 1.0 / (self.temperature * divisor(self.reduction, self.counted, self.lead))

    def blocks(self, start: int, stop: int, rows: int) -> Iterator[Where]:
        """The unmasked flat positions from start to stop, at most `rows` at a time."""
        if self.mask is None:
            for first in range(start, stop, rows):
                yield slice(first, min(first + rows, stop))
            return
        counted = self.mask.flatten()[start:stop].nonzero().squeeze(-1).add_(start)
        for part, host in zip(torch.split(counted, rows), torch.split(counted.cpu(), rows), strict=True):
            if len(host):
                first, last = int(host[0]), int(host[-1])
                yield slice(first, last + 1) if last - first + 1 == len(host) else part

    def pair(self, teacher: Tensor, student: Tensor, where: Where, buffers: Buffers) -> Pair:
        """The pair of one block of rows (R, V); an error names the position in the whole batch."""

        def name(row: int) -> str:
            flat = where.start + row if isinstance(where, slice) else int(where[row])
            return str(tuple(int(axis) for axis in torch.unravel_index(torch.tensor(flat), self.lead)))

        target = None if self.target is None else self.target.flatten()[where]
        return Pair.from_logits(teacher, student, self.temperature, target=target, buffers=buffers, position_name=name)


def taken(rows: Tensor, where: Where) -> Tensor:
    """Rows (R, ...) of a tensor whose first axis is the flat positions: a view where they are a run."""
    return rows[where] if isinstance(where, slice) else rows.index_select(0, where)


def once_differentiable(gradient: Tensor, *sources: Tensor) -> Tensor:
    """The gradient, tied to its sources so that a second derivative meets a sentence instead of a wrong zero."""
    if not torch.is_grad_enabled():
        return gradient
    tied: Tensor = _OnceOnly.apply(gradient, *sources)  # type: ignore[no-untyped-call]
    return tied


class _OnceOnly(torch.autograd.Function):
    """Passes a gradient on and explains itself when someone differentiates it."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, *sources: Tensor) -> Tensor:
        """The gradient unchanged."""
        return gradient.view_as(gradient)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        """Refuse."""
        raise InvalidInput(
            "The distillation loss has a first derivative only: write it with torch operations for a second one."
        )
