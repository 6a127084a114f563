"""Forward KL, reverse KL and their fixed mixture."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from akl_viz.divergences.base import Divergence, Param
from akl_viz.divergences.buffers import ROOM_FOR_GRADIENT
from akl_viz.divergences.near import settled
from akl_viz.divergences.pair import Pair

Weights = tuple[Tensor, Tensor]
"""(...) weight of KL(T‖S) and of KL(S‖T) at every position."""


def forward_terms(pair: Pair) -> Tensor:
    """What each token adds to KL(T‖S): p log(p/q), nats; the terms sum to the divergence and may be negative.

    Returns:
        (..., V): 0 where p = 0, +inf where p > 0 = q.
    """
    return pair.teacher_terms(pair.log_ratio)


def reverse_terms(pair: Pair) -> Tensor:
    """What each token adds to KL(S‖T): q log(q/p), nats; the terms sum to the divergence and may be negative.

    Returns:
        (..., V): 0 where q = 0, +inf where q > 0 = p.
    """
    return -pair.student_terms(pair.log_ratio)


def forward_value(pair: Pair) -> Tensor:
    """(...) KL(T‖S) in nats; rounding below 0 is cut off."""
    return pair.once("forward_kl", lambda: settled(pair, pair.teacher_sum(pair.log_ratio), 1.0))


def reverse_value(pair: Pair) -> Tensor:
    """(...) KL(S‖T) in nats; rounding below 0 is cut off."""
    return pair.once("reverse_kl", lambda: settled(pair, _reverse_sum(pair), -1.0))


def _reverse_sum(pair: Pair) -> Tensor:
    """(...) sum q log(q/p) as the log-ratio has it, rounding of its normalisers included: gradients need that one."""

    def compute() -> Tensor:
        return -(_weighed_ratio(pair).sum(-1) if pair.full_support else pair.student_sum(pair.log_ratio))

    return pair.once("reverse_sum", compute)


def _weighed_ratio(pair: Pair) -> Tensor:
    """(..., V) q log(p/q) on full support: what a mixture's value and its gradient share."""
    return pair.once("weighed_ratio", lambda: torch.mul(pair.q, pair.log_ratio, out=pair.room("weighed_ratio")))


def forward_gradient(pair: Pair) -> Tensor:
    """(..., V) q - p, and 0 at a student logit of -inf."""

    def compute() -> Tensor:
        if pair.full_support:
            return pair.excess
        return torch.where(pair.student == -torch.inf, torch.zeros_like(pair.excess), pair.excess)

    return pair.once("forward_kl_gradient", compute)


def reverse_gradient(pair: Pair) -> Tensor:
    """(..., V) q (log(q/p) - KL(S‖T)), and 0 throughout a row where KL(S‖T) is infinite."""

    def compute() -> Tensor:
        mean = _reverse_sum(pair).unsqueeze(-1)
        if pair.full_support:
            return torch.sub(-mean, pair.log_ratio, out=pair.room("reverse_kl_gradient")).mul_(pair.q)
        lost = mean.isinf()
        # Two products: the sum of a huge ratio and a huge mean would leave the range before it is weighed.
        gradient = -pair.student_terms(pair.log_ratio) - pair.q * torch.where(lost, torch.zeros_like(mean), mean)
        return torch.where(lost, torch.zeros_like(gradient), gradient)

    return pair.once("reverse_kl_gradient", compute)


def mixture(forward: Tensor, reverse: Tensor, weight_forward: Tensor, weight_reverse: Tensor) -> Tensor:
    """weight_forward * forward + weight_reverse * reverse; a term of weight 0 adds nothing even where infinite."""
    total = forward * weight_forward + reverse * weight_reverse
    if not math.isnan(float(total.detach().sum())):
        return total
    zero = torch.zeros_like(total)
    first = torch.where(weight_forward == 0.0, zero, forward * weight_forward)
    second = torch.where(weight_reverse == 0.0, zero, reverse * weight_reverse)
    return first + second


