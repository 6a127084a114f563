"""The slow oracle, second part: the divergences of follow-up work, and the table of all.

As in tests.reference: plain Python over lists of probabilities, p the teacher, q the student, nothing shared with the
product. A frozen oracle holds what the field holds constant (weights, a target) at its value for one student.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.reference import (
    Row,
    akl,
    akl_weight,
    entropy,
    forward_kl,
    jsd,
    mixed_kl,
    relative_entropy,
    reverse_kl,
    tvd,
)


def skew_forward_kl(p: Row, q: Row, alpha: float = 0.1) -> float:
    """KL(T‖alpha T + (1 - alpha) S)."""
    return relative_entropy(p, [alpha * a + (1.0 - alpha) * b for a, b in zip(p, q, strict=True)])


def skew_reverse_kl(p: Row, q: Row, alpha: float = 0.1) -> float:
    """KL(S‖alpha S + (1 - alpha) T)."""
    return skew_forward_kl(q, p, alpha)


def hellinger(p: Row, q: Row) -> float:
    """0.5 sum (sqrt p - sqrt q)^2."""
    return 0.5 * math.fsum((math.sqrt(a) - math.sqrt(b)) ** 2 for a, b in zip(p, q, strict=True))


def alpha_beta(p: Row, q: Row, alpha: float = 0.2, beta: float = 0.7) -> float:
    """Cichocki's formula, and its limits where a parameter is 0."""
    if alpha == 0.0 and beta == 0.0:
        return 0.5 * math.fsum(_squared_log_ratio(a, b) for a, b in zip(p, q, strict=True))
    if alpha == 0.0:
        return _ab_limit(q, p, beta)
    if beta == 0.0:
        return _ab_limit(p, q, alpha)
    total = alpha + beta
    terms = [
        (alpha / total * a**total + beta / total * b**total - a**alpha * b**beta) / (alpha * beta)
        for a, b in zip(p, q, strict=True)
    ]
    return math.fsum(terms)


def _squared_log_ratio(a: float, b: float) -> float:
    if a == b:
        return 0.0
    return math.inf if a == 0.0 or b == 0.0 else math.log(a / b) ** 2


def _ab_limit(one: Row, other: Row, power: float) -> float:
    """sum (x^c log(x^c/y^c) - x^c + y^c) / c^2."""
    terms = []
    for x, y in zip(one, other, strict=True):
        if x > 0.0 and y == 0.0:
            return math.inf
        log = x**power * power * math.log(x / y) if x > 0.0 else 0.0
        terms.append((log - x**power + y**power) / power**2)
    return math.fsum(terms)


def todi_shares(p: Row, q: Row, beta: float) -> list[float]:
    """Share of forward KL per token: p^beta / (p^beta + q^beta)."""
    return [0.5 if a == b else a**beta / (a**beta + b**beta) for a, b in zip(p, q, strict=True)]


def todi(p: Row, q: Row, beta: float = 1.0, shares: list[float] | None = None) -> float:
    """sum a p log(p/q) + (1 - a) q log(q/p)."""
    terms = []
    for share, a, b in zip(shares or todi_shares(p, q, beta), p, q, strict=True):
        for part, x, y in ((share, a, b), (1.0 - share, b, a)):
            if part > 0.0 and x > 0.0:
                terms.append(part * x * math.log(x / y) if y > 0.0 else math.inf)
    return math.fsum(terms)


def assistant(p: Row, q: Row, alpha: float, lam: float) -> list[float] | None:
    """r ~ (lam p^c + (1 - lam) q^c)^(1/c); None where no token is left."""
    power = (1.0 - alpha) / 2.0
    raw = []
    for a, b in zip(p, q, strict=True):
        if power <= 0.0 and (a == 0.0 or b == 0.0):
            raw.append(0.0)
        elif power == 0.0:
            raw.append(a**lam * b ** (1.0 - lam))
        else:
            mean = lam * a**power + (1.0 - lam) * b**power
            raw.append(mean ** (1.0 / power) if mean > 0.0 else 0.0)
    total = math.fsum(raw)
    return [value / total for value in raw] if total > 0.0 else None


def amid(p: Row, q: Row, alpha: float = 0.0, lam: float = 0.1, between: str = "teacher_assistant") -> float:
    """KL between two of teacher, student and assistant."""
    r = assistant(p, q, alpha, lam)
    if r is None:
        return math.inf
    first, _, second = between.partition("_")
    rows = {"teacher": p, "student": q, "assistant": r}
    return relative_entropy(rows[first], rows[second])


