"""The alpha-beta divergence: forward KL, reverse KL, Hellinger and squared error as points of one plane."""

from __future__ import annotations

import torch
from torch import Tensor

from akl_viz.divergences.base import Divergence, Param
from akl_viz.divergences.chain import logit_gradient
from akl_viz.divergences.pair import Pair


def _power(logs: Tensor, exponent: float) -> Tensor:
    """exp(exponent * logs), with x^0 = 1 even at x = 0: the limit from above."""
    return torch.ones_like(logs) if exponent == 0.0 else (exponent * logs).exp()


def _half(scale: Tensor, a: float, b: float, ratio: Tensor) -> Tensor:
    """The term of a token whose ratio is at most 0, seen from its larger side.

    With s = a + b: larger^s / (a b) * (b/s expm1(s L) - expm1(b L)), L = log(smaller/larger), a on the larger side.
    """
    total = a + b
    return scale * (b / total * torch.expm1(total * ratio) - torch.expm1(b * ratio)) / (a * b)


def _limit(logs: Tensor, others: Tensor, ratio: Tensor, power: float) -> Tensor:
    """The term where the power of `others` has fallen to 0: x^c (c L + expm1(-c L)) / c^2, L = log(x/y), x on `logs`.

    Where L is far below 0 the bracket overflows while x^c underflows; there the same is y^c (1 + (c L - 1) exp(c L)).
    """
    scaled = power * ratio
    near = scaled.clamp_min(-1.0)
    far = scaled.clamp(-1e4, -1.0)
    term = torch.where(
        scaled < -1.0,
        _power(others, power) * (1.0 + (far - 1.0) * far.exp()),
        _power(logs, power) * (near + torch.expm1(-near)),
    )
    return torch.where(ratio == torch.inf, ratio, term / power**2)


def _terms(pair: Pair, alpha: float, beta: float) -> Tensor:
    """(..., V) what each token adds, by the exact limit where a parameter is 0."""
    if alpha == 0.0 and beta == 0.0:
        return 0.5 * pair.log_ratio.square()
    if beta == 0.0:
        return _limit(pair.teacher, pair.student, pair.log_ratio, alpha)
    ratio = -pair.log_ratio
    if alpha == 0.0:
        return _limit(pair.student, pair.teacher, ratio, beta)
    below = _half(_power(pair.teacher, alpha + beta), alpha, beta, ratio.clamp_max(0.0))
    above = _half(_power(pair.student, alpha + beta), beta, alpha, (-ratio).clamp_max(0.0))
    return torch.where(ratio <= 0.0, below, above)


def _value(pair: Pair, alpha: float, beta: float) -> Tensor:
    return _terms(pair, alpha, beta).sum(-1).clamp_min(0.0)


def _weighted(pair: Pair, alpha: float, beta: float) -> Tensor:
    """(..., V) e_j = q_j dD/dq_j = q^b (q^a - p^a) / a, and q^b log(q/p) in the limit alpha = 0."""
    ratio = -pair.log_ratio
    if alpha == 0.0:
        if beta == 0.0:
            return torch.where(ratio == -torch.inf, torch.full_like(ratio, torch.inf), ratio)
        bounded = torch.where(ratio.isinf(), torch.zeros_like(ratio), ratio)
        return torch.where(ratio == torch.inf, ratio, _power(pair.student, beta) * bounded)
    below = _power(pair.teacher, alpha) * torch.expm1(alpha * ratio.clamp_max(0.0))
    above = -_power(pair.student, alpha) * torch.expm1(-alpha * ratio.clamp_min(0.0))
    return _power(pair.student, beta) * torch.where(ratio <= 0.0, below, above) / alpha


def _both(pair: Pair, alpha: float, beta: float) -> tuple[Tensor, Tensor]:
    """Value and gradient."""
    return _value(pair, alpha, beta), logit_gradient(pair, _weighted(pair, alpha, beta))


def _upper(alpha: float, beta: float) -> float | None:
    """1 / (alpha beta) where alpha + beta >= 1; otherwise the largest value grows with the vocabulary."""
    return 1.0 / (alpha * beta) if alpha * beta > 0.0 and alpha + beta >= 1.0 else None


ALPHA_BETA = Divergence(
    key="alpha_beta",
    label="Alpha-beta",
    direction="both",
    formula="-1/(a b) sum (p^a q^b - a/(a+b) p^(a+b) - b/(a+b) q^(a+b))",
    tex=r"-\frac{1}{\alpha\beta}\sum_j p_j^\alpha q_j^\beta - \tfrac{\alpha}{\alpha+\beta}p_j^{\alpha+\beta}"
    r" - \tfrac{\beta}{\alpha+\beta}q_j^{\alpha+\beta}",
    source="Cichocki et al. 2011; Wang et al. 2025, ABKD (arXiv 2505.04560), whose published point is (0.2, 0.7)",
    values=_value,
    values_and_gradients=_both,
    terms=_terms,
    params=(
        Param("alpha", 0.2, "power of the teacher; small values look at every token alike", upper=2.0, symbol="a"),
        Param("beta", 0.7, "power of the student; small values look at every token alike", upper=2.0, symbol="b"),
    ),
    unit="no unit",
    upper=_upper,
    finite=True,
)


def alpha_beta(teacher: Tensor, student: Tensor, alpha: float = 0.2, beta: float = 0.7) -> Tensor:
    """A plane of divergences: (1, 0) is forward KL, (0, 1) reverse KL, (0.5, 0.5) four times squared Hellinger.

    D = -1/(ab) sum [p^a q^b - a/(a+b) p^(a+b) - b/(a+b) q^(a+b)], with its exact limits where a parameter is 0:
    sum (p^a log(p^a/q^a) - p^a + q^a) / a^2 at b = 0, the same with the sides exchanged at a = 0, and
    0.5 sum log(p/q)^2 at a = b = 0. (1, 1) is half the squared error. 0 only at p = q. Finite whatever the supports
    where both parameters are positive; infinite where p > 0 = q at b = 0 and where q > 0 = p at a = 0. Between 0 and
    about 1e-4 a parameter costs digits (rounding over the parameter): use 0 itself.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        alpha: power of the teacher, from 0 to 2.
        beta: power of the student, from 0 to 2.

    Returns:
        (...) nats in the limits of the two KLs, without a unit elsewhere.

    Raises:
        InvalidInput: a parameter outside its range, or rows no divergence accepts (see Pair).

    Source:
        Cichocki et al. 2011; ABKD. ABKD's own code gives beta (alpha) times the limit where the other parameter is 0.
    """
    return ALPHA_BETA.value(Pair(teacher, student), alpha=alpha, beta=beta)


def alpha_beta_grad(teacher: Tensor, student: Tensor, alpha: float = 0.2, beta: float = 0.7) -> Tensor:
    """Which way it pushes each student logit: e_j - q_j sum(e), e = q^b (q^a - p^a) / a.

    A row whose derivative is infinite (alpha = 0 where q > 0 = p) is 0 throughout, as for reverse KL.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        alpha: power of the teacher, from 0 to 2.
        beta: power of the student, from 0 to 2.

    Returns:
        (..., V) per unit of logit.

    Raises:
        InvalidInput: a parameter outside its range, or rows no divergence accepts (see Pair).
    """
    return ALPHA_BETA.value_and_grad(Pair(teacher, student), alpha=alpha, beta=beta)[1]
