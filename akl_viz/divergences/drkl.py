"""DRKL: reverse KL taken apart at the token that followed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from akl_viz.divergences.base import Divergence, Param
from akl_viz.divergences.chain import log_ratio
from akl_viz.divergences.pair import Pair, weighed


@dataclass(frozen=True)
class _Parts:
    """The pieces of a pair split into its target and the rest."""

    at_target: Tensor
    """(..., V) bool."""
    q_target: Tensor
    """(..., 1) probability of the target."""
    target_ratio: Tensor
    """(..., 1) log(q_t/p_t), nats; 0 where q_t = 0."""
    rest_ratio: Tensor
    """(..., 1) log((1 - q_t)/(1 - p_t)), nats; 0 where 1 - q_t = 0."""
    q_rest: Tensor
    """(..., V) the student on the other tokens, normalised; 0 at the target, and everywhere where q_t = 1."""
    inner: Tensor
    """(..., V) log of the ratio of the two normalised rests; 0 where q_rest is."""


def _parts(pair: Pair) -> _Parts:
    return pair.once("drkl", lambda: _split(pair))


def _split(pair: Pair) -> _Parts:
    if pair.target is None:
        raise AssertionError("Divergence checks for the target")
    target = pair.target.unsqueeze(-1)
    at_target = torch.zeros_like(pair.q, dtype=torch.bool).scatter(-1, target, True)
    logs = []
    for rows in (pair.teacher, pair.student):
        rest = rows.masked_fill(at_target, -torch.inf)
        # log(1 - q_t) from the other tokens: 1 - q_t would lose a confident student's tail to rounding.
        logs.append((rows.gather(-1, target), rest.logsumexp(-1, keepdim=True), rest))
    (p_target, p_total, p_rows), (q_target, q_total, q_rows) = logs
    q_logs = log_ratio(q_rows, q_total, empty=-torch.inf)
    p_logs = log_ratio(p_rows, p_total, empty=-torch.inf)
    return _Parts(
        at_target=at_target,
        q_target=q_target.exp(),
        target_ratio=log_ratio(q_target, p_target),
        rest_ratio=log_ratio(q_total, p_total),
        q_rest=q_logs.exp(),
        inner=log_ratio(q_logs, p_logs),
    )


def _terms(pair: Pair, gamma: float) -> Tensor:
    """(..., V): at the target q_t log(q_t/p_t); elsewhere a share of the binary rest, and gamma times the inner KL."""
    parts = _parts(pair)
    terms = pair.student_terms(torch.where(parts.at_target, parts.target_ratio, parts.rest_ratio))
    return terms + gamma * weighed(parts.q_rest, parts.inner, pair.student) if gamma > 0.0 else terms


def _value(pair: Pair, gamma: float) -> Tensor:
    return _terms(pair, gamma).sum(-1).clamp_min(0.0)


def _both(pair: Pair, gamma: float) -> tuple[Tensor, Tensor]:
    """Value and gradient; see drkl_grad."""
    parts, value = _parts(pair), _value(pair, gamma)
    rest = pair.q.masked_fill(parts.at_target, 0.0)
    weight = torch.where(parts.at_target, rest.sum(-1, keepdim=True), -rest) * parts.q_target
    # Products before differences: two huge ratios would leave the range before they are weighed.
    gradient = weight * parts.target_ratio - weight * parts.rest_ratio
    if gamma > 0.0:
        mean = (parts.q_rest * parts.inner).sum(-1, keepdim=True)
        gradient = gradient + gamma * (parts.q_rest * parts.inner - parts.q_rest * mean)
    return value, gradient.masked_fill(value.isinf().unsqueeze(-1) | (pair.student == -torch.inf), 0.0)


DRKL = Divergence(
    key="drkl",
    label="Decoupled reverse KL",
    direction="KL(S‖T)",
    formula="KL of (q_t, 1 - q_t) to (p_t, 1 - p_t) + g KL(S‖T) of the other tokens, normalised",
    tex=r"\mathrm{KL}_b(q_t, p_t) + \gamma\,\mathrm{KL}(\hat S\Vert \hat T)",
    source="arXiv 2604.00223 (2026); that its target is the token that followed is our reading",
    values=_value,
    values_and_gradients=_both,
    terms=_terms,
    params=(
        Param("gamma", 0.5, "weight of the other tokens; reverse KL has 1 - q_t in its place", upper=10.0, symbol="g"),
    ),
    needs_target=True,
)


def drkl(teacher: Tensor, student: Tensor, target: Tensor, gamma: float = 0.5) -> Tensor:
    """Reverse KL taken apart at the target token t, with a constant weight on the other tokens.

    D = KL_b(q_t, p_t) + gamma KL(S^‖T^), with S^ and T^ the other tokens normalised. Reverse KL has 1 - q_t in place
    of gamma. For gamma > 0 it is 0 only at p = q; infinite where q > 0 = p (at gamma 0 where that holds for t, or for
    the others together).

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        target: (...) integer ids of the tokens that followed.
        gamma: weight of the other tokens, from 0 to 10; at 0 the value says nothing about them.

    Returns:
        (...) nats, from 0 to inf.

    Raises:
        InvalidInput: a parameter outside its range, or rows no divergence accepts (see Pair).

    Source:
        arXiv 2604.00223 (2026), from its abstract and formula; no code of it is known.
    """
    return DRKL.value(Pair(teacher, student, target=target), gamma=gamma)


def drkl_grad(teacher: Tensor, student: Tensor, target: Tensor, gamma: float = 0.5) -> Tensor:
    """Which way decoupled reverse KL pushes each student logit.

    With B = log(q_t/p_t) - log((1 - q_t)/(1 - p_t)): g_t = q_t (1 - q_t) B and, elsewhere, g_j = -q_t q_j B
    + gamma q^_j (log(q^_j/p^_j) - KL(S^‖T^)). A row of infinite value is 0 throughout.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        target: (...) integer ids of the tokens that followed.
        gamma: weight of the other tokens, from 0 to 10; at 0 the value says nothing about them.

    Returns:
        (..., V) per unit of logit.

    Raises:
        InvalidInput: a parameter outside its range, or rows no divergence accepts (see Pair).
    """
    return DRKL.value_and_grad(Pair(teacher, student, target=target), gamma=gamma)[1]
