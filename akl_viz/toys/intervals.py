"""95 % intervals over seeds: of a share and of a mean."""

from __future__ import annotations

import math

from scipy.stats import binomtest, t

from akl_viz.records import FloatArray

LEVEL = 0.95


def binomial_interval(wins: int, n: int) -> tuple[float, float]:
    """The exact 95 % interval of a share (Clopper & Pearson 1934)."""
    interval = binomtest(wins, n).proportion_ci(LEVEL, method="exact")
    return float(interval.low), float(interval.high)


def told_interval(low: float, high: float) -> str:
    """The interval of a share in words."""
    return f"95 % interval {100.0 * low:.0f} % to {100.0 * high:.0f} %"


def t_interval(values: FloatArray) -> tuple[float, float]:
    """Mean of n independent values and the half-width of its 95 % interval, t(0.975, n - 1) s / sqrt(n).

    s is the sample standard deviation (n - 1). The half-width is NaN for a single value.

    Source:
        Student 1908.
    """
    n, mean = len(values), float(values.mean())
    if n < 2:
        return mean, math.nan
    return mean, float(t.ppf((1.0 + LEVEL) / 2.0, n - 1)) * float(values.std(ddof=1)) / math.sqrt(n)
