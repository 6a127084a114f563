"""Adaptive KL: forward and reverse KL weighted by where the student is wrong, in the head or in the tail."""

from __future__ import annotations

import torch
from torch import Tensor

from akl_viz.divergences.base import Divergence, Param
from akl_viz.divergences.head import BOUNDARY, MU, head_of
from akl_viz.divergences.kl import forward_gradient, forward_value, mixture, reverse_gradient, reverse_value
from akl_viz.divergences.pair import Pair
from akl_viz.records import Boundary

DIRECTIONS: tuple[str, ...] = ("adaptive", "reversed", "fixed")


def gaps_of(pair: Pair, mu: float = 0.5, boundary: Boundary = "below") -> tuple[Tensor, Tensor]:
    """(head_gap, tail_gap) of a pair, each (...), computed once per (mu, boundary). See `gaps`."""
    return pair.once(("gaps", mu, boundary), lambda: head_of(pair, mu, boundary).split(pair.absolute_gap.detach()))


def weights_of(pair: Pair, mu: float = 0.5, boundary: Boundary = "below") -> tuple[Tensor, Tensor]:
    """(weight_forward, weight_reverse) of a pair, each (...), computed once per (mu, boundary). See `akl_weights`."""

    def compute() -> tuple[Tensor, Tensor]:
        head, tail = gaps_of(pair, mu, boundary)
        total = head + tail
        equal = total == 0.0
        half = torch.full_like(total, 0.5)
        safe = torch.where(equal, torch.ones_like(total), total)
        return torch.where(equal, half, head / safe), torch.where(equal, half, tail / safe)

    return pair.once(("weights", mu, boundary), compute)


def _weights(pair: Pair, mu: float, boundary: Boundary, direction: str, weight: float) -> tuple[Tensor, Tensor]:
    """The weights of the two terms in the chosen direction."""
    if direction == "fixed":
        constant = torch.full_like(pair.student[..., 0], weight)
        return constant, 1.0 - constant
    forward, reverse = weights_of(pair, mu, boundary)
    return (reverse, forward) if direction == "reversed" else (forward, reverse)


def _value(pair: Pair, mu: float, boundary: Boundary, direction: str, weight: float) -> Tensor:
    """(...) the weighted sum in nats."""
    forward, reverse = _weights(pair, mu, boundary, direction, weight)
    return mixture(forward_value(pair), reverse_value(pair), forward, reverse)


def _both(pair: Pair, mu: float, boundary: Boundary, direction: str, weight: float) -> tuple[Tensor, Tensor]:
    """Value and gradient, the weights being constants."""
    forward, reverse = _weights(pair, mu, boundary, direction, weight)
    gradient = torch.addcmul(
        forward_gradient(pair) * forward.unsqueeze(-1), reverse_gradient(pair), reverse.unsqueeze(-1)
    )
    return mixture(forward_value(pair), reverse_value(pair), forward, reverse), gradient


AKL = Divergence(
    key="akl",
    label="Adaptive KL",
    direction="both",
    formula="w KL(T‖S) + (1 - w) KL(S‖T), w = head gap / (head gap + tail gap)",
    tex=r"\frac{g_h}{g_h+g_t}\,\mathrm{KL}(T\Vert S) + \frac{g_t}{g_h+g_t}\,\mathrm{KL}(S\Vert T)",
    source="Wu et al. 2025 (arXiv 2404.02657); wutaiqiang/LLM_KD_AKL AKL.py",
    values=_value,
    values_and_gradients=_both,
    params=(
        MU,
        BOUNDARY,
        Param("direction", "adaptive", "as published, with the weights swapped, or constant", choices=DIRECTIONS),
        Param("weight", 0.5, "weight of KL(T‖S) when the direction is fixed"),
    ),
    constant_weights=True,
)


