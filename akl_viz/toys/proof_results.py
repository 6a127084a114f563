"""What the proof's experiments leave behind: plain arrays, as tables and documents, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from akl_viz.records import FloatArray
from akl_viz.toys.settings import Optimiser

SCHEMA = 1


@dataclass(frozen=True)
class PhiCurves:
    """phi(r) of one mix of both KLs, and of both ends."""

    weight: float
    """w, that of KL(T‖S) in the mix."""
    ratios: FloatArray
    """(N,) r = q/p, rising."""
    mix: FloatArray
    """(N,)"""
    forward: FloatArray
    """(N,) w = 1."""
    reverse: FloatArray
    """(N,) w = 0."""

    @property
    def rises(self) -> bool:
        """Whether the mix rises from every ratio to the next."""
        return bool((np.diff(self.mix) > 0.0).all())

    def frame(self) -> pd.DataFrame:
        """One row per ratio."""
        return pd.DataFrame({"r": self.ratios, "phi": self.mix, "phi w=1": self.forward, "phi w=0": self.reverse})

    def to_json(self) -> dict[str, Any]:
        """The document of `akl-viz toy proof phi --json`."""
        curves = ((self.weight, self.mix), (1.0, self.forward), (0.0, self.reverse))
        runs = [{"weight": weight, "phi": curve.tolist()} for weight, curve in curves]
        return {"schema": SCHEMA, "part": "phi", "weight": self.weight, "ratios": self.ratios.tolist(), "runs": runs}


@dataclass(frozen=True)
class SimplexField:
    """Where gradient descent on the logits moves a student over three tokens."""

    points: FloatArray
    """(N, 3) students, inside the simplex."""
    values: dict[str, FloatArray]
    """loss -> (N,) nats."""
    steps: dict[str, FloatArray]
    """loss -> (N, 3) dq/dt under dz/dt = -gradient; rows sum to 0."""


@dataclass(frozen=True)
class SimplexRun:
    """The flow of each loss over three tokens, and its path from one start."""

    teacher: FloatArray
    """(3,)"""
    start: FloatArray
    """(3,)"""
    optimiser: Optimiser
    threshold: float
    field: SimplexField
    paths: dict[str, FloatArray]
    """loss -> (steps + 1, 3), the start first."""

    def tvd(self, loss: str) -> FloatArray:
        """(steps + 1,) total variation of the student from the teacher."""
        distance: FloatArray = 0.5 * np.abs(self.paths[loss] - self.teacher).sum(-1)
        return distance

    def reached(self, loss: str) -> int | None:
        """The first step with a total variation below the threshold; None where no step has."""
        below = np.flatnonzero(self.tvd(loss) < self.threshold)
        return int(below[0]) if len(below) else None

    def frame(self) -> pd.DataFrame:
        """One row per loss and step: the student and its total variation."""
        parts = []
        for loss, path in self.paths.items():
            part = pd.DataFrame(path, columns=["t1", "t2", "t3"])
            part.insert(0, "step", range(len(part)))
            part.insert(0, "loss", loss)
            parts.append(part.assign(tvd=self.tvd(loss)))
        return pd.concat(parts, ignore_index=True)

    def to_json(self) -> dict[str, Any]:
        """The document of `akl-viz toy proof simplex --json`; `flow` is dq/dt at each of the points."""
        facts = {"optimizer": self.optimiser.name, "lr": self.optimiser.lr, "threshold": self.threshold}
        runs = [
            {
                "loss": loss,
                "values": self.field.values[loss].tolist(),
                "flow": self.field.steps[loss].tolist(),
                "path": path.tolist(),
                "tvd": self.tvd(loss).tolist(),
                "reached": self.reached(loss),
            }
            for loss, path in self.paths.items()
        ]
        ends = {"teacher": self.teacher.tolist(), "start": self.start.tolist()}
        points = self.field.points.tolist()
        return {"schema": SCHEMA, "part": "simplex", **ends, **facts, "points": points, "runs": runs}


@dataclass(frozen=True)
class LateEquivalence:
    """How alike two losses are as the student comes to the teacher: one entry per distance."""

    teacher: FloatArray
    """(V,)"""
    losses: tuple[str, str]
    seed: int
    """Of the direction of the error."""
    distances: FloatArray
    """(D,) length of the logit error."""
    tv: FloatArray
    """(D,) total variation."""
    cosine: FloatArray
    """(D,) cosine of the two gradients; 1 where they point the same way."""
    hessian_distance: FloatArray
    """(D,) Frobenius norm of the difference of the Hessians over that of the first."""

    def frame(self) -> pd.DataFrame:
        """One row per distance."""
        return pd.DataFrame(self.columns)

    def to_json(self) -> dict[str, Any]:
        """The document of `akl-viz toy proof late --json`."""
        facts = {"teacher": self.teacher.tolist(), "losses": list(self.losses), "seed": self.seed}
        return {"schema": SCHEMA, "part": "late", **facts, **self.columns}

    @property
    def columns(self) -> dict[str, list[float]]:
        """What was measured at each distance, by name."""
        names = ("distances", "tv", "cosine", "hessian_distance")
        return {name: getattr(self, name).tolist() for name in names}
