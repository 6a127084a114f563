"""Squared Hellinger distance."""

from __future__ import annotations

from torch import Tensor

from akl_viz.divergences.base import Divergence
from akl_viz.divergences.pair import Pair


def _roots(pair: Pair) -> tuple[Tensor, Tensor]:
    """(..., V) square roots of p and q; from the logarithms, so that a root outlives its probability's underflow."""
    return pair.once("roots", lambda: ((0.5 * pair.teacher).exp(), (0.5 * pair.student).exp()))


def _terms(pair: Pair) -> Tensor:
    root_p, root_q = _roots(pair)
    return 0.5 * (root_p - root_q).square()


def _value(pair: Pair) -> Tensor:
    return _terms(pair).sum(-1)


def _both(pair: Pair) -> tuple[Tensor, Tensor]:
    """Value and gradient: with s_j = sqrt(p_j q_j) the gradient is (q_j sum(s) - s_j) / 2."""
    root_p, root_q = _roots(pair)
    shared = root_p * root_q
    return _value(pair), 0.5 * (pair.q * shared.sum(-1, keepdim=True) - shared)


HELLINGER = Divergence(
    key="hellinger",
    label="Squared Hellinger",
    direction="both",
    formula="0.5 sum (sqrt p - sqrt q)^2",
    tex=r"\tfrac12 \sum_j (\sqrt{p_j} - \sqrt{q_j})^2",
    source="Hellinger 1909; the f-divergence of f(u) = (sqrt u - 1)^2 / 2",
    values=_value,
    values_and_gradients=_both,
    terms=_terms,
    unit="no unit",
    upper=lambda: 1.0,
    finite=True,
    symmetric=True,
)


def hellinger(teacher: Tensor, student: Tensor) -> Tensor:
    """How little the square roots of the two distributions overlap: 0.5 sum (sqrt p - sqrt q)^2 = 1 - sum sqrt(p q).

    0 only at p = q; 1 on disjoint supports; finite whatever the supports.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.

    Returns:
        (...) from 0 to 1 (no unit).

    Raises:
        InvalidInput: rows no divergence accepts (see Pair).

    Source:
        Hellinger 1909.
    """
    return HELLINGER.value(Pair(teacher, student))


def hellinger_grad(teacher: Tensor, student: Tensor) -> Tensor:
    """Which way the squared Hellinger distance pushes each student logit: (q_j sum(s) - s_j) / 2, s = sqrt(p q).

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.

    Returns:
        (..., V) per unit of logit.

    Raises:
        InvalidInput: rows no divergence accepts (see Pair).
    """
    return HELLINGER.value_and_grad(Pair(teacher, student))[1]
