"""Statistics over the scored tokens of a trace."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from akl_viz.records import TOKEN_FIELDS, FloatArray, TokenTrace


@dataclass(frozen=True)
class Summary:
    """Mean of a field over the scored tokens, with its standard error and n."""

    mean: float
    se: float | None
    """Sample standard deviation / sqrt(n); None for fewer than two tokens or where a value is infinite."""
    n: int


def mean_and_error(values: FloatArray) -> Summary:
    """Mean and standard error of the values that are not NaN.

    mean = sum x / n, se = sqrt(sum (x - mean)^2 / (n - 1) / n). Tokens of one text are not independent, so the
    error describes this text and is no confidence interval for another.

    Args:
        values: (T,) with NaN where not scored.

    Returns:
        Summary; mean is NaN where n = 0.
    """
    kept = values[~np.isnan(values)]
    n = len(kept)
    if n == 0:
        return Summary(math.nan, None, 0)
    mean = float(kept.mean())
    se = float(kept.std(ddof=1) / math.sqrt(n)) if n > 1 and math.isfinite(mean) else None
    return Summary(mean, se, n)


def summarise(trace: TokenTrace) -> dict[str, Summary]:
    """Field -> Summary for every field of the trace, in the order of TOKEN_FIELDS."""
    return {name: mean_and_error(trace.columns[name]) for name in TOKEN_FIELDS}
