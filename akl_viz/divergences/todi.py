"""ToDi: forward KL where the student gives a token too little, reverse KL where it gives it too much."""

from __future__ import annotations

import torch
from torch import Tensor

from akl_viz.divergences.base import Divergence, Param
from akl_viz.divergences.chain import logit_gradient
from akl_viz.divergences.kl import forward_terms, mixture, reverse_terms
from akl_viz.divergences.pair import Pair


def _shares(pair: Pair, beta: float) -> tuple[Tensor, Tensor]:
    """(..., V) share of forward and of reverse KL of every token: sigmoid(+-beta log(p/q)), constants.

    At beta = 0 both are one half, also where the ratio is infinite.
    """
    ratio = pair.log_ratio.detach()
    steep = beta * ratio if beta > 0.0 else torch.zeros_like(ratio)
    return torch.sigmoid(steep), torch.sigmoid(-steep)


def _terms(pair: Pair, beta: float) -> Tensor:
    """(..., V) a p log(p/q) + (1 - a) q log(q/p): never negative, since log(p/q) and a p - (1 - a) q agree in sign."""
    return mixture(forward_terms(pair), reverse_terms(pair), *_shares(pair, beta))


def _value(pair: Pair, beta: float) -> Tensor:
    return _terms(pair, beta).sum(-1).clamp_min(0.0)


def _both(pair: Pair, beta: float) -> tuple[Tensor, Tensor]:
    """Value and gradient: e_j = -a p_j + (1 - a) q_j (log(q_j/p_j) + 1), the shares being constants."""
    forward, reverse = _shares(pair, beta)
    weighted = reverse * (pair.q + reverse_terms(pair)) - forward * pair.p
    return _value(pair, beta), logit_gradient(pair, weighted)


TODI = Divergence(
    key="todi",
    label="ToDi",
    direction="both",
    formula="sum a p log(p/q) + (1 - a) q log(q/p), a = sigmoid(b log(p/q)) per token",
    tex=r"\sum_j \sigma(\beta\log\tfrac{p_j}{q_j})\, p_j\log\tfrac{p_j}{q_j}"
    r" + \sigma(\beta\log\tfrac{q_j}{p_j})\, q_j\log\tfrac{q_j}{p_j}",
    source="Jung et al. 2025, ToDi (arXiv 2505.16297), jungseongryong/ToDi various_divergence.py, beta 1",
    values=_value,
    values_and_gradients=_both,
    terms=_terms,
    params=(Param("beta", 1.0, "how sharply a token's share follows log(p/q)", upper=20.0, symbol="b"),),
    symmetric=True,
    constant_weights=True,
)


def todi(teacher: Tensor, student: Tensor, beta: float = 1.0) -> Tensor:
    """Token by token, more forward KL where q < p and more reverse KL where q > p.

    sum a p log(p/q) + (1 - a) q log(q/p) with a = sigmoid(beta log(p/q)). Every term is at least 0 and the value is 0
    only at p = q; infinite where exactly one side rules a token out.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        beta: how sharply a share follows log(p/q), from 0 (both halves) to 20.

    Returns:
        (...) nats, from 0 to inf.

    Raises:
        InvalidInput: a parameter outside its range, or rows no divergence accepts (see Pair).

    Source:
        Jung et al. 2025, ToDi.
    """
    return TODI.value(Pair(teacher, student), beta=beta)


def todi_grad(teacher: Tensor, student: Tensor, beta: float = 1.0) -> Tensor:
    """Which way ToDi pushes each student logit: e_j - q_j sum(e), e = -a p + (1 - a) q (log(q/p) + 1), a held constant.

    A row whose value is infinite because q > 0 = p is 0 throughout, as for reverse KL.

    Args:
        teacher: (..., V) log-probabilities, nats.
        student: (..., V) log-probabilities, nats.
        beta: how sharply a share follows log(p/q), from 0 (both halves) to 20.

    Returns:
        (..., V) per unit of logit.

    Raises:
        InvalidInput: a parameter outside its range, or rows no divergence accepts (see Pair).
    """
    return TODI.value_and_grad(Pair(teacher, student), beta=beta)[1]
