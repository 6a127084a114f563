"""What rows share: the softmax chain rule, and terms of a KL between any two rows of log-probabilities."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from akl_viz.divergences.pair import Pair, weighed

_WIDE = 80.0
"""Log-ratio beyond which the smaller side vanishes beside any share, and before which exp does not overflow fp32."""


def logit_gradient(pair: Pair, weighted: Tensor) -> Tensor:
    """The gradient by the student's logits, from the derivative by the student's log-probabilities.

    With e_j = q_j dD/dq_j it is g_j = e_j - q_j sum(e). Where the sum is infinite no finite direction exists and the
    whole row is 0, as for reverse KL; an entry at a student logit of -inf is 0.

    Args:
        pair: whose q it is.
        weighted: (..., V) e_j, nats; may hold +inf.

    Returns:
        (..., V) finite.
    """
    total = weighted.sum(-1, keepdim=True)
    if pair.full_support:
        return weighted - pair.q * total
    lost = ~total.isfinite()
    gradient = torch.where(weighted.isfinite(), weighted, torch.zeros_like(weighted))
    gradient = gradient - pair.q * torch.where(lost, torch.zeros_like(total), total)
    return torch.where(lost | (pair.student == -torch.inf), torch.zeros_like(gradient), gradient)


def over_mixture(
    share: float, rest: float, ratio: Tensor, rooms: tuple[Tensor | None, Tensor | None] = (None, None)
) -> tuple[Tensor, Tensor]:
    """log(a/m) and log(b/m) for m = share a + rest b, from ratio = log(a/b).

    Exact to rounding for ratios near 0, and for shares near 0 and 1 (down to 1e-30): where b is nearly all of the
    mixture, log(b/m) is small and keeps its digits. -inf for a side that alone is ruled out.

    Args:
        share: part of a in the mixture, between 0 and 1.
        rest: 1 - share, given apart so that neither loses digits.
        ratio: (..., V), nats; may be infinite.
        rooms: where to write the two results, None for fresh memory.

    Returns:
        Two tensors (..., V), nats, at most -log share and -log rest.
    """
    if rest < share:
        second, first = over_mixture(rest, share, -ratio, rooms[::-1])
        return first, second
    if ratio.numel() == 0 or float(ratio.detach().amax()) <= _WIDE:
        room = rooms[1]
        excess = torch.log1p(torch.mul(torch.expm1(ratio, out=room), share, out=room), out=room)
        return torch.sub(ratio, excess, out=rooms[0]), torch.neg(excess, out=room)
    excess = torch.log1p(share * torch.expm1(ratio.clamp_max(_WIDE)))
    alone = ratio > _WIDE
    level = math.log(share)
    return torch.where(alone, -level, ratio - excess), -torch.where(alone, ratio + level, excess)


def log_ratio(one: Tensor, other: Tensor, empty: float = 0.0) -> Tensor:
    """(..., V) one - other for logarithms, and `empty` where `one` is -inf: such a token weighs nothing."""
    return torch.where(one == -torch.inf, torch.full_like(one, empty), one - other)


def relative_terms(one: Tensor, other: Tensor) -> Tensor:
    """(..., V) a log(a/b) of two rows of log-probabilities, nats: 0 where a = 0, +inf where a > 0 = b."""
    return weighed(one.exp(), log_ratio(one, other), one)


def infinite_rows(terms: Tensor, lost: Tensor) -> Tensor:
    """The terms (..., V) with +inf in the first place of every lost row (..., 1), so that it sums to +inf."""
    first = torch.arange(terms.shape[-1], device=terms.device) == 0
    return terms.masked_fill(lost & first, torch.inf)
