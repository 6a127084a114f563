"""Hypothesis strategies for logits: with ties and exact zeros, and tiny, because shrinking large ones takes minutes."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from hypothesis import strategies as st

MOST_TOKENS = 6
SPAN = 12.0

LogitPair = tuple[torch.Tensor, torch.Tensor]


def finite_logits(span: float = SPAN) -> st.SearchStrategy[float]:
    """One logit; whole numbers come up often, so that ties do."""
    return st.one_of(st.integers(-2, 2).map(float), st.floats(-span, span, width=32))


def probabilities() -> st.SearchStrategy[list[float]]:
    """Sixteenths that sum to exactly 1: ties, exact boundaries and exact zeros, without rounding."""

    def parts(cuts: list[int]) -> list[float]:
        edges = [0, *sorted(cuts), 16]
        return [(right - left) / 16 for left, right in pairwise(edges)]

    return st.lists(st.integers(0, 16), min_size=0, max_size=9).map(parts)


@st.composite
def rows(draw: st.DrawFn, vocabulary: int, zeros: bool) -> torch.Tensor:
    """(V,) float64 logits; with zeros, some entries are -inf but never all."""
    values = draw(st.lists(finite_logits(), min_size=vocabulary, max_size=vocabulary))
    if zeros:
        banned = draw(st.lists(st.booleans(), min_size=vocabulary, max_size=vocabulary))
        kept = draw(st.integers(0, vocabulary - 1))
        values = [
            -math.inf if out and token != kept else value
            for token, (out, value) in enumerate(zip(banned, values, strict=True))
        ]
    return torch.tensor(values, dtype=torch.float64)


@st.composite
def logit_pairs(draw: st.DrawFn, zeros: bool = False, least_tokens: int = 1) -> LogitPair:
    """Teacher and student logits, each (V,) float64."""
    vocabulary = draw(st.integers(least_tokens, MOST_TOKENS))
    return draw(rows(vocabulary, zeros)), draw(rows(vocabulary, zeros))


def logit_pairs_with_zeros() -> st.SearchStrategy[LogitPair]:
    """Pairs in which either side may rule tokens out."""
    return logit_pairs(zeros=True)


def mus() -> st.SearchStrategy[float]:
    """Head masses, among them those that sixteenths hit exactly."""
    return st.one_of(st.integers(1, 15).map(lambda part: part / 16), st.floats(0.01, 0.99))


def boundaries() -> st.SearchStrategy[str]:
    """Both head rules."""
    return st.sampled_from(["below", "reach"])
