"""How a metric becomes colour: compressive positions, levels and the ticks of the legend. Geometry only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from akl_viz.figures.theme import LEVELS
from akl_viz.metrics import Metric
from akl_viz.records import FloatArray

LevelArray = npt.NDArray[np.int8]
UNSCORED = -128
"""The level of a token without a value: drawn hatched, never as zero."""


@dataclass(frozen=True)
class Range:
    """One colour range of one metric over one text."""

    limit: float
    """The value at which the colour is full."""
    levels: LevelArray
    """(T,) from -LEVELS to LEVELS, negative where the student leads; UNSCORED without a value."""
    ticks: tuple[tuple[float, str], ...]
    """(position from 0 to 1 along the legend, number shown there)."""


def position(values: FloatArray, limit: float, scale: str) -> FloatArray:
    """Place values on the colour scale: sign(v) sqrt(|v| / limit), or sign(v) log(1 + |v|) / log(1 + limit).

    Args:
        values: (...) in the metric's unit; infinite values count as the limit, NaN stays NaN.
        limit: the value at which the scale ends, positive.
        scale: "sqrt" or "log".

    Returns:
        (...) from -1 to 1.
    """
    size = np.minimum(np.abs(values), limit)
    share = np.log1p(size) / math.log1p(limit) if scale == "log" else np.sqrt(size / limit)
    return np.sign(values) * share


def colour_range(metric: Metric, values: FloatArray, *, fit: bool) -> Range:
    """Levels and legend of a metric over one text.

    Args:
        metric: the row of METRICS.
        values: (T,) with NaN where not scored.
        fit: end the scale at the largest finite size in this text instead of at the metric's fixed limit.

    Returns:
        Range; a text whose values are all zero keeps the fixed limit.
    """
    sizes = np.abs(values[~np.isnan(values)])
    finite = sizes[np.isfinite(sizes)]
    largest = float(finite.max()) if finite.size else 0.0
    limit = largest if fit and largest > 0.0 else metric.limit
    share = position(values, limit, metric.scale)
    levels = np.where(np.isnan(share), UNSCORED, np.rint(np.nan_to_num(share) * LEVELS)).astype(np.int8)
    beyond = bool((sizes > limit).any())
    return Range(limit, levels, _ticks(metric, limit, beyond=beyond))


def gap_axis(head: FloatArray, tail: FloatArray) -> tuple[float, tuple[float, ...]]:
    """End and ticks of the axis both gaps share: the smallest round number that holds every finite gap.

    Args:
        head: (T,) sums of |p - q| over the head, NaN where not scored.
        tail: (T,) the same over the tail.

    Returns:
        (limit, ticks from 0 to the limit); a gap never exceeds 2.
    """
    both = np.concatenate([head, tail])
    finite = both[np.isfinite(both)]
    largest = float(finite.max()) if finite.size else 0.0
    limit = next((step for step in (0.1, 0.2, 0.5, 1.0, 1.5) if largest <= step), 2.0)
    return limit, (0.0, limit / 2, limit)


def _ticks(metric: Metric, limit: float, *, beyond: bool) -> tuple[tuple[float, str], ...]:
    """Legend numbers: the end, the middle of the scale and zero, mirrored for a signed metric."""
    middle = 10.0 ** math.floor(math.log10(limit) / 2 + 0.5) if metric.scale == "log" and limit > 1 else limit / 4
    marks = [0.0, middle, limit]
    shares = [float(share) for share in position(np.array(marks), limit, metric.scale)]
    names = ["0", f"{middle:.3g}", f"{limit:.3g}"]
    if not metric.signed:
        return tuple(zip(shares, [*names[:2], ("≥ " if beyond else "") + names[2]], strict=True))
    upper = [(0.5 + share / 2, f"+{name}") for share, name in zip(shares[1:], names[1:], strict=True)]
    lower = [(0.5 - share / 2, f"−{name}") for share, name in zip(shares[1:], names[1:], strict=True)]
    if beyond:
        upper[-1] = (1.0, f"≥ {upper[-1][1]}")
        lower[-1] = (0.0, f"≤ {lower[-1][1]}")
    return (*reversed(lower), (0.5, "0"), *upper)
