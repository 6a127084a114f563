"""AMiD: divergences to or from an assistant that lies between teacher and student on a power mean."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from akl_viz.divergences.base import Divergence, Param
from akl_viz.divergences.chain import infinite_rows, log_ratio, logit_gradient, over_mixture, relative_terms
from akl_viz.divergences.pair import Pair, weighed

BETWEEN: tuple[str, ...] = ("teacher_assistant", "student_assistant", "assistant_teacher", "assistant_student")
"""KL(T‖R), KL(S‖R), KL(R‖T), KL(R‖S) for the assistant R."""


class _Assistant(NamedTuple):
    """r ~ (lam p^c + (1 - lam) q^c)^(1/c), c = (1 - alpha) / 2, beside the student; three tensors (..., V).

    Where c <= 0 a token that either side rules out has r = 0; if that holds for all, log r is -inf throughout.
    """

    logs: Tensor
    """log r, nats."""
    share: Tensor
    """(1 - lam) q^c / (lam p^c + (1 - lam) q^c), which is d log(unnormalised r) / d log q."""
    rise: Tensor
    """log(r/q), nats, from log(p/q): the two logarithms of like size would leave their rounding."""


def _assistant(pair: Pair, alpha: float, lam: float) -> _Assistant:
    """The assistant, computed once per (alpha, lam)."""
    return pair.once(("amid", alpha, lam), lambda: _between(pair, (1.0 - alpha) / 2.0, lam))


def _between(pair: Pair, power: float, lam: float) -> _Assistant:
    if power == 0.0:
        logs = lam * pair.teacher + (1.0 - lam) * pair.student
        share, lift = torch.full_like(logs, 1.0 - lam), lam * pair.log_ratio
    else:
        steep = power * pair.log_ratio
        from_teacher, from_student = over_mixture(lam, 1.0 - lam, steep)
        lift = -from_student / power
        share = (1.0 - lam) * from_student.exp()
        logs = torch.where(steep > 0.0, pair.teacher - from_teacher / power, pair.student + lift)
    normaliser = logs.logsumexp(-1, keepdim=True)
    logs = torch.where(logs == -torch.inf, logs, logs - normaliser)
    return _Assistant(logs, share, lift - normaliser)


def _nowhere(assistant: Tensor) -> Tensor:
    """(..., 1) whether there is no assistant: no token is left."""
    return (assistant == -torch.inf).all(-1, keepdim=True)


def _sides(pair: Pair, assistant: Tensor, between: str) -> tuple[Tensor, Tensor]:
    """Logarithms of the two distributions that are compared, in order."""
    named = {"teacher": pair.teacher, "student": pair.student, "assistant": assistant}
    first, _, second = between.partition("_")
    return named[first], named[second]


def _terms(pair: Pair, alpha: float, lam: float, between: str) -> Tensor:
    """(..., V) a log(a/b) for the two sides; +inf in the first place where there is no assistant at all."""
    assistant = _assistant(pair, alpha, lam).logs
    return infinite_rows(relative_terms(*_sides(pair, assistant, between)), _nowhere(assistant))


def _value(pair: Pair, alpha: float, lam: float, between: str) -> Tensor:
    return _terms(pair, alpha, lam, between).sum(-1).clamp_min(0.0)


def _both(pair: Pair, alpha: float, lam: float, between: str) -> tuple[Tensor, Tensor]:
    """Value and gradient; see amid_grad for the four derivatives, here less multiples of q, which drop out."""
    assistant, share, rise = _assistant(pair, alpha, lam)
    value = _value(pair, alpha, lam, between)
    r, lost = assistant.exp(), value.isinf().unsqueeze(-1)
    # r - q, by the rise where the two are near each other.
    gap = torch.where(rise < 1.0, pair.q * torch.expm1(rise.clamp_max(1.0)), r - pair.q)
    if between == "teacher_assistant":
        lost = _nowhere(assistant)
        weighted = share * (r - pair.p)
    elif between == "student_assistant":
        weighted = share * gap - pair.student_terms(rise)
    elif between == "assistant_teacher":
        weighted = share * r * (log_ratio(assistant, pair.teacher) - value.unsqueeze(-1))
    else:
        weighted = share * (weighed(r, rise, assistant) - r * value.unsqueeze(-1)) - gap
    return value, logit_gradient(pair, weighted.masked_fill(lost, 0.0))


def _form(between: str = BETWEEN[0], **_others: float | str) -> str:
    """The formula in plain text."""
    letters = {"teacher": "T", "student": "S", "assistant": "R"}
    first, _, second = between.partition("_")
    return f"KL({letters[first]}‖{letters[second]}), r ~ (l p^c + (1 - l) q^c)^(1/c), c = (1 - a) / 2"


AMID = Divergence(
    key="amid",
    label="AMiD",
    direction="both",
    formula=_form(),
    forms=_form,
    tex=r"\mathrm{KL}(T\Vert R),\quad r \propto (\lambda p^{c} + (1-\lambda) q^{c})^{1/c},\ c = \tfrac{1-\alpha}{2}",
    source="AMiD 2026 (arXiv 2510.15982), aailab-kaist/AMiD losses.py; the defaults 0 and 0.1 are ours",
    values=_value,
    values_and_gradients=_both,
    terms=_terms,
    params=(
        Param(
            "alpha", 0.0, "shape of the mean: -1 arithmetic, 1 geometric, 3 harmonic", lower=-5.0, upper=5.0, symbol="a"
        ),
        Param("lam", 0.1, "share of the teacher in the assistant", open_ends=True, symbol="l"),
        Param("between", BETWEEN[0], "which two are compared, and in which direction", choices=BETWEEN),
    ),
    finite=True,
)


def amid(
    teacher: Tensor, student: Tensor, alpha: float = 0.0, lam: float = 0.1, between: str = "teacher_assistant"
) -> Tensor:
    """KL to, or from, an assistant between teacher and student.

    The assistant is r ~ (lam p^c + (1 - lam) q^c)^(1/c), c = (1 - alpha) / 2, normalised. alpha = -1 with KL(T‖R) is
    skew forward KL with alpha = lam. 0 only at p = q. Where alpha < 1 the default KL(T‖R) is finite whatever the
    supports; with alpha >= 1 the assistant has only tokens both sides allow, and where there is none the value is +inf.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        alpha: shape of the mean, from -5 to 5; -1 arithmetic, 1 geometric.
        lam: share of the teacher in the assistant, between 0 and 1, ends excluded.
        between: one of BETWEEN: teacher_assistant is KL(T‖R), student_assistant KL(S‖R), assistant_teacher KL(R‖T),
            assistant_student KL(R‖S).

    Returns:
        (...) nats.

    Raises:
        InvalidInput: a parameter outside its range, or rows no divergence accepts (see Pair).

    Source:
        AMiD 2026 (arXiv 2510.15982); its alpha-beta divergence to the assistant is not offered here.
    """
    return AMID.value(Pair(teacher, student), alpha=alpha, lam=lam, between=between)


def amid_grad(
    teacher: Tensor, student: Tensor, alpha: float = 0.0, lam: float = 0.1, between: str = "teacher_assistant"
) -> Tensor:
    """Which way AMiD pushes each student logit: e_j - q_j sum(e), with s_j the share of the student in the assistant.

    KL(T‖R): e = s (r - p). KL(S‖R): e = q (log(q/r) + 1) + s (r - q). KL(R‖T): e = s r (log(r/p) - KL).
    KL(R‖S): e = s r (log(r/q) - KL) - r. A row of infinite value is 0; for KL(T‖R) only one without an assistant is.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        alpha: shape of the mean, from -5 to 5; -1 arithmetic, 1 geometric.
        lam: share of the teacher in the assistant, between 0 and 1, ends excluded.
        between: one of BETWEEN: teacher_assistant is KL(T‖R), student_assistant KL(S‖R), assistant_teacher KL(R‖T),
            assistant_student KL(R‖S).

    Returns:
        (..., V) per unit of logit.

    Raises:
        InvalidInput: a parameter outside its range, or rows no divergence accepts (see Pair).
    """
    return AMID.value_and_grad(Pair(teacher, student), alpha=alpha, lam=lam, between=between)[1]
