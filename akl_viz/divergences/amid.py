"""AMiD: divergences to or from an assistant that lies between teacher and student on a power mean."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from akl_viz.divergences.base import Divergence, Param
from akl_viz.divergences.chain import logit_gradient
from akl_viz.divergences.pair import Pair

BETWEEN: tuple[str, ...] = ("teacher_assistant", "student_assistant", "assistant_teacher", "assistant_student")
"""KL(T‖R), KL(S‖R), KL(R‖T), KL(R‖S) for the assistant R."""


def _assistant(pair: Pair, alpha: float, lam: float) -> tuple[Tensor, Tensor]:
    """(..., V) log r of r ~ (lam p^c + (1 - lam) q^c)^(1/c), c = (1 - alpha) / 2, and the student's share s in it.

    s_j = (1 - lam) q_j^c / (lam p_j^c + (1 - lam) q_j^c) is d log(unnormalised r_j) / d log q_j. Where c <= 0 a token
    that either side rules out has r = 0; if that holds for all, log r is -inf throughout.
    """
    power = (1.0 - alpha) / 2.0
    if power == 0.0:
        logs = lam * pair.teacher + (1.0 - lam) * pair.student
        share = torch.full_like(logs, 1.0 - lam)
    else:
        from_student = power * pair.student + math.log1p(-lam)
        total = torch.logaddexp(power * pair.teacher + math.log(lam), from_student)
        share = torch.where(total.isinf() & from_student.isinf(), torch.ones_like(total), (from_student - total).exp())
        logs = total / power
    normaliser = logs.logsumexp(-1, keepdim=True)
    return torch.where(logs == -torch.inf, logs, logs - normaliser), share


def _log_ratio(one: Tensor, other: Tensor) -> Tensor:
    """(..., V) one - other, 0 where `one` is -inf: such a token weighs nothing."""
    return torch.where(one == -torch.inf, torch.zeros_like(one), one - other)


def _sides(pair: Pair, assistant: Tensor, between: str) -> tuple[Tensor, Tensor]:
    """Logarithms of the two distributions that are compared, in order."""
    named = {"teacher": pair.teacher, "student": pair.student, "assistant": assistant}
    first, _, second = between.partition("_")
    return named[first], named[second]


def _terms(pair: Pair, alpha: float, lam: float, between: str) -> Tensor:
    """(..., V) a log(a/b) for the two sides; +inf in the first place where there is no assistant at all."""
    assistant, _ = _assistant(pair, alpha, lam)
    one, other = _sides(pair, assistant, between)
    ratio = _log_ratio(one, other)
    terms = torch.where(ratio.isinf(), ratio, one.exp() * torch.where(ratio.isinf(), torch.zeros_like(ratio), ratio))
    nowhere = (assistant == -torch.inf).all(-1, keepdim=True)
    first = torch.arange(terms.shape[-1], device=terms.device) == 0
    return torch.where(nowhere & first, torch.full_like(terms, torch.inf), terms)


def _value(pair: Pair, alpha: float, lam: float, between: str) -> Tensor:
    return _terms(pair, alpha, lam, between).sum(-1).clamp_min(0.0)


def _both(pair: Pair, alpha: float, lam: float, between: str) -> tuple[Tensor, Tensor]:
    """Value and gradient; see amid_grad for the four derivatives."""
    assistant, share = _assistant(pair, alpha, lam)
    value = _value(pair, alpha, lam, between)
    r, mean = assistant.exp(), torch.where(value.isinf(), torch.zeros_like(value), value).unsqueeze(-1)
    if between == "teacher_assistant":
        weighted = share * (r - pair.p)
    elif between == "student_assistant":
        weighted = pair.q * (_log_ratio(pair.student, assistant) + 1.0) + share * (r - pair.q)
        weighted = torch.where(pair.student == -torch.inf, torch.zeros_like(weighted), weighted)
    else:
        other = pair.teacher if between == "assistant_teacher" else pair.student
        weighted = share * r * (_log_ratio(assistant, other) - mean)
        if between == "assistant_student":
            weighted = weighted - r
    weighted = torch.where(weighted.isnan(), torch.full_like(weighted, torch.inf), weighted)
    undefined = value.isinf().unsqueeze(-1) & (between != "teacher_assistant")
    gradient = logit_gradient(pair, torch.where(undefined, torch.zeros_like(weighted), weighted))
    nowhere = (assistant == -torch.inf).all(-1, keepdim=True)
    return value, torch.where(nowhere, torch.zeros_like(gradient), gradient)


AMID = Divergence(
    key="amid",
    label="AMiD",
    direction="both",
    formula="KL(T‖R), r ~ (l p^c + (1 - l) q^c)^(1/c), c = (1 - a) / 2",
    tex=r"\mathrm{KL}(T\Vert R),\quad r \propto (\lambda p^{c} + (1-\lambda) q^{c})^{1/c},\ c = \tfrac{1-\alpha}{2}",
    source="AMiD 2026 (arXiv 2510.15982), aailab-kaist/AMiD losses.py; the defaults 0 and 0.1 are ours",
    values=_value,
    values_and_gradients=_both,
    terms=_terms,
    params=(
        Param("alpha", 0.0, "shape of the mean: -1 arithmetic, 1 geometric, 3 harmonic", lower=-5.0, upper=5.0),
        Param("lam", 0.1, "share of the teacher in the assistant", open_ends=True),
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
    supports; with alpha >= 1 the assistant has only tokens both sides allow, and where there are none the value is +inf.

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
    KL(R‖S): e = s r (log(r/q) - KL) - r. A row of infinite value is 0, but for KL(T‖R), which keeps its rule.

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
