"""The slow oracle: every divergence from its formula, in plain Python over lists of floats.

Nothing here is shared with the product. p is the teacher, q the student, both lists of probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

Row = Sequence[float]


def softmax(logits: Row, temperature: float = 1.0) -> list[float]:
    """exp(z / T) over its sum; a logit of -inf gets exactly 0."""
    largest = max(logits)
    powers = [math.exp((logit - largest) / temperature) for logit in logits]
    total = math.fsum(powers)
    return [power / total for power in powers]


def relative_entropy(a: Row, b: Row) -> float:
    """KL(a‖b): a token a rules out costs nothing; one that only b rules out costs everything."""
    terms = []
    for here, there in zip(a, b, strict=True):
        if here == 0.0:
            continue
        if there == 0.0:
            return math.inf
        terms.append(here * math.log(here / there))
    return math.fsum(terms)


def head_tokens(p: Row, mu: float = 0.5, boundary: str = "below") -> list[int]:
    """The head by sorting everything: falling probability, then rising id."""
    order = sorted(range(len(p)), key=lambda token: (-p[token], token))
    mass = 0.0
    head = []
    for token in order:
        mass += p[token]
        if boundary == "below" and mass > mu:
            break
        head.append(token)
        if boundary == "reach" and mass >= mu:
            break
    return head or order[:1]


def head_and_tail_gap(p: Row, q: Row, mu: float = 0.5, boundary: str = "below") -> tuple[float, float]:
    """Sums of abs(p - q) over head and tail."""
    head = set(head_tokens(p, mu, boundary))
    inside = math.fsum(abs(p[token] - q[token]) for token in head)
    return inside, math.fsum(abs(p[token] - q[token]) for token in range(len(p)) if token not in head)


def forward_weight(p: Row, q: Row, mu: float = 0.5, boundary: str = "below") -> float:
    """The head's share of the gap; one half where there is none."""
    head, tail = head_and_tail_gap(p, q, mu, boundary)
    return 0.5 if head + tail == 0.0 else head / (head + tail)


def forward_kl(p: Row, q: Row) -> float:
    """KL(T‖S)."""
    return relative_entropy(p, q)


def reverse_kl(p: Row, q: Row) -> float:
    """KL(S‖T)."""
    return relative_entropy(q, p)


def mixed_kl(p: Row, q: Row, weight: float = 0.5) -> float:
    """weight KL(T‖S) + (1 - weight) KL(S‖T), leaving out a term of weight 0."""
    forward = weight * forward_kl(p, q) if weight > 0.0 else 0.0
    reverse = (1.0 - weight) * reverse_kl(p, q) if weight < 1.0 else 0.0
    return forward + reverse


def jsd(p: Row, q: Row, beta: float = 0.5, scaled: str = "no") -> float:
    """beta KL(T‖M) + (1 - beta) KL(S‖M), M = beta T + (1 - beta) S, over beta (1 - beta) if scaled."""
    m = [beta * a + (1.0 - beta) * b for a, b in zip(p, q, strict=True)]
    value = beta * relative_entropy(p, m) + (1.0 - beta) * relative_entropy(q, m)
    return value / (beta * (1.0 - beta)) if scaled == "yes" else value


def tvd(p: Row, q: Row) -> float:
    """Half the sum of absolute differences."""
    return 0.5 * math.fsum(abs(a - b) for a, b in zip(p, q, strict=True))


def akl(
    p: Row,
    q: Row,
    mu: float = 0.5,
    boundary: str = "below",
    direction: str = "adaptive",
    weight: float = 0.5,
    gap: str = "absolute",
) -> float:
    """The mixture at the adaptive, swapped or given weight."""
    return mixed_kl(p, q, akl_weight(p, q, mu, boundary, direction, weight, gap))


def akl_weight(p: Row, q: Row, mu: float, boundary: str, direction: str, weight: float, gap: str) -> float:
    """The weight of the forward term."""
    head = set(head_tokens(p, mu, boundary))
    sizes = [abs(a - b) ** (2 if gap == "squared" else 1) for a, b in zip(p, q, strict=True)]
    inside = math.fsum(sizes[token] for token in head)
    outside = math.fsum(size for token, size in enumerate(sizes) if token not in head)
    adaptive = 0.5 if inside + outside == 0.0 else inside / (inside + outside)
    return {"adaptive": adaptive, "reversed": 1.0 - adaptive, "fixed": weight}[direction]


def entropy(p: Row) -> float:
    """-sum p log p."""
    return -math.fsum(value * math.log(value) for value in p if value > 0.0)


def central_differences(value: Callable[[list[float]], float], logits: Row, step: float = 1e-3) -> list[float]:
    """Derivative of `value` by each logit, to fourth order in the step."""

    def moved(token: int, by: float) -> float:
        return value([logit + by * (other == token) for other, logit in enumerate(logits)])

    return [
        (8.0 * (moved(j, step) - moved(j, -step)) - (moved(j, 2 * step) - moved(j, -2 * step))) / (12.0 * step)
        for j in range(len(logits))
    ]