def mixture_gradient(pair: Pair, weight_forward: Tensor, weight_reverse: Tensor) -> Tensor:
    """(..., V) weight_forward (q - p) + weight_reverse q (log(q/p) - KL(S‖T)), weights (...) held constant.

    With buffers it stands in one memory until the next call on the same pair, whatever that one's weights.
    """
    forward, reverse = weight_forward.unsqueeze(-1), weight_reverse.unsqueeze(-1)
    if not pair.full_support:
        return torch.addcmul(forward_gradient(pair) * forward, reverse_gradient(pair), reverse)
    # The same three terms without the two gradients in between, in three passes.
    minus = -reverse
    gradient = torch.mul(_weighed_ratio(pair), minus, out=pair.room(ROOM_FOR_GRADIENT))
    return gradient.addcmul_(pair.q, minus * _reverse_sum(pair).unsqueeze(-1)).addcmul_(pair.excess, forward)


def _forward_both(pair: Pair) -> tuple[Tensor, Tensor]:
    """Value and gradient of forward KL."""
    return forward_value(pair), forward_gradient(pair)


def _reverse_both(pair: Pair) -> tuple[Tensor, Tensor]:
    """Value and gradient of reverse KL."""
    return reverse_value(pair), reverse_gradient(pair)


def constant_weights(pair: Pair, weight: float) -> Weights:
    """The same weight of KL(T‖S) at every position, and the rest for KL(S‖T)."""
    forward = torch.full_like(pair.q[..., 0], weight)
    return forward, 1.0 - forward


def mixed_value(pair: Pair, weights: Weights) -> Tensor:
    """(...) the mixture of forward and reverse KL at these weights, nats."""
    return mixture(forward_value(pair), reverse_value(pair), *weights)


def mixed_terms(pair: Pair, weights: Weights) -> Tensor:
    """(..., V) what each token adds to the mixture, nats."""
    forward, reverse = weights
    return mixture(forward_terms(pair), reverse_terms(pair), forward.unsqueeze(-1), reverse.unsqueeze(-1))


def mixed_both(pair: Pair, weights: Weights) -> tuple[Tensor, Tensor]:
    """Value and gradient of the mixture, the weights being constants."""
    return mixed_value(pair, weights), mixture_gradient(pair, *weights)


FORWARD_KL = Divergence(
    key="forward_kl",
    label="Forward KL",
    direction="KL(T‖S)",
    formula="sum p log(p/q)",
    tex=r"\sum_j p_j \log\frac{p_j}{q_j}",
    source="Kullback & Leibler 1951; Hinton et al. 2015 (arXiv 1503.02531) up to the teacher's entropy",
    values=forward_value,
    values_and_gradients=_forward_both,
    terms=forward_terms,
)
REVERSE_KL = Divergence(
    key="reverse_kl",
    label="Reverse KL",
    direction="KL(S‖T)",
    formula="sum q log(q/p)",
    tex=r"\sum_j q_j \log\frac{q_j}{p_j}",
    source="Kullback & Leibler 1951; Gu et al. 2024, MiniLLM (arXiv 2306.08543)",
    values=reverse_value,
    values_and_gradients=_reverse_both,
    terms=reverse_terms,
)
MIXED_KL = Divergence(
    key="mixed_kl",
    label="Mixed KL",
    direction="both",
    formula="w KL(T‖S) + (1 - w) KL(S‖T)",
    tex=r"w\,\mathrm{KL}(T\Vert S) + (1-w)\,\mathrm{KL}(S\Vert T)",
    source="Jeffreys 1946 (w = 0.5 is half of Jeffreys' divergence); mode 'fr' of wutaiqiang/LLM_KD_AKL toy_examples",
    values=lambda pair, weight: mixed_value(pair, constant_weights(pair, weight)),
    values_and_gradients=lambda pair, weight: mixed_both(pair, constant_weights(pair, weight)),
    terms=lambda pair, weight: mixed_terms(pair, constant_weights(pair, weight)),
    params=(Param("weight", 0.5, "weight of KL(T‖S); KL(S‖T) gets the rest", symbol="w"),),
    symmetric=True,
)


