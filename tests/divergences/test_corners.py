"""Every combination of parameters at or near their ends, on rows that rule tokens out, underflow, tie and agree."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch

from akl_viz.divergences import DIVERGENCES, Pair
from akl_viz.divergences.base import Param

LEVELS = torch.tensor([-torch.inf, -torch.inf, -200.0, -90.0, -1.0, 0.0, 0.0, 3.0])
"""What logits are drawn from: bans, probabilities that underflow in fp32, ordinary ones, ties."""
ROWS = 400
SLACK = {torch.float32: 1e-5, torch.float64: 1e-11}
"""Relative: bounds up to 28 nats, terms up to 200 of them, in the two dtypes."""
EQUAL = {torch.float32: 2e-6, torch.float64: 1e-13}
"""Absolute, where the two sides are the same numbers."""
DTYPES = list(SLACK)


def places(param: Param) -> list[float | str]:
    """The words of a parameter, or numbers at its ends (just inside where they are excluded) and between."""
    if param.choices:
        return list(param.choices)
    width = param.upper - param.lower
    inner = [param.lower + 1e-3 * width, param.lower + 0.37 * width]
    if param.open_ends:
        return [param.lower + 1e-12 * width, *inner, param.upper - 1e-9 * width]
    return [param.lower, *inner, param.upper]


def corners(key: str) -> list[dict[str, Any]]:
    """Every combination of those."""
    params = DIVERGENCES[key].params
    named = [dict(zip([p.name for p in params], values, strict=True)) for values in product(*map(places, params))]
    if key == "amid":
        named += [{"alpha": alpha, "between": word} for alpha in (1.0, 1.0 + 1e-9) for word in params[2].choices]
    return named


def pair(vocabulary: int, dtype: torch.dtype) -> tuple[Pair, torch.Tensor, torch.Tensor]:
    """A pair of many rows, the student's logits, and where the sides are equal."""
    generator = torch.Generator().manual_seed(vocabulary)
    shape = (ROWS, vocabulary)
    teacher, student = (LEVELS[torch.randint(len(LEVELS), shape, generator=generator)].to(dtype) for _ in range(2))
    student[: ROWS // 8] = teacher[: ROWS // 8]
    kept = (teacher > -torch.inf).any(-1) & (student > -torch.inf).any(-1)
    target = torch.randint(vocabulary, (ROWS,), generator=generator)[kept]
    return (
        Pair.from_logits(teacher[kept], student[kept], target=target),
        student[kept],
        (teacher == student)[kept].all(-1),
    )


PAIRS = {(vocabulary, dtype): pair(vocabulary, dtype) for vocabulary in (1, 2, 5) for dtype in DTYPES}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("vocabulary", [1, 2, 5])
@pytest.mark.parametrize("key", DIVERGENCES)
def test_no_corner_gives_nan_a_wrong_sign_or_a_push_between_equals(key: str, vocabulary: int, dtype: torch.dtype):
    rows, student, equal = PAIRS[vocabulary, dtype]
    row = DIVERGENCES[key]
    for params in corners(key):
        value, gradient = row.value_and_grad(rows, **params)
        assert bool((value >= 0.0).all()), params
        assert bool(gradient.isfinite().all()), params
        assert not bool(gradient[student == -torch.inf].any()), params
        assert bool((value[equal] <= EQUAL[dtype]).all()), params
        assert bool((gradient[equal].abs() <= EQUAL[dtype]).all()), params
        bound = row.upper_bound(**params)
        if bound is not None:
            assert bool((value <= bound * (1.0 + SLACK[dtype]) + EQUAL[dtype]).all()), params


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("key", DIVERGENCES)
def test_terms_sum_to_the_value_in_every_corner(key: str, dtype: torch.dtype):
    rows = PAIRS[5, dtype][0]
    for params in corners(key):
        terms = DIVERGENCES[key].term_values(rows, **params)
        value = DIVERGENCES[key].value(rows, **params)
        finite = value.isfinite()
        size = terms[finite].abs().sum(-1)
        assert bool((terms[~finite].sum(-1) == torch.inf).all()), params
        error = (terms[finite].sum(-1).clamp_min(0.0) - value[finite]).abs()
        assert bool((error <= SLACK[dtype] * size + EQUAL[dtype]).all()), params
