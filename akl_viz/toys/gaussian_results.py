"""What a fit of Gaussian students leaves behind: plain arrays, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from akl_viz.records import FloatArray, IntArray
from akl_viz.toys.mixture import GaussianConfig


def moments(points: FloatArray, probabilities: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean (D,) and second moment E[x x^T] (D, D) of a distribution on the grid."""
    mean: FloatArray = probabilities @ points
    second: FloatArray = np.einsum("n,ni,nj->ij", probabilities, points, points)
    return mean, second


NO_MINIMUM = (
    "No start ended at a minimum: the students ran off to ever more extreme ones, as they do where a grid cuts the "
    "target off; move the means towards the middle, make the sds smaller, or take the wide grid."
)


@dataclass(frozen=True)
class Optimum:
    """One local minimum of one loss."""

    rank: int
    """0 is the best."""
    value: float
    """Nats."""
    mean: FloatArray
    """(D,) parameter of the student; on a grid that cuts it off not its expected value (see `moments`)."""
    covariance: FloatArray
    """(D, D)"""
    is_global: bool
    """Whether neither another optimum nor a start that ran off has a smaller value (by 1e-9 nats or more)."""
    starts: tuple[int, ...]
    """The starts that ended here."""
    density: FloatArray
    """(N,) the student's probabilities on the grid."""
    moments: tuple[FloatArray, FloatArray]
    """Mean (D,) and second moment (D, D) on the grid."""

    @property
    def sd(self) -> FloatArray:
        """(D,) standard deviation along each axis."""
        sd: FloatArray = np.sqrt(np.diagonal(self.covariance))
        return sd


@dataclass(frozen=True)
class Path:
    """Every start's way down, one row per start."""

    means: FloatArray
    """(R, T, D)"""
    covariances: FloatArray
    """(R, T, D, D)"""
    values: FloatArray
    """(R, T) nats."""
    ends: IntArray
    """(R,) rank of the optimum it ended at; -1 where it ended at none: it failed."""
    reached: FloatArray
    """(R,) nats where it stood in the end, some steps after the recorded ones."""


@dataclass(frozen=True)
class GaussianFits:
    """All optima of every loss, and how the starts came there."""

    config: GaussianConfig
    axes: tuple[FloatArray, ...]
    """Coordinates along each dimension; the grid is their product, last axis fastest."""
    points: FloatArray
    """(N, D) the grid."""
    target: FloatArray
    """(N,) probabilities."""
    optima: dict[str, tuple[Optimum, ...]]
    """loss -> optima, best first."""
    paths: dict[str, Path]

    def failed(self, loss: str) -> tuple[int, ...]:
        """The starts that ended at no minimum: they ran off to ever more extreme students, or stand on a saddle."""
        return tuple(np.flatnonzero(self.paths[loss].ends < 0).tolist())

    def ran_below(self, loss: str) -> float | None:
        """The value that starts ran off to, nats, where it lies below every optimum found; None where one is global.

        On a grid that cuts the target off a loss may have no best student, only ever better, more extreme ones.
        """
        path = self.paths[loss]
        if any(one.is_global for one in self.optima[loss]) or not (path.ends < 0).any():
            return None
        return float(path.reached[path.ends < 0].min())

    @property
    def found(self) -> bool:
        """Whether any start of any loss ended at a minimum."""
        return any(self.optima.values())

    @property
    def shape(self) -> tuple[int, ...]:
        """Grid points along each dimension."""
        return tuple(len(axis) for axis in self.axes)

    @property
    def target_moments(self) -> tuple[FloatArray, FloatArray]:
        """Mean (D,) and second moment (D, D) of the target on the grid."""
        return moments(self.points, self.target)

    def moment_error(self, loss: str, rank: int = 0) -> tuple[float, float]:
        """Largest absolute difference of mean and of second moment between an optimum and the target, on the grid."""
        pairs = zip(self.optima[loss][rank].moments, self.target_moments, strict=True)
        mean, second = (float(np.abs(found - wanted).max()) for found, wanted in pairs)
        return mean, second

    def frame(self) -> pd.DataFrame:
        """One row per optimum: loss, rank (1 is the best), value, global, mean_1.., sd_1.., starts."""
        rows: list[dict[str, Any]] = []
        for loss, optima in self.optima.items():
            for one in optima:
                row = {"loss": loss, "rank": one.rank + 1, "value": one.value, "global": one.is_global}
                row |= {f"mean_{place}": value for place, value in enumerate(one.mean.tolist(), 1)}
                row |= {f"sd_{place}": value for place, value in enumerate(one.sd.tolist(), 1)}
                rows.append(row | {"starts": len(one.starts)})
        return pd.DataFrame(rows)

    def to_json(self) -> dict[str, Any]:
        """The document of `akl-viz toy gaussian --json`; ranks start at 1."""
        target = self.config.target
        mean, second = self.target_moments
        runs = []
        for loss, optima in self.optima.items():
            listed = [self._listed(loss, one) for one in optima]
            failed = {"failed": list(self.failed(loss)), "ran_below": self.ran_below(loss)}
            runs.append({"loss": loss, "starts": self.config.starts, **failed, "optima": listed})
        return {
            "schema": 1,
            "grid": self.config.grid,
            "points": list(self.shape),
            "target": {
                "means": target.means,
                "sds": target.sds,
                "weights": target.shares.tolist(),
                "grid_mean": mean.tolist(),
                "grid_second_moment": second.tolist(),
            },
            "runs": runs,
        }

    def _listed(self, loss: str, one: Optimum) -> dict[str, Any]:
        """An optimum for JSON."""
        mean_error, second_error = self.moment_error(loss, one.rank)
        return {
            "rank": one.rank + 1,
            "global": one.is_global,
            "value": one.value,
            "mean": one.mean.tolist(),
            "sd": one.sd.tolist(),
            "covariance": one.covariance.tolist(),
            "starts": len(one.starts),
            "grid_mean": one.moments[0].tolist(),
            "grid_second_moment": one.moments[1].tolist(),
            "mean_error": mean_error,
            "second_moment_error": second_error,
        }
