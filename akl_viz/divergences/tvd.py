"""Total variation distance."""

from __future__ import annotations

from torch import Tensor

from akl_viz.divergences.base import Divergence
from akl_viz.divergences.pair import Pair


def _value(pair: Pair) -> Tensor:
    """(...) half the sum of absolute gaps."""
    return pair.once("tvd", lambda: 0.5 * pair.absolute_gap.sum(-1))


def _both(pair: Pair) -> tuple[Tensor, Tensor]:
    """Value and gradient: with s = sign(q - p) the gradient is q_j (s_j - sum q s) / 2."""
    signs = pair.excess.sign()
    mean = (pair.q * signs).sum(-1, keepdim=True)
    return _value(pair), 0.5 * pair.q * (signs - mean)


TVD = Divergence(
    key="tvd",
    label="Total variation",
    direction="both",
    formula="0.5 sum abs(p - q)",
    tex=r"\tfrac12 \sum_j |p_j - q_j|",
    source="Wen et al. 2023, f-distill (arXiv 2307.15190)",
    values=_value,
    values_and_gradients=_both,
    terms=lambda pair: 0.5 * pair.absolute_gap,
    unit="probability",
    upper=lambda: 1.0,
    finite=True,
    symmetric=True,
    smooth=False,
)


def tvd(teacher: Tensor, student: Tensor) -> Tensor:
    """How much probability would have to move to turn the student into the teacher: 0.5 sum abs(p - q).

    0 only at p = q; 1 on disjoint supports; finite whatever the supports.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.

    Returns:
        (...) a share of probability, from 0 to 1 (no unit).

    Raises:
        InvalidInput: rows no divergence accepts (see Pair).

    Source:
        Wen et al. 2023 (f-distill).
    """
    return TVD.value(Pair(teacher, student))


def tvd_grad(teacher: Tensor, student: Tensor) -> Tensor:
    """Which way TVD pushes each student logit: q_j (s_j - sum q s) / 2 with s = sign(q - p), taken as 0 where q = p.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.

    Returns:
        (..., V) per unit of logit; 0 throughout at p = q, where TVD has a kink.

    Raises:
        InvalidInput: rows no divergence accepts (see Pair).
    """
    return TVD.value_and_grad(Pair(teacher, student))[1]
