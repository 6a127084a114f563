"""The generalised Jensen-Shannon divergence."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from akl_viz.divergences.base import Divergence, Param
from akl_viz.divergences.pair import Pair


def _mixture_logs(pair: Pair, beta: float) -> Tensor:
    """(..., V) log m for m = beta p + (1 - beta) q; finite even where m underflows, since such an entry weighs 0."""
    mixed = torch.lerp(pair.q, pair.p, beta)
    return mixed.clamp_min(torch.finfo(mixed.dtype).tiny).log()


def _value(pair: Pair, beta: float) -> Tensor:
    """(...) the value in nats; rounding below 0 is cut off."""
    return _pieces(pair, beta)[0]


def _pieces(pair: Pair, beta: float) -> tuple[Tensor, Tensor]:
    """The value (...) and the student's terms (..., V) q log(q/m), which the gradient needs too."""

    def compute() -> tuple[Tensor, Tensor]:
        logs = _mixture_logs(pair, beta)
        from_teacher = pair.teacher_terms(pair.teacher - logs).sum(-1)
        student_terms = pair.student_terms(pair.student - logs)
        value = beta * from_teacher + (1.0 - beta) * student_terms.sum(-1)
        return value.clamp_min(0.0), student_terms

    return pair.once(("jsd", beta), compute)


def _both(pair: Pair, beta: float) -> tuple[Tensor, Tensor]:
    """Value and gradient: with d_j = (1 - beta) log(q_j/m_j) the gradient is q_j (d_j - sum q d)."""
    value, student_terms = _pieces(pair, beta)
    mean = student_terms.sum(-1, keepdim=True)
    return value, (student_terms - pair.q * mean) * (1.0 - beta)


def _upper(beta: float) -> float:
    """Entropy of the coin with sides beta and 1 - beta, reached where the two supports are disjoint."""
    return -beta * math.log(beta) - (1.0 - beta) * math.log(1.0 - beta)


JSD = Divergence(
    key="jsd",
    label="Jensen-Shannon",
    direction="both",
    formula="b KL(T‖M) + (1 - b) KL(S‖M), m = b p + (1 - b) q",
    tex=r"\beta\,\mathrm{KL}(T\Vert M) + (1-\beta)\,\mathrm{KL}(S\Vert M),\quad m = \beta p + (1-\beta) q",
    source="Lin 1991; beta on the teacher as in Agarwal et al. 2024, GKD (arXiv 2306.13649)",
    values=_value,
    values_and_gradients=_both,
    params=(Param("beta", 0.5, "share of the teacher in the mixture", open_ends=True),),
    upper=_upper,
    symmetric=True,
)


def jsd(teacher: Tensor, student: Tensor, beta: float = 0.5) -> Tensor:
    """How far teacher and student lie from their mixture; finite whatever the supports.

    JSD = beta KL(T‖M) + (1 - beta) KL(S‖M) with m = beta p + (1 - beta) q, beta on the *teacher* (GKD's convention;
    others put it on the student). 0 only at p = q; at most -beta ln beta - (1 - beta) ln(1 - beta), reached on
    disjoint supports (ln 2 at beta 0.5). beta 0 and 1 are refused: the formula is 0 there for every pair.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        beta: between 0 and 1, ends excluded.

    Returns:
        (...) nats, from 0 to the bound.

    Raises:
        InvalidInput: beta outside its range, or rows no divergence accepts (see Pair).

    Source:
        Lin 1991; Agarwal et al. 2024 (GKD). Unlike trl's trainer, no special case turns the ends into KLs.
    """
    return JSD.value(Pair(teacher, student), beta=beta)


def jsd_grad(teacher: Tensor, student: Tensor, beta: float = 0.5) -> Tensor:
    """Which way JSD pushes each student logit: (1 - beta) q_j (log(q_j/m_j) - KL(S‖M)); 0 at a logit of -inf.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        beta: between 0 and 1, ends excluded.

    Returns:
        (..., V) nats per unit of logit; finite whatever the supports.

    Raises:
        InvalidInput: beta outside its range, or rows no divergence accepts (see Pair).
    """
    return JSD.value_and_grad(Pair(teacher, student), beta=beta)[1]
