"""From derivatives by probabilities to gradients by logits: the one place of the softmax chain rule."""

from __future__ import annotations

import torch
from torch import Tensor

from akl_viz.divergences.pair import Pair


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


def without_nan(values: Tensor) -> Tensor:
    """The values with 0 where -inf met -inf: an entry that both sides rule out adds nothing."""
    return torch.where(values.isnan(), torch.zeros_like(values), values)
