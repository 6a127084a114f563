"""Mixtures of Gaussians as teachers, and how a Gaussian student is fitted to one: plain data without torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from akl_viz.errors import InvalidInput
from akl_viz.loss_spec import LossSpec
from akl_viz.records import FloatArray

GRIDS = ("paper", "wide")
_NARROWEST, _HEAVIEST = 1e-6, 1e100
MOST_PARTS = 8
MOST_STARTS = 200
MOST_ITERATIONS = 1000
MOST_POINTS = {1: 4000, 2: 160}
"""Grid points along an axis, by dimension."""
_REACH = {1: 8.0, 2: 6.0}
"""How many standard deviations of each part, and of the whole mixture, a wide grid reaches: 1e-15
of the mass is outside, 1e-9 in the plane."""
_FINENESS = {1: 3.0, 2: 1.2}
"""Points per smallest standard deviation; at 1.2 the trapezoid rule is exact to 1e-12 for a Gaussian. The log of a
mixture bends where its parts meet: KL(S‖T) in the plane is good to 1e-5 nats at the preset, to 2e-3 where narrow parts
lie far apart."""


@dataclass(frozen=True)
class Mixture:
    """A mixture of axis-aligned Gaussians in one or two dimensions."""

    means: tuple[tuple[float, ...], ...]
    """(K, D)"""
    sds: tuple[tuple[float, ...], ...]
    """(K, D) above 0."""
    weights: tuple[float, ...]
    """(K,) above 0; divided by their sum."""

    def __post_init__(self) -> None:
        """Refuse what is no mixture."""
        count = len(self.means)
        if not 1 <= count <= MOST_PARTS or len(self.sds) != count or len(self.weights) != count:
            raise InvalidInput(f"A mixture needs 1 to {MOST_PARTS} parts, each with a mean, an sd and a weight.")
        if self.dimension not in (1, 2) or any(len(row) != self.dimension for row in (*self.means, *self.sds)):
            raise InvalidInput("All means and sds must have the same one or two coordinates.")
        if not all(math.isfinite(value) and abs(value) <= 1e6 for row in self.means for value in row):
            raise InvalidInput("Means must lie between -1e6 and 1e6.")
        if not all(_NARROWEST <= value <= 1e6 for row in self.sds for value in row):
            raise InvalidInput(f"Standard deviations must lie above 0, from {_NARROWEST:g} to 1e6.")
        if not all(1.0 / _HEAVIEST <= value <= _HEAVIEST for value in self.weights):
            raise InvalidInput(
                f"Weights must be above 0, from {1.0 / _HEAVIEST:g} to {_HEAVIEST:g}: leave out a part of weight 0."
            )

    @classmethod
    def of(cls, means: Sequence[float], sds: Sequence[float], weights: Sequence[float] | None = None) -> Mixture:
        """A mixture in one dimension; one sd, or no weights, stand for equal ones."""
        spread = tuple(sds) * len(means) if len(sds) == 1 else tuple(sds)
        shares = (1.0,) * len(means) if weights is None else tuple(weights)
        return cls(tuple((float(mean),) for mean in means), tuple((float(sd),) for sd in spread), shares)

    @property
    def dimension(self) -> int:
        """D, 1 or 2."""
        return len(self.means[0])

    @property
    def shares(self) -> FloatArray:
        """(K,) the weights divided by their sum."""
        weights = np.asarray(self.weights)
        shares: FloatArray = weights / weights.sum()
        return shares

    def log_density(self, points: FloatArray) -> FloatArray:
        """(N,) log of the density at points (N, D), nats."""
        means, sds = np.asarray(self.means), np.asarray(self.sds)
        standard = (points[:, None, :] - means) / sds
        parts = -0.5 * (standard**2).sum(-1) - np.log(sds).sum(-1) - 0.5 * self.dimension * math.log(2.0 * math.pi)
        result: FloatArray = np.logaddexp.reduce(parts + np.log(self.shares), axis=-1)
        return result

    def moments(self) -> tuple[FloatArray, FloatArray]:
        """Mean (D,) and sd (D,) of the whole mixture, on the line and not on a grid."""
        means, sds, shares = np.asarray(self.means), np.asarray(self.sds), self.shares[:, None]
        mean: FloatArray = (shares * means).sum(0)
        sd: FloatArray = np.sqrt((shares * (sds**2 + (means - mean) ** 2)).sum(0))
        return mean, sd


@dataclass(frozen=True)
class GaussianConfig:
    """A Gaussian student, fitted to a mixture by several losses from many starts, without sampling."""

    target: Mixture
    losses: tuple[str, ...] = ("forward_kl", "reverse_kl")
    """LossSpec strings."""
    grid: str = "wide"
    """"paper": 0, 2, ..., 98, where the student is the softmax of a quadratic (one dimension only). "wide": fine, and
    wide enough for the student to be a plain Gaussian density."""
    starts: int = 24
    iterations: int = 80
    """Recorded steps of the descent; the optima are polished after it."""

    def __post_init__(self) -> None:
        """Refuse what cannot be fitted. Whether losses exist is checked by `fit_gaussians`."""
        if self.grid not in GRIDS:
            raise InvalidInput(f"The grid must be one of {', '.join(GRIDS)}, not {self.grid!r}.")
        if self.grid == "paper" and self.target.dimension != 1:
            raise InvalidInput("The paper's grid has one dimension; take the wide grid.")
        if not len(self.target.means) <= self.starts <= MOST_STARTS:
            raise InvalidInput(f"starts must be from {len(self.target.means)} to {MOST_STARTS}, not {self.starts}.")
        if not 1 <= self.iterations <= MOST_ITERATIONS:
            raise InvalidInput(f"iterations must be from 1 to {MOST_ITERATIONS}, not {self.iterations}.")
        if not self.losses:
            raise InvalidInput("Give at least one loss.")
        for loss in self.losses:
            LossSpec.parse(loss)
        if self.grid == "paper" and not all(-100.0 <= row[0] <= 200.0 for row in self.target.means):
            raise InvalidInput("On the paper's grid from 0 to 98, means must lie from -100 to 200.")
        self.axes()

    def axes(self) -> tuple[FloatArray, ...]:
        """The grid's coordinates along each dimension."""
        if self.grid == "paper":
            return (np.arange(0.0, 100.0, 2.0),)
        means, sds = np.asarray(self.target.means), np.asarray(self.target.sds)
        mean, sd = self.target.moments()
        reach = _REACH[self.target.dimension]
        low = np.minimum((means - reach * sds).min(0), mean - reach * sd)
        high = np.maximum((means + reach * sds).max(0), mean + reach * sd)
        dimension = self.target.dimension
        counts = np.ceil((high - low) / sds.min(0) * _FINENESS[dimension]) + 1.0
        if counts.max() > MOST_POINTS[dimension]:
            raise InvalidInput("The parts are too narrow for how far they lie apart: make sds larger or means closer.")
        return tuple(np.linspace(*ends) for ends in zip(low, high, counts.astype(int), strict=True))


