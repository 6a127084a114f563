"""TAID: forward KL from a target that moves from the student to the teacher as training goes on."""

from __future__ import annotations

import torch
from torch import Tensor

from akl_viz.divergences.base import Divergence, Param
from akl_viz.divergences.chain import infinite_rows, relative_terms
from akl_viz.divergences.pair import Pair


def _target(pair: Pair, t: float) -> Tensor:
    """(..., V) log of softmax((1 - t) log q + t log p), a constant; -inf where a side with weight rules a token out.

    -inf throughout where the supports share nothing and 0 < t < 1: there is no such target.
    """

    def compute() -> Tensor:
        teacher, student = pair.teacher.detach(), pair.student.detach()
        if t in (0.0, 1.0):
            return teacher if t == 1.0 else student
        mixed = torch.lerp(student, teacher, t) if pair.full_support else (1.0 - t) * student + t * teacher
        return torch.where(mixed == -torch.inf, mixed, mixed - mixed.logsumexp(-1, keepdim=True))

    return pair.once(("taid", t), compute)


def _terms(pair: Pair, t: float) -> Tensor:
    """(..., V) p' log(p'/q) for the target p'; +inf in the first place where there is no target."""
    target = _target(pair, t)
    return infinite_rows(relative_terms(target, pair.student), _nowhere(target))


def _nowhere(target: Tensor) -> Tensor:
    """(..., 1) whether there is no target: no token is left."""
    return (target == -torch.inf).all(-1, keepdim=True)


def _value(pair: Pair, t: float) -> Tensor:
    return _terms(pair, t).sum(-1).clamp_min(0.0)


def _both(pair: Pair, t: float) -> tuple[Tensor, Tensor]:
    """Value and gradient q - p'."""
    target = _target(pair, t)
    # At the ends the target is a side of the pair: the same numbers, so that t = 0 pushes nowhere at all.
    probabilities = {0.0: pair.q, 1.0: pair.p}.get(t)
    gradient = pair.q - (target.exp() if probabilities is None else probabilities.detach())
    return _value(pair, t), gradient.masked_fill(_nowhere(target) | (pair.student == -torch.inf), 0.0)


TAID = Divergence(
    key="taid",
    label="TAID",
    direction="KL(T‖S)",
    formula="KL(P‖S), log p' = (1 - t) log q + t log p normalised, a constant",
    tex=r"\mathrm{KL}(P\Vert S),\quad P = \mathrm{softmax}((1-t)\,\bar z_S + t\, z_T)",
    source="Shing et al. 2025, TAID (arXiv 2501.16937), SakanaAI/TAID taid.py, t from 0.4 to 1 over training",
    values=_value,
    values_and_gradients=_both,
    terms=_terms,
    params=(Param("t", 0.4, "place of the target between the student (0) and the teacher (1)"),),
    constant_weights=True,
)


def taid(teacher: Tensor, student: Tensor, t: float = 0.4) -> Tensor:
    """Forward KL from a target between student and teacher: KL(P‖S), log p' ~ (1 - t) log q + t log p, held constant.

    For t > 0 it is 0 only at p = q. Finite where the supports share a token and t < 1, since the target lies within the
    student's support; +inf where they share none.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        t: place of the target, from 0 (the student: value 0) to 1 (forward KL).

    Returns:
        (...) nats, from 0 to inf.

    Raises:
        InvalidInput: a parameter outside its range, or rows no divergence accepts (see Pair).

    Source:
        Shing et al. 2025, TAID; its rule for moving t during training belongs to the training loop.
    """
    return TAID.value(Pair(teacher, student), t=t)


def taid_grad(teacher: Tensor, student: Tensor, t: float = 0.4) -> Tensor:
    """Which way TAID pushes each student logit: q_j - p'_j, the target being a constant.

    0 throughout where there is no target. At t = 1 it is the gradient of forward KL.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        t: place of the target, from 0 (the student: value 0) to 1 (forward KL).

    Returns:
        (..., V) per unit of logit.

    Raises:
        InvalidInput: a parameter outside its range, or rows no divergence accepts (see Pair).
    """
    return TAID.value_and_grad(Pair(teacher, student), t=t)[1]
