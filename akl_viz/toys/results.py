"""What a run of the free softmax student leaves behind: plain arrays, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from akl_viz.errors import InvalidInput
from akl_viz.records import BoolArray, FloatArray, IntArray
from akl_viz.toys.settings import DiscreteConfig

FIELDS = ("head_gap", "tail_gap", "far_gap", "forward_kl", "reverse_kl", "weight_forward", "loss_value")
"""What is recorded at a step: gaps are sums of |p - q| (at most 2), KLs and the loss are in nats."""
GAPS = FIELDS[:3]


@dataclass(frozen=True)
class DiscreteRuns:
    """Every run of an experiment: losses x optimisers x seeds x recorded steps."""

    config: DiscreteConfig
    teacher: FloatArray
    """(V,) probabilities."""
    in_head: BoolArray
    """(V,) the teacher's head at mu."""
    in_tail: BoolArray
    """(V,) what tail_gap sums over."""
    in_far: BoolArray
    """(V,) what far_gap sums over."""
    steps: IntArray
    """(T,) recorded steps; 0 is the start."""
    values: dict[str, FloatArray]
    """field -> (L, O, S, T); fields are FIELDS."""
    frames: npt.NDArray[np.float32] | None = None
    """(L, O, T, V) student probabilities of the first seed; None unless the config asked for them."""

    @property
    def seeds(self) -> range:
        """The seeds, in the order of axis S."""
        return range(self.config.first_seed, self.config.first_seed + self.config.seeds)

    def curve(self, field: str, loss: str, optimiser: int = 0) -> FloatArray:
        """(S, T) one field of one loss. Raises InvalidInput for a loss that did not run."""
        if loss not in self.config.losses:
            raise InvalidInput(f"{loss} is not among the losses of this run: {', '.join(self.config.losses)}.")
        curve: FloatArray = self.values[field][self.config.losses.index(loss), optimiser]
        return curve

    def share_left(self, field: str, loss: str, optimiser: int = 0) -> FloatArray:
        """(S, T) a gap divided by its value at the start; 0 where it was 0 from the beginning."""
        curve = self.curve(field, loss, optimiser)
        first = curve[:, :1]
        return np.divide(curve, first, out=np.zeros_like(curve), where=first > 0.0)

    def band(self, field: str, loss: str, optimiser: int = 0, *, share: bool = False, level: float = 0.9) -> FloatArray:
        """(3, T) lower end, median and upper end over seeds of the middle `level` of the runs."""
        curve = (self.share_left if share else self.curve)(field, loss, optimiser)
        ends = [(1.0 - level) / 2.0, 0.5, (1.0 + level) / 2.0]
        band: FloatArray = np.quantile(curve, ends, axis=0)
        return band

    def frame(self) -> pd.DataFrame:
        """One row per loss, optimiser, seed and recorded step, with the FIELDS."""
        names = [optimiser.label for optimiser in self.config.optimisers]
        index = pd.MultiIndex.from_product(
            [self.config.losses, names, self.seeds, self.steps.tolist()], names=["loss", "optimizer", "seed", "step"]
        )
        return pd.DataFrame({name: self.values[name].reshape(-1) for name in FIELDS}, index=index).reset_index()

    def to_json(self) -> dict[str, Any]:
        """The document of `akl-viz toy discrete --json`; a number that is not finite is null."""
        runs = []
        for number, loss in enumerate(self.config.losses):
            for place, optimiser in enumerate(self.config.optimisers):
                for row, seed in enumerate(self.seeds):
                    facts = {"loss": loss, "optimizer": optimiser.name, "lr": optimiser.lr, "seed": seed}
                    series = {name: _listed(self.values[name][number, place, row]) for name in FIELDS}
                    runs.append(facts | {"steps": self.steps.tolist()} | series)
        config = self.config
        return {
            "schema": 1,
            "preset": config.preset,
            "mu": config.mu,
            "boundary": config.boundary,
            "tail": config.tail,
            "start": config.start.kind,
            "teacher": self.teacher.tolist(),
            "head": np.flatnonzero(self.in_head).tolist(),
            "runs": runs,
        }


def _listed(values: FloatArray) -> list[float | None]:
    """The numbers for JSON."""
    return [value if np.isfinite(value) else None for value in values.tolist()]