GAUSSIAN_PRESETS: dict[str, GaussianConfig] = {
    "paper-modes": GaussianConfig(Mixture.of((25.0, 75.0), (10.0,), (0.375, 0.625)), grid="paper"),
    "plain-modes": GaussianConfig(Mixture.of((25.0, 75.0), (10.0,), (0.375, 0.625))),
    "plane": GaussianConfig(Mixture(((30.0, 30.0), (70.0, 65.0)), ((8.0, 12.0), (12.0, 8.0)), (0.4, 0.6)), starts=12),
}
"""The fits with a name, in the order of menus."""


def gaussian_config(preset: str = "paper-modes", *, sd: float | None = None, **changes: Any) -> GaussianConfig:
    """The fit a preset stands for, with some of it changed; `sd` sets that of every part.

    Raises:
        InvalidInput: an unknown preset, or a value outside its range.
    """
    if preset not in GAUSSIAN_PRESETS:
        raise InvalidInput(f"There is no preset {preset!r}; choose one of {', '.join(GAUSSIAN_PRESETS)}.")
    config = replace(GAUSSIAN_PRESETS[preset], **{name: value for name, value in changes.items() if value is not None})
    if sd is None:
        return config
    sds = tuple((float(sd),) * config.target.dimension for _ in config.target.means)
    return replace(config, target=replace(config.target, sds=sds))