def gaps(teacher: Tensor, student: Tensor, mu: float = 0.5, boundary: Boundary = "below") -> tuple[Tensor, Tensor]:
    """How wrong the student is on the teacher's head and on its tail: sums of abs(p - q) over each.

    head_gap + tail_gap = 2 TVD.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        mu: probability mass of the head, between 0 and 1, ends excluded.
        boundary: "below" or "reach" (see head_mask).

    Returns:
        (head_gap, tail_gap), each (...), from 0 to 2.

    Raises:
        InvalidInput: mu or boundary outside its range, or rows no divergence accepts (see Pair).

    Source:
        Wu et al. 2025 (arXiv 2404.02657), with eps(p, q) = abs(p - q).
    """
    return gaps_of(Pair(teacher, student), mu, boundary)


def akl_weights(
    teacher: Tensor, student: Tensor, mu: float = 0.5, boundary: Boundary = "below"
) -> tuple[Tensor, Tensor]:
    """The weights adaptive KL gives to KL(T‖S) and KL(S‖T): the head's and the tail's share of the total gap.

    They sum to 1; both are 0.5 where p = q. The forward weight never exceeds 0.5 when the head is one token,
    because the tail's gap is then at least the head's.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        mu: probability mass of the head, between 0 and 1, ends excluded.
        boundary: "below" or "reach" (see head_mask).

    Returns:
        (weight_forward, weight_reverse), each (...), from 0 to 1.

    Raises:
        InvalidInput: mu or boundary outside its range, or rows no divergence accepts (see Pair).

    Source:
        wutaiqiang/LLM_KD_AKL AKL.py. Two deliberate differences: the authors' code divides 0 by 0 where p = q, and
        gives a token masked with -inf the logit 0 (hence probability mass) in the weights; here it has none.
    """
    return weights_of(Pair(teacher, student), mu, boundary)


def akl(
    teacher: Tensor,
    student: Tensor,
    mu: float = 0.5,
    boundary: Boundary = "below",
    direction: str = "adaptive",
    weight: float = 0.5,
) -> Tensor:
    """Forward KL in the share of the error that lies in the teacher's head, reverse KL in the share of its tail.

    AKL = w KL(T‖S) + (1 - w) KL(S‖T) with w from `akl_weights`; 0 only at p = q. A term of weight 0 adds nothing
    even where it is infinite; a term of positive weight makes the value infinite where it is.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        mu: probability mass of the head, between 0 and 1, ends excluded.
        boundary: "below" or "reach" (see head_mask).
        direction: "adaptive", "reversed" (weights swapped) or "fixed" (constant `weight`).
        weight: weight of KL(T‖S) when the direction is "fixed", from 0 to 1.

    Returns:
        (...) nats, from 0 to inf.

    Raises:
        InvalidInput: a parameter outside its range, or rows no divergence accepts (see Pair).

    Source:
        Wu et al. 2025 (arXiv 2404.02657); wutaiqiang/LLM_KD_AKL AKL.py, with the differences named in akl_weights.
    """
    return AKL.value(Pair(teacher, student), mu=mu, boundary=boundary, direction=direction, weight=weight)


def akl_grad(
    teacher: Tensor,
    student: Tensor,
    mu: float = 0.5,
    boundary: Boundary = "below",
    direction: str = "adaptive",
    weight: float = 0.5,
) -> Tensor:
    """Which way adaptive KL pushes each student logit: w (q_j - p_j) + (1 - w) q_j (log(q_j/p_j) - KL(S‖T)).

    The weights are constants for the gradient, as in the authors' code; 0 throughout at p = q. Each part keeps
    its own rule where its value is infinite (see forward_kl_grad and reverse_kl_grad), so the row is finite.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        mu: probability mass of the head, between 0 and 1, ends excluded.
        boundary: "below" or "reach" (see head_mask).
        direction: "adaptive", "reversed" (weights swapped) or "fixed" (constant `weight`).
        weight: weight of KL(T‖S) when the direction is "fixed", from 0 to 1.

    Returns:
        (..., V) nats per unit of logit.

    Raises:
        InvalidInput: a parameter outside its range, or rows no divergence accepts (see Pair).
    """
    pair = Pair(teacher, student)
    return AKL.value_and_grad(pair, mu=mu, boundary=boundary, direction=direction, weight=weight)[1]