def forward_kl(teacher: Tensor, student: Tensor) -> Tensor:
    """How surprised the student is, on average, by what the teacher says: large where p is large and q small.

    KL(T‖S) = sum p log(p/q) >= 0; 0 only at p = q; +inf where p > 0 = q; an entry with p = 0 adds nothing.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.

    Returns:
        (...) nats, from 0 to inf.

    Raises:
        InvalidInput: rows no divergence accepts (see Pair).

    Source:
        Kullback & Leibler 1951.
    """
    return FORWARD_KL.value(Pair(teacher, student))


def forward_kl_grad(teacher: Tensor, student: Tensor) -> Tensor:
    """Which way forward KL pushes each student logit: d KL(T‖S) / d z_j = q_j - p_j.

    Entries at a student logit of -inf are 0. Where the value is infinite the other entries are still q_j - p_j,
    the limit as that logit falls, so the row is finite and sums to the teacher's mass on the lost tokens.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.

    Returns:
        (..., V) nats per unit of logit.

    Raises:
        InvalidInput: rows no divergence accepts (see Pair).
    """
    return FORWARD_KL.value_and_grad(Pair(teacher, student))[1]


def reverse_kl(teacher: Tensor, student: Tensor) -> Tensor:
    """How surprised the teacher is, on average, by what the student says: large where q is large and p small.

    KL(S‖T) = sum q log(q/p) >= 0; 0 only at p = q; +inf where q > 0 = p; an entry with q = 0 adds nothing.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.

    Returns:
        (...) nats, from 0 to inf.

    Raises:
        InvalidInput: rows no divergence accepts (see Pair).

    Source:
        Kullback & Leibler 1951; Gu et al. 2024, MiniLLM.
    """
    return REVERSE_KL.value(Pair(teacher, student))


def reverse_kl_grad(teacher: Tensor, student: Tensor) -> Tensor:
    """Which way reverse KL pushes each student logit: q_j (log(q_j/p_j) - KL(S‖T)).

    Entries at a student logit of -inf are 0. Where the value is infinite no finite direction exists (the closed
    form tends to +inf on the forbidden token and -inf elsewhere) and the whole row is 0.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.

    Returns:
        (..., V) nats per unit of logit.

    Raises:
        InvalidInput: rows no divergence accepts (see Pair).
    """
    return REVERSE_KL.value_and_grad(Pair(teacher, student))[1]


def mixed_kl(teacher: Tensor, student: Tensor, weight: float = 0.5) -> Tensor:
    """Forward and reverse KL in a fixed proportion: weight KL(T‖S) + (1 - weight) KL(S‖T).

    weight 1 is forward KL, 0 is reverse KL, and a term of weight 0 adds nothing even where it is infinite.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        weight: from 0 to 1, the share of KL(T‖S).

    Returns:
        (...) nats, from 0 to inf.

    Raises:
        InvalidInput: weight outside its range, or rows no divergence accepts (see Pair).

    Source:
        Jeffreys 1946 (half of Jeffreys' divergence at weight 0.5).
    """
    return MIXED_KL.value(Pair(teacher, student), weight=weight)


def mixed_kl_grad(teacher: Tensor, student: Tensor, weight: float = 0.5) -> Tensor:
    """Which way mixed KL pushes each student logit: the two gradients in the same proportion.

    Each part keeps its own rule where its value is infinite (see forward_kl_grad and reverse_kl_grad).

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        weight: from 0 to 1, the share of KL(T‖S).

    Returns:
        (..., V) nats per unit of logit.

    Raises:
        InvalidInput: weight outside its range, or rows no divergence accepts (see Pair).
    """
    return MIXED_KL.value_and_grad(Pair(teacher, student), weight=weight)[1]
