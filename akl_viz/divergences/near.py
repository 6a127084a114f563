"""KLs of rows that nearly agree, where the rounding of the normalisers is as large as the value."""

from __future__ import annotations

import torch
from torch import Tensor

from akl_viz.divergences.pair import Pair

_NEAR = 1e4
"""A KL below so many roundings (1e-3 nats in fp32) is a sum in which the rounding of the normalisers would show."""


def settled(pair: Pair, total: Tensor, share: float) -> Tensor:
    """(...) a KL without what the rounding of the two normalisers adds to it, and not below 0.

    That rounding d shifts a row's log-ratio as a whole, so the sum of p log(p/q) is off by d and that of q log(q/p) by
    -d: as much as the KL itself where that is 5e-7 nats, in fp32. The sum of p - q, which is 0, is off by d as well
    when it is taken from the same log-ratio. Without it the terms are p log(p/q) - p + q, none of which is negative,
    and d counts squared: 1e-3 of a KL of 5e-7 nats is left. Large values need no such care, and cost none.

    Args:
        pair: whose KL it is.
        total: (...) the sum of a log(a/b), nats.
        share: how much of p - q is in a - b: 1 for KL(T‖S), -1 for KL(S‖T), less towards a mixture.
    """
    limit = _NEAR * torch.finfo(total.dtype).eps
    if total.numel() > 0 and float(total.detach().amin()) >= limit:
        return total
    near = total.detach() < limit
    if pair.full_support and bool(near.any()):
        ratio = pair.log_ratio[near]
        # p - q = p (1 - exp(-ratio)) = q (exp(ratio) - 1): the one whose exponent does not overflow. Clamped and not
        # by the absolute value, which has no slope at 0: autograd would lose the tokens that agree to the last digit.
        above = -pair.p[near] * torch.expm1(-ratio.clamp_min(0.0))
        excess = torch.where(ratio > 0.0, above, pair.q[near] * torch.expm1(ratio.clamp_max(0.0)))
        total = total.masked_scatter(near, total[near] - share * excess.sum(-1))
    return total.clamp_min(0.0)
