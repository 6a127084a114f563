"""The generalised Jensen-Shannon divergence."""

from __future__ import annotations

import math

from torch import Tensor

from akl_viz.divergences.base import Divergence, Param
from akl_viz.divergences.chain import over_mixture
from akl_viz.divergences.pair import Pair


def _scale(beta: float, scaled: str) -> float:
    """1, or 1 / (beta (1 - beta)), which makes the ends forward and reverse KL instead of 0."""
    return 1.0 / (beta * (1.0 - beta)) if scaled == "yes" else 1.0


def _value(pair: Pair, beta: float, scaled: str) -> Tensor:
    """(...) the value in nats; rounding below 0 is cut off."""
    teacher, student = _over_mixture(pair, beta)
    total = beta * pair.teacher_sum(teacher) + (1.0 - beta) * pair.student_sum(student)
    return total.clamp_min(0.0) * _scale(beta, scaled)


def _terms(pair: Pair, beta: float, scaled: str) -> Tensor:
    """(..., V) what each token adds, never negative."""
    teacher, student = _over_mixture(pair, beta)
    terms = beta * pair.teacher_terms(teacher) + (1.0 - beta) * pair.student_terms(student)
    return terms * _scale(beta, scaled)


def _over_mixture(pair: Pair, beta: float) -> tuple[Tensor, Tensor]:
    """(..., V) log(p/m) and log(q/m), nats."""

    def compute() -> tuple[Tensor, Tensor]:
        rooms = pair.room(f"teacher over mixture {beta}"), pair.room(f"student over mixture {beta}")
        return over_mixture(beta, 1.0 - beta, pair.log_ratio, rooms)

    return pair.once(("jsd", beta), compute)


def _both(pair: Pair, beta: float, scaled: str) -> tuple[Tensor, Tensor]:
    """Value and gradient: with d_j = (1 - beta) log(q_j/m_j) the gradient is q_j (d_j - sum q d)."""
    student_terms = pair.student_terms(_over_mixture(pair, beta)[1])
    mean = student_terms.sum(-1, keepdim=True)
    gradient = (student_terms - pair.q * mean) * ((1.0 - beta) * _scale(beta, scaled))
    return _value(pair, beta, scaled), gradient


def _upper(beta: float, scaled: str) -> float:
    """Entropy of the coin with sides beta and 1 - beta, scaled; reached where the two supports are disjoint."""
    return (-beta * math.log(beta) - (1.0 - beta) * math.log1p(-beta)) * _scale(beta, scaled)


def _form(scaled: str = "no", **_others: float | str) -> str:
    """The formula in plain text."""
    mixed = "b KL(T‖M) + (1 - b) KL(S‖M)"
    return f"{f'({mixed}) / (b (1 - b))' if scaled == 'yes' else mixed}, m = b p + (1 - b) q"


JSD = Divergence(
    key="jsd",
    label="Jensen-Shannon",
    direction="both",
    formula=_form(),
    forms=_form,
    tex=r"\beta\,\mathrm{KL}(T\Vert M) + (1-\beta)\,\mathrm{KL}(S\Vert M),\quad m = \beta p + (1-\beta) q",
    source="Lin 1991; beta on the teacher as in Agarwal et al. 2024, GKD (arXiv 2306.13649)",
    values=_value,
    values_and_gradients=_both,
    terms=_terms,
    params=(
        Param("beta", 0.5, "share of the teacher in the mixture", open_ends=True, symbol="b"),
        Param("scaled", "no", "divided by b (1 - b), so that the ends are the two KLs", choices=("no", "yes")),
    ),
    upper=_upper,
    finite=True,
    symmetric=True,
)


def jsd(teacher: Tensor, student: Tensor, beta: float = 0.5, scaled: str = "no") -> Tensor:
    """How far teacher and student lie from their mixture; finite whatever the supports.

    JSD = beta KL(T‖M) + (1 - beta) KL(S‖M) with m = beta p + (1 - beta) q, beta on the *teacher* (GKD's convention;
    others put it on the student). 0 only at p = q; at most -beta ln beta - (1 - beta) ln(1 - beta), reached on
    disjoint supports (ln 2 at beta 0.5). beta 0 and 1 are refused: the formula is 0 there for every pair. Near the
    ends it fades to nothing, and its gradient with it, so values at different beta do not compare; divided by
    beta (1 - beta) (`scaled`) it runs from KL(T‖S) at beta -> 0 to KL(S‖T) at beta -> 1 without a jump.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        beta: between 0 and 1, ends excluded.
        scaled: "yes" divides by beta (1 - beta), "no" leaves the formula as it is.

    Returns:
        (...) nats, from 0 to the bound.

    Raises:
        InvalidInput: a parameter outside its range, or rows no divergence accepts (see Pair).

    Source:
        Lin 1991; Agarwal et al. 2024 (GKD). Unlike trl's trainer, no special case turns the ends into KLs.
    """
    return JSD.value(Pair(teacher, student), beta=beta, scaled=scaled)


def jsd_grad(teacher: Tensor, student: Tensor, beta: float = 0.5, scaled: str = "no") -> Tensor:
    """Which way JSD pushes each student logit: (1 - beta) q_j (log(q_j/m_j) - KL(S‖M)); 0 at a logit of -inf.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        beta: between 0 and 1, ends excluded.
        scaled: "yes" divides by beta (1 - beta), "no" leaves the formula as it is.

    Returns:
        (..., V) nats per unit of logit; finite whatever the supports.

    Raises:
        InvalidInput: a parameter outside its range, or rows no divergence accepts (see Pair).
    """
    return JSD.value_and_grad(Pair(teacher, student), beta=beta, scaled=scaled)[1]
