"""Skewed KL: against a mixture that holds a share of the distribution itself, so that the value is bounded."""

from __future__ import annotations

import math

from torch import Tensor

from akl_viz.divergences.base import Divergence, Param
from akl_viz.divergences.chain import logit_gradient, over_mixture
from akl_viz.divergences.near import settled
from akl_viz.divergences.pair import Pair


def _forward_log_ratio(pair: Pair, alpha: float) -> Tensor:
    """(..., V) log(p/m) with m = alpha p + (1 - alpha) q; at most -log alpha."""
    return pair.once(("skew_forward", alpha), lambda: over_mixture(alpha, 1.0 - alpha, pair.log_ratio)[0])


def _reverse_log_ratio(pair: Pair, alpha: float) -> Tensor:
    """(..., V) log(q/m) with m = alpha q + (1 - alpha) p; at most -log alpha."""
    return pair.once(("skew_reverse", alpha), lambda: over_mixture(1.0 - alpha, alpha, pair.log_ratio)[1])


def _forward_terms(pair: Pair, alpha: float) -> Tensor:
    return pair.teacher_terms(_forward_log_ratio(pair, alpha))


def _reverse_terms(pair: Pair, alpha: float) -> Tensor:
    return pair.student_terms(_reverse_log_ratio(pair, alpha))


def _forward_value(pair: Pair, alpha: float) -> Tensor:
    return settled(pair, _forward_terms(pair, alpha).sum(-1), 1.0 - alpha)


def _reverse_value(pair: Pair, alpha: float) -> Tensor:
    return settled(pair, _reverse_terms(pair, alpha).sum(-1), alpha - 1.0)


def _forward_both(pair: Pair, alpha: float) -> tuple[Tensor, Tensor]:
    """Value and gradient: e_j = -(1 - alpha) q_j (p_j / m_j - 1); the constant times q_j drops out and saves digits."""
    weighted = pair.q * _forward_log_ratio(pair, alpha).expm1() * (alpha - 1.0)
    return _forward_value(pair, alpha), logit_gradient(pair, weighted)


def _reverse_both(pair: Pair, alpha: float) -> tuple[Tensor, Tensor]:
    """Value and gradient: e_j = q_j log(q_j/m_j) - alpha q_j (q_j / m_j - 1), up to a constant times q_j."""
    weighted = _reverse_terms(pair, alpha) - pair.q * _reverse_log_ratio(pair, alpha).expm1() * alpha
    return _reverse_value(pair, alpha), logit_gradient(pair, weighted)


def _upper(alpha: float) -> float:
    """-log alpha, reached on disjoint supports."""
    return -math.log(alpha)


_ALPHA = Param("alpha", 0.1, "share of the distribution itself in the mixture", open_ends=True, symbol="a")
_SOURCE = "Lee 1999; Ko et al. 2024, DistiLLM (arXiv 2402.03898), jongwooko/distillm losses.py, alpha 0.1"

SKEW_FORWARD_KL = Divergence(
    key="skew_forward_kl",
    label="Skew forward KL",
    direction="KL(T‖S)",
    formula="KL(T‖M), m = a p + (1 - a) q",
    tex=r"\mathrm{KL}(T\Vert \alpha T + (1-\alpha) S)",
    source=_SOURCE,
    values=_forward_value,
    values_and_gradients=_forward_both,
    terms=_forward_terms,
    params=(_ALPHA,),
    upper=_upper,
    finite=True,
)
SKEW_REVERSE_KL = Divergence(
    key="skew_reverse_kl",
    label="Skew reverse KL",
    direction="KL(S‖T)",
    formula="KL(S‖M), m = a q + (1 - a) p",
    tex=r"\mathrm{KL}(S\Vert (1-\alpha) T + \alpha S)",
    source=_SOURCE,
    values=_reverse_value,
    values_and_gradients=_reverse_both,
    terms=_reverse_terms,
    params=(_ALPHA,),
    upper=_upper,
    finite=True,
)


def skew_forward_kl(teacher: Tensor, student: Tensor, alpha: float = 0.1) -> Tensor:
    """Forward KL against a student that is helped by a share of the teacher: KL(T‖alpha T + (1 - alpha) S).

    0 only at p = q, at most -log alpha; forward KL as alpha falls to 0; finite whatever the supports.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        alpha: share of the teacher in the mixture, between 0 and 1, ends excluded.

    Returns:
        (...) nats.

    Raises:
        InvalidInput: alpha outside its range, or rows no divergence accepts (see Pair).

    Source:
        Ko et al. 2024, DistiLLM.
    """
    return SKEW_FORWARD_KL.value(Pair(teacher, student), alpha=alpha)


def skew_forward_kl_grad(teacher: Tensor, student: Tensor, alpha: float = 0.1) -> Tensor:
    """Which way skew forward KL pushes each student logit: (1 - alpha) q_j (sum(q p/m) - p_j/m_j).

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        alpha: share of the teacher in the mixture, between 0 and 1, ends excluded.

    Returns:
        (..., V) nats per unit of logit.

    Raises:
        InvalidInput: alpha outside its range, or rows no divergence accepts (see Pair).
    """
    return SKEW_FORWARD_KL.value_and_grad(Pair(teacher, student), alpha=alpha)[1]


def skew_reverse_kl(teacher: Tensor, student: Tensor, alpha: float = 0.1) -> Tensor:
    """Reverse KL against a teacher that is helped by a share of the student: KL(S‖alpha S + (1 - alpha) T).

    0 only at p = q, at most -log alpha; reverse KL as alpha falls to 0; finite whatever the supports.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        alpha: share of the student in the mixture, between 0 and 1, ends excluded.

    Returns:
        (...) nats.

    Raises:
        InvalidInput: alpha outside its range, or rows no divergence accepts (see Pair).

    Source:
        Ko et al. 2024, DistiLLM.
    """
    return SKEW_REVERSE_KL.value(Pair(teacher, student), alpha=alpha)


def skew_reverse_kl_grad(teacher: Tensor, student: Tensor, alpha: float = 0.1) -> Tensor:
    """Which way skew reverse KL pushes each student logit: q_j (d_j - sum(q d)), d = log(q/m) - alpha q/m.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        alpha: share of the student in the mixture, between 0 and 1, ends excluded.

    Returns:
        (..., V) nats per unit of logit.

    Raises:
        InvalidInput: alpha outside its range, or rows no divergence accepts (see Pair).
    """
    return SKEW_REVERSE_KL.value_and_grad(Pair(teacher, student), alpha=alpha)[1]
