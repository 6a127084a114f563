"""The plateau of reverse KL at a dropped mode: how many steps it takes to bring a missing mode back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from akl_viz.errors import InvalidInput
from akl_viz.records import FloatArray, IntArray
from akl_viz.toys.descent import Descent, Loss, Progress, Stop, tell
from akl_viz.toys.settings import MOST_STEPS, Optimiser, Start
from akl_viz.toys.starts import start_logits
from akl_viz.toys.targets import paper_bimodal

_POINTS = 400
"""Points kept of a curve."""
_REPORT = 50


@dataclass(frozen=True)
class PlateauResult:
    """How each loss got a dropped mode back, by depth of the drop."""

    losses: tuple[str, ...]
    depths: tuple[float, ...]
    optimiser: Optimiser
    threshold: float
    limit: int
    steps: dict[tuple[str, float], int | None]
    """(loss, depth) -> first step with TV below the threshold; None if not within the limit."""
    recorded: IntArray
    """(T,) the steps of the curves."""
    curves: dict[str, FloatArray]
    """loss -> (depths, T) total variation."""
    level: float
    """-log of the teacher's mass outside the dropped stretch, nats: KL(S‖T) of the teacher restricted to the rest."""

    def frame(self) -> pd.DataFrame:
        """One row per loss and depth: steps, missing where the limit was reached."""
        rows = [{"loss": loss, "depth": depth, "steps": steps} for (loss, depth), steps in self.steps.items()]
        return pd.DataFrame(rows).astype({"steps": "Int64"})

    def to_json(self) -> dict[str, Any]:
        """The document of `akl-viz toy plateau --json`; `steps` is null where the limit was reached."""
        runs = [
            {
                "loss": loss,
                "depth": depth,
                "steps": self.steps[loss, depth],
                "recorded": self.recorded.tolist(),
                "tvd": self.curves[loss][place].tolist(),
            }
            for loss in self.losses
            for place, depth in enumerate(self.depths)
        ]
        facts = {"optimizer": self.optimiser.name, "lr": self.optimiser.lr, "threshold": self.threshold}
        return {"schema": 1, **facts, "limit": self.limit, "level": self.level, "runs": runs}


def plateau_steps(  # noqa: PLR0913 - the experiment, by name
    depths: Sequence[float] = (5.0, 10.0, 15.0),
    losses: Sequence[str] = ("forward_kl", "reverse_kl"),
    optimiser: Optimiser | None = None,
    *,
    threshold: float = 0.05,
    limit: int = 20_000,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> PlateauResult:
    """Steps until the student of the bimodal teacher (N2) is within `threshold` of it, its left mode lowered at first.

    The start is the teacher with the logits of its left half lowered by the depth; the loss is the plain sum. KL(S‖T)
    has a stationary point at infinity there: its gradient on a token vanishes with q, while that of
    KL(T‖S) stays -p. Sgd feels that, adam rescales it away.

    Raises:
        InvalidInput: an unknown loss, or a depth, threshold or limit out of range.
        Cancelled: `cancelled` said so.
    """
    if not 0.0 < threshold < 1.0:
        raise InvalidInput(f"The threshold must lie between 0 and 1, not {threshold:g}.")
    if not 1 <= limit <= MOST_STEPS or not depths or not losses:
        raise InvalidInput(f"The limit must be from 1 to {MOST_STEPS:,} steps, with at least one depth and one loss.")
    rule = Optimiser("sgd", 1.0) if optimiser is None else optimiser
    teacher = torch.from_numpy(paper_bimodal())
    starts = [start_logits(Start("missing-mode", depth=depth), teacher.log(), range(1)) for depth in depths]
    descent = Descent(teacher, torch.cat(starts), [Loss.of(text) for text in losses], [rule])
    reached, recorded, drawn = _until(descent, threshold, limit, lambda share: tell(share, progress, cancelled))
    found = zip(((loss, depth) for loss in losses for depth in depths), reached.flatten().tolist(), strict=True)
    steps = {where: step if step >= 0 else None for where, step in found}
    level = -math.log(float(teacher[len(teacher) // 2 :].sum()))
    return PlateauResult(
        tuple(losses),
        tuple(depths),
        rule,
        threshold,
        limit,
        steps,
        recorded,
        dict(zip(losses, drawn, strict=True)),
        level,
    )


def _until(
    descent: Descent, threshold: float, limit: int, report: Callable[[float], None]
) -> tuple[Tensor, IntArray, FloatArray]:
    """First steps below the threshold (L, depths), -1 where there is none; recorded steps (T,), TV (L, depths, T)."""
    reached = torch.full(descent.logits.shape[0:1] + descent.logits.shape[2:3], -1, dtype=torch.int64)
    stride = max(1, limit // _POINTS)
    recorded, curves = [], []
    with torch.no_grad():
        for step in range(limit + 1):
            tv = torch.stack([0.5 * pair.absolute_gap.sum(-1)[0] for pair, _, _ in descent.measure()])
            reached[(tv < threshold) & (reached < 0)] = step
            done = bool((reached >= 0).all())
            if step % stride == 0 or step == limit or done:
                recorded.append(step)
                curves.append(tv)
            if done:
                break
            descent.step()
            if step % _REPORT == 0:
                report(step / limit)
    return reached, np.asarray(recorded, dtype=np.int64), torch.stack(curves, dim=-1).numpy()