def drkl(p: Row, q: Row, gamma: float = 0.5, target: int = 0) -> float:
    """Binary KL at the target plus gamma times KL of the normalised rest."""
    rest_p = math.fsum(value for token, value in enumerate(p) if token != target)
    rest_q = math.fsum(value for token, value in enumerate(q) if token != target)
    binary = relative_entropy([q[target], rest_q], [p[target], rest_p])
    if gamma == 0.0 or rest_q == 0.0 or rest_p == 0.0:
        return binary
    others = [token for token in range(len(p)) if token != target]
    inner = relative_entropy([q[token] / rest_q for token in others], [p[token] / rest_p for token in others])
    return binary + gamma * inner


def bdkd_weights(p: Row, q: Row, gain: float) -> tuple[float, float]:
    """Weights of forward and reverse KL by the entropies; equal to rounding counts as equal."""
    difference = entropy(p) - entropy(q)
    if abs(difference) < 1e-13 * (1.0 + entropy(p)):
        return 1.0, 1.0
    return (gain, 1.0) if difference > 0.0 else (1.0, gain)


def weighted(p: Row, q: Row, weights: tuple[float, float]) -> float:
    """The two KLs with these weights; a weight of 0 silences an infinite term."""
    parts = zip(weights, (forward_kl(p, q), reverse_kl(p, q)), strict=True)
    return math.fsum(weight * value for weight, value in parts if weight > 0.0)


def bdkd(p: Row, q: Row, gain: float = 3.0) -> float:
    """The gated mixture."""
    return weighted(p, q, bdkd_weights(p, q, gain))


def klr_weights(p: Row, q: Row) -> tuple[float, float]:
    """Each KL's share of their sum."""
    forward, reverse = forward_kl(p, q), reverse_kl(p, q)
    if forward == reverse:
        return 0.5, 0.5
    if math.isinf(forward) or math.isinf(reverse):
        return (1.0, 0.0) if math.isinf(forward) else (0.0, 1.0)
    return forward / (forward + reverse), reverse / (forward + reverse)


def klr(p: Row, q: Row) -> float:
    """The mixture by the values themselves."""
    return weighted(p, q, klr_weights(p, q))


def taid_target(p: Row, q: Row, t: float) -> list[float] | None:
    """q^(1-t) p^t, normalised; None where no token is left."""
    if t in (0.0, 1.0):
        return list(p if t == 1.0 else q)
    raw = [b ** (1.0 - t) * a**t for a, b in zip(p, q, strict=True)]
    total = math.fsum(raw)
    return [value / total for value in raw] if total > 0.0 else None


def taid(p: Row, q: Row, t: float = 0.4) -> float:
    """KL of the target to the student."""
    between = taid_target(p, q, t)
    return math.inf if between is None else relative_entropy(between, q)


ORACLES: dict[str, Callable[..., float]] = {
    "forward_kl": forward_kl,
    "reverse_kl": reverse_kl,
    "mixed_kl": mixed_kl,
    "jsd": jsd,
    "tvd": tvd,
    "akl": akl,
    "skew_forward_kl": skew_forward_kl,
    "skew_reverse_kl": skew_reverse_kl,
    "hellinger": hellinger,
    "alpha_beta": alpha_beta,
    "todi": todi,
    "amid": amid,
    "drkl": drkl,
    "bdkd": bdkd,
    "klr": klr,
    "taid": taid,
}


def frozen(key: str, params: dict[str, Any], p: Row, q: Row, target: int = 0) -> Callable[[Row, Row], float]:
    """The oracle with weights and targets held at their value for the student q."""
    if key == "akl":
        defaults = {"mu": 0.5, "boundary": "below", "direction": "adaptive", "weight": 0.5, "gap": "absolute"}
        return partial(mixed_kl, weight=akl_weight(p, q, **(defaults | params)))
    if key == "todi":
        return partial(todi, shares=todi_shares(p, q, params.get("beta", 1.0)))
    if key == "bdkd":
        return partial(weighted, weights=bdkd_weights(p, q, params.get("gain", 3.0)))
    if key == "klr":
        return partial(weighted, weights=klr_weights(p, q))
    if key == "taid":
        held = taid_target(p, q, params.get("t", 0.4)) or []
        return lambda _, moved: relative_entropy(held, moved)
    extra = {"target": target} if key == "drkl" else {}
    return partial(ORACLES[key], **params, **extra)
