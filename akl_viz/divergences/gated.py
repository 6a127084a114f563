"""Mixtures of forward and reverse KL whose weights follow the position: by entropy, or by which KL is larger."""

from __future__ import annotations

import torch
from torch import Tensor

from akl_viz.divergences.base import Divergence, Param
from akl_viz.divergences.kl import Weights, forward_value, mixed_both, mixed_terms, mixed_value, reverse_value
from akl_viz.divergences.pair import Pair

_TIE = 64.0
"""Roundings within which two entropies count as equal: a permuted row must not be gated by its last digit."""


def _entropy_weights(pair: Pair, gain: float) -> Weights:
    """(...) weights of forward and reverse KL: gain on forward where the teacher is more undecided, else on reverse."""
    teacher, student = pair.teacher_entropy.detach(), pair.student_entropy.detach()
    difference = teacher - student
    tie = _TIE * torch.finfo(teacher.dtype).eps * (1.0 + teacher)
    one, many = torch.ones_like(teacher), torch.full_like(teacher, gain)
    return torch.where(difference > tie, many, one), torch.where(difference < -tie, many, one)


def _ratio_weights(pair: Pair) -> Weights:
    """(...) weights of forward and reverse KL: their shares of the sum; a half each where both are 0 or infinite."""
    forward, reverse = forward_value(pair).detach(), reverse_value(pair).detach()
    half = torch.full_like(forward, 0.5)
    # Halves, whose sum stays in the range of the dtype wherever both are in it.
    total = 0.5 * forward + 0.5 * reverse
    share = torch.where(total == 0.0, half, 0.5 * forward / torch.where(total == 0.0, torch.ones_like(total), total))
    share = torch.where(reverse.isinf(), torch.zeros_like(share), share)
    share = torch.where(forward.isinf(), torch.where(reverse.isinf(), half, torch.ones_like(share)), share)
    return share, 1.0 - share


BDKD = Divergence(
    key="bdkd",
    label="BDKD",
    direction="both",
    formula="w KL(T‖S) + v KL(S‖T), w = k where H(T) > H(S), v = k where H(S) > H(T), else 1",
    tex=r"k^{[H(T)>H(S)]}\,\mathrm{KL}(T\Vert S) + k^{[H(S)>H(T)]}\,\mathrm{KL}(S\Vert T)",
    source="Amara et al. 2022, BD-KD (arXiv 2212.12965); gain 3 in ghwang-s/abkd losses.py, 2 in aailab-kaist/AMiD",
    values=lambda pair, gain: mixed_value(pair, _entropy_weights(pair, gain)),
    values_and_gradients=lambda pair, gain: mixed_both(pair, _entropy_weights(pair, gain)),
    terms=lambda pair, gain: mixed_terms(pair, _entropy_weights(pair, gain)),
    params=(
        Param("gain", 3.0, "weight of the term the gate favours; the other has 1", lower=1.0, upper=20.0, symbol="k"),
    ),
    symmetric=True,
    smooth=False,
    constant_weights=True,
)
KLR = Divergence(
    key="klr",
    label="KL ratio",
    direction="both",
    formula="w KL(T‖S) + (1 - w) KL(S‖T), w = KL(T‖S) / (KL(T‖S) + KL(S‖T))",
    tex=r"\frac{\mathrm{KL}(T\Vert S)^2 + \mathrm{KL}(S\Vert T)^2}{\mathrm{KL}(T\Vert S) + \mathrm{KL}(S\Vert T)}",
    source="KLR, an unpublished repository's document, which takes the weight from a batch mean with a moving average",
    values=lambda pair: mixed_value(pair, _ratio_weights(pair)),
    values_and_gradients=lambda pair: mixed_both(pair, _ratio_weights(pair)),
    terms=lambda pair: mixed_terms(pair, _ratio_weights(pair)),
    symmetric=True,
    constant_weights=True,
)


def bdkd(teacher: Tensor, student: Tensor, gain: float = 3.0) -> Tensor:
    """Forward and reverse KL, the one weighted up that the two entropies call for.

    Where the teacher is more undecided than the student, forward KL gets the gain; where the student is, reverse KL;
    at equal entropies (to rounding) both have weight 1. It jumps where the entropies cross. 0 only at p = q.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        gain: weight of the favoured term, from 1 (twice mixed KL at 0.5) to 20.

    Returns:
        (...) nats, from 0 to inf.

    Raises:
        InvalidInput: a parameter outside its range, or rows no divergence accepts (see Pair).

    Source:
        BD-KD; as ghwang-s/abkd losses.py.
    """
    return BDKD.value(Pair(teacher, student), gain=gain)


def bdkd_grad(teacher: Tensor, student: Tensor, gain: float = 3.0) -> Tensor:
    """Which way BDKD pushes each student logit: the two gradients in the gated proportion, the gate held constant.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        gain: weight of the favoured term, from 1 (twice mixed KL at 0.5) to 20.

    Returns:
        (..., V) per unit of logit.

    Raises:
        InvalidInput: a parameter outside its range, or rows no divergence accepts (see Pair).
    """
    return BDKD.value_and_grad(Pair(teacher, student), gain=gain)[1]


def klr(teacher: Tensor, student: Tensor) -> Tensor:
    """Forward and reverse KL, each weighted by its own share of their sum, so that the larger one leads.

    The weight belongs to each position. Its source takes one weight per batch from the mean and smooths it over steps
    (0.99); that is a matter of a training loop, not of a divergence, and no part of this row. 0 only at p = q.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.

    Returns:
        (...) nats, from 0 to inf.

    Raises:
        InvalidInput: a parameter outside its range, or rows no divergence accepts (see Pair).

    Source:
        An unpublished repository's document.
    """
    return KLR.value(Pair(teacher, student))


def klr_grad(teacher: Tensor, student: Tensor) -> Tensor:
    """Which way KLR pushes each student logit: the two gradients weighted by the two values, held constant.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.

    Returns:
        (..., V) per unit of logit.

    Raises:
        InvalidInput: a parameter outside its range, or rows no divergence accepts (see Pair).
    """
    return KLR.value_and_grad(Pair(teacher, student))[1]
