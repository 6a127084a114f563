"""Adaptive KL: forward and reverse KL weighted by where the student is wrong, in the head or in the tail."""

from __future__ import annotations

import torch
from torch import Tensor

from akl_viz.divergences.base import Divergence, Param
from akl_viz.divergences.head import BOUNDARY, MU, head_of
from akl_viz.divergences.kl import Weights, constant_weights, mixed_both, mixed_terms, mixed_value
from akl_viz.divergences.pair import Pair
from akl_viz.records import Boundary

DIRECTIONS: tuple[str, ...] = ("adaptive", "reversed", "fixed")
_GAP = Param("gap", "absolute", "what a token adds to a gap: abs(p - q) or its square", choices=("absolute", "squared"))


def gaps_of(pair: Pair, mu: float = 0.5, boundary: Boundary = "below", gap: str = "absolute") -> tuple[Tensor, Tensor]:
    """(head_gap, tail_gap) of a pair, each (...), computed once per (mu, boundary, gap). See `gaps`."""

    def compute() -> tuple[Tensor, Tensor]:
        shape = torch.abs if gap == "absolute" else torch.square
        return head_of(pair, mu, boundary).split(
            shape(pair.excess.detach(), out=pair.room("gap")), pair.room("scratch")
        )

    return pair.once(("gaps", mu, boundary, gap), compute)


def weights_of(
    pair: Pair, mu: float = 0.5, boundary: Boundary = "below", gap: str = "absolute"
) -> tuple[Tensor, Tensor]:
    """(weight_forward, weight_reverse) of a pair, each (...), computed once per choice. See `akl_weights`."""

    def compute() -> tuple[Tensor, Tensor]:
        head, tail = gaps_of(pair, mu, boundary, gap)
        total = head + tail
        equal = total == 0.0
        return torch.where(equal, 0.5, head / total), torch.where(equal, 0.5, tail / total)

    return pair.once(("weights", mu, boundary, gap), compute)


def _weights(pair: Pair, mu: float, boundary: Boundary, direction: str, weight: float, gap: str) -> Weights:
    """The weights of the two terms in the chosen direction."""
    if direction == "fixed":
        return constant_weights(pair, weight)
    forward, reverse = weights_of(pair, mu, boundary, gap)
    return (reverse, forward) if direction == "reversed" else (forward, reverse)


def _form(direction: str = DIRECTIONS[0], gap: str = _GAP.choices[0], **_others: float | str) -> str:
    """The formula in plain text."""
    over = {"adaptive": "head gap", "reversed": "tail gap"}.get(direction)
    weight = "weight" if over is None else f"{over} / (head gap + tail gap)"
    squared = ", gaps of (p - q)^2" if over is not None and gap == "squared" else ""
    return f"w KL(T‖S) + (1 - w) KL(S‖T), w = {weight}{squared}"


AKL = Divergence(
    key="akl",
    label="Adaptive KL",
    direction="both",
    formula=_form(),
    forms=_form,
    tex=r"\frac{g_h}{g_h+g_t}\,\mathrm{KL}(T\Vert S) + \frac{g_t}{g_h+g_t}\,\mathrm{KL}(S\Vert T)",
    source="Wu et al. 2025 (arXiv 2404.02657); wutaiqiang/LLM_KD_AKL AKL.py",
    values=lambda pair, **params: mixed_value(pair, _weights(pair, **params)),
    values_and_gradients=lambda pair, **params: mixed_both(pair, _weights(pair, **params)),
    terms=lambda pair, **params: mixed_terms(pair, _weights(pair, **params)),
    params=(
        MU,
        BOUNDARY,
        Param("direction", "adaptive", "as published, with the weights swapped, or constant", choices=DIRECTIONS),
        Param("weight", 0.5, "weight of KL(T‖S) when the direction is fixed", only=("direction", "fixed")),
        _GAP,
    ),
    constant_weights=True,
)


def gaps(
    teacher: Tensor, student: Tensor, mu: float = 0.5, boundary: Boundary = "below", gap: str = "absolute"
) -> tuple[Tensor, Tensor]:
    """How wrong the student is on the teacher's head and on its tail: sums of abs(p - q), or its square, over each.

    For absolute gaps head_gap + tail_gap = 2 TVD.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        mu: probability mass of the head, between 0 and 1, ends excluded.
        boundary: "below" or "reach" (see head_mask).
        gap: "absolute" or "squared".

    Returns:
        (head_gap, tail_gap), each (...), from 0 to 2.

    Raises:
        InvalidInput: mu, boundary or gap outside its range, or rows no divergence accepts (see Pair).

    Source:
        Wu et al. 2025 (arXiv 2404.02657), with eps(p, q) = abs(p - q).
    """
    return gaps_of(Pair(teacher, student), mu, boundary, str(_GAP.check(gap)))


def akl_weights(
    teacher: Tensor, student: Tensor, mu: float = 0.5, boundary: Boundary = "below", gap: str = "absolute"
) -> tuple[Tensor, Tensor]:
    """The weights adaptive KL gives to KL(T‖S) and KL(S‖T): the head's and the tail's share of the total gap.

    They sum to 1; both are 0.5 where p = q. For absolute gaps the forward weight never exceeds 0.5 when the head is
    one token, because the tail's gap is then at least the head's.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        mu: probability mass of the head, between 0 and 1, ends excluded.
        boundary: "below" or "reach" (see head_mask).
        gap: "absolute" or "squared".

    Returns:
        (weight_forward, weight_reverse), each (...), from 0 to 1.

    Raises:
        InvalidInput: mu, boundary or gap outside its range, or rows no divergence accepts (see Pair).

    Source:
        wutaiqiang/LLM_KD_AKL AKL.py. Two deliberate differences: the authors' code divides 0 by 0 where p = q, and
        gives a token masked with -inf the logit 0 (hence probability mass) in the weights; here it has none.
    """
    return weights_of(Pair(teacher, student), mu, boundary, str(_GAP.check(gap)))


def akl(  # noqa: PLR0913 - one argument per parameter of the row
    teacher: Tensor,
    student: Tensor,
    mu: float = 0.5,
    boundary: Boundary = "below",
    direction: str = "adaptive",
    weight: float = 0.5,
    gap: str = "absolute",
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
        gap: "absolute" or "squared" difference of probabilities in the weights.

    Returns:
        (...) nats, from 0 to inf.

    Raises:
        InvalidInput: a parameter outside its range, or rows no divergence accepts (see Pair).

    Source:
        Wu et al. 2025 (arXiv 2404.02657); wutaiqiang/LLM_KD_AKL AKL.py, with the differences named in akl_weights.
    """
    return AKL.value(Pair(teacher, student), mu=mu, boundary=boundary, direction=direction, weight=weight, gap=gap)


def akl_grad(  # noqa: PLR0913 - one argument per parameter of the row
    teacher: Tensor,
    student: Tensor,
    mu: float = 0.5,
    boundary: Boundary = "below",
    direction: str = "adaptive",
    weight: float = 0.5,
    gap: str = "absolute",
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
        gap: "absolute" or "squared" difference of probabilities in the weights.

    Returns:
        (..., V) nats per unit of logit.

    Raises:
        InvalidInput: a parameter outside its range, or rows no divergence accepts (see Pair).
    """
    pair = Pair(teacher, student)
    return AKL.value_and_grad(pair, mu=mu, boundary=boundary, direction=direction, weight=weight, gap=gap)[1]
