"""One model's rows as probabilities and the normalisers that their logarithms are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from akl_viz.divergences.buffers import Buffers
from akl_viz.divergences.checks import check_rows, check_temperature

_LIKE_SIZE = 16.0
"""Difference of two maxima up to which a subtraction of plain logits keeps the digits of the log-ratio."""


@dataclass(frozen=True)
class Side:
    """One model's rows before their logarithms are written out, which not every divergence needs."""

    logits: Tensor
    """(..., V) logits / temperature."""
    maximum: Tensor
    """(..., 1) of the logits."""
    p: Tensor
    """(..., V) probabilities."""
    log_largest: Tensor
    """(..., 1) log-probability of the likeliest token: log p = logits - maximum + log_largest."""

    def log_p(self, out: Tensor | None) -> Tensor:
        """(..., V) log-probabilities; a difference too wide for the dtype is -inf."""
        return torch.sub(self.logits, self.maximum, out=out).add_(self.log_largest)

    def log_p_of(self, ids: Tensor) -> Tensor:
        """(..., K) the same of K tokens per row, by id, without the others."""
        return self.logits.gather(-1, ids) - self.maximum + self.log_largest

    def entropy(self, out: Tensor | None) -> Tensor:
        """(...) -sum p log p, nats, where no logit is -inf: the normaliser's part is a constant of the row."""
        return -(torch.sub(self.logits, self.maximum, out=out).mul_(self.p).sum(-1) + self.log_largest.squeeze(-1))


def side_of(logits: Tensor, temperature: float, side: str, name: Callable[[int], str], buffers: Buffers | None) -> Side:
    """Probabilities and normalisers of logits / temperature, after the checks.

    torch's softmax is the fastest exponential there is on CPU, but in fp32 it adds long rows lane by lane and is off by
    up to 5e-5 at 128k entries; torch.sum is pairwise, so a division by the sum repairs it. The normaliser of the
    logarithms then comes from the likeliest token.
    """

    def room(what: str) -> Tensor | None:
        return None if buffers is None else buffers.take(f"{side} {what}", logits.shape, logits.dtype, logits.device)

    check_temperature(temperature)
    # Before the maximum where it can be: it takes a row from memory once for all that it does with it.
    p = torch.softmax(logits, -1, out=room("p")) if temperature == 1.0 else None
    maximum = logits.amax(-1, keepdim=True)
    check_rows(maximum, side, name)
    if p is None:
        # Shifted first: a large offset divided by the temperature would round the differences.
        logits, maximum = torch.sub(logits, maximum, out=room("rows")).div_(temperature), torch.zeros_like(maximum)
        p = torch.softmax(logits, -1, out=room("p"))
    p.div_(p.sum(-1, keepdim=True))
    return Side(logits, maximum, p, p.amax(-1, keepdim=True).log_())


def log_ratio_of(teacher: Side, student: Side, out: Tensor | None) -> Tensor:
    """(..., V) log p - log q straight from logits: numbers of like size leave fewer roundings than logarithms.

    Where the two models' logits lie far apart as a whole, each is shifted by its maximum before the subtraction: the
    difference of the offsets would round the differences between tokens away.
    """
    offset = student.maximum - teacher.maximum
    level = teacher.log_largest - student.log_largest
    if offset.numel() == 0 or float(offset.abs().amax()) <= _LIKE_SIZE:
        return torch.sub(teacher.logits, student.logits, out=out).add_(offset + level)
    shifted = torch.sub(teacher.logits, teacher.maximum, out=out)
    return shifted.sub_(student.logits - student.maximum).add_(level)
