"""What the fits say, in words: whether the best student of KL(S‖T) sits on one mode or spans several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from akl_viz.metrics import loss_name
from akl_viz.records import FloatArray

if TYPE_CHECKING:
    from akl_viz.toys import GaussianFits

REACH = 2.0
"""A student covers a part if the part's mean lies within so many of the student's standard deviations."""
REVERSE = "reverse_kl"


def covered(means: FloatArray, mean: FloatArray, covariance: FloatArray) -> tuple[int, ...]:
    """The parts a student covers.

    Args:
        means: (K, D) of the parts.
        mean: (D,) of the student.
        covariance: (D, D) of the student.

    Returns:
        Indices of the parts whose mean has a Mahalanobis distance of at most REACH from the student.
    """
    offset = means - mean
    squared = np.einsum("ki,ij,kj->k", offset, np.linalg.inv(covariance), offset)
    return tuple(int(part) for part in np.flatnonzero(squared <= REACH**2))


def places(fits: GaussianFits, loss: str) -> list[tuple[int, ...]]:
    """The parts each optimum covers, best optimum first."""
    means = np.asarray(fits.config.target.means)
    return [covered(means, one.mean, one.covariance) for one in fits.optima[loss]]


def sentence(fits: GaussianFits) -> str:
    """Where the best optimum of KL(S‖T) lies, whether it is global, and the best of the other kind. Values in nats."""
    found = places(fits, REVERSE)
    if not found:
        return f"No start led to a minimum of {loss_name(REVERSE)} here."
    optima, parts = fits.optima[REVERSE], len(fits.config.target.means)
    kind = _kind(found[0], parts)
    told = f"{_best(fits)} {kind}: {_number(optima[0].value, 3)} nats at {_at(fits, 0)}."
    if parts == 1:
        return told
    other = next((rank for rank, one in enumerate(found) if (len(one) > 1) != (len(found[0]) > 1)), None)
    if other is not None:
        value = f"{_number(optima[other].value, 3)} nats ({_at(fits, other)})"
        return f"{told} The best one that {_kind(found[other], parts)} has {value}."
    return f"{told} No start led to one that {'sits on one part' if len(found[0]) > 1 else 'spans several'}."


def _best(fits: GaussianFits) -> str:
    """What the first optimum of KL(S‖T) is to be called."""
    below, equals = fits.ran_below(REVERSE), sum(one.is_global for one in fits.optima[REVERSE])
    if below is not None:
        ran = f"No optimum of KL(S‖T) is global here: starts that ran off came down to {_number(below, 3)} nats."
        return f"{ran} The best of those found"
    return "The global optimum of KL(S‖T)" if equals == 1 else f"One of {equals} global optima of KL(S‖T)"


def failures(fits: GaussianFits) -> str:
    """How many starts of each loss ended at no minimum and count for none; empty where all did."""
    told = []
    for loss in fits.optima:
        if failed := len(fits.failed(loss)):
            told.append(f"{failed} of {fits.config.starts} of {loss_name(loss)}")
    return f"Failed starts, which ended on a saddle or ran off: {', '.join(told)}." if told else ""


def _kind(one: tuple[int, ...], parts: int) -> str:
    if parts == 1:
        return "is the target's only part"
    if not one:
        return "covers no part"
    if len(one) == 1:
        return "sits on one mode"
    return "spans both" if parts == 2 else f"spans {len(one)} of {parts}"


def _at(fits: GaussianFits, rank: int) -> str:
    one = fits.optima[REVERSE][rank]
    mean, sd = (", ".join(_number(value, 1) for value in values) for values in (one.mean, one.sd))
    return f"mean {mean}, sd {sd}" if len(one.mean) == 1 else f"mean ({mean}), sd ({sd})"


def _number(value: float, digits: int) -> str:
    """Rounded, with a minus sign; what rounds to zero has none."""
    # Adding 0 makes a zero of minus zero.
    return f"{round(float(value), digits) + 0.0:.{digits}f}".replace("-", "−")
