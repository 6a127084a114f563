"""What the page draws, packed for the browser: pure data. Every fit is Python's; the browser only draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from akl_viz.metrics import loss_name
from akl_viz.ui.components.payload import pack
from akl_viz.ui.gaussian.state import GRIDS, MEANS, MOST_PARTS, PRESETS, SDS, WEIGHTS, State
from akl_viz.ui.gaussian.verdict import failures, places, sentence

if TYPE_CHECKING:
    from akl_viz.toys import GaussianFits, Optimum

RAN_OFF = (
    "Every start ran off to ever more extreme students, so there is no result: this grid cuts the target off. Move the "
    "parts away from its ends, or make them narrower."
)
_STILL = 1e-6
"""Nats: after the last step that lowers some start by more, nothing visible moves."""


def payload(state: State, numbers: Mapping[str, Any] | None, seq: int, problem: str = "") -> dict[str, Any]:
    """Everything the browser needs: choices, parts and fits; equal input gives an equal dict.

    Args:
        state: what was chosen.
        numbers: what `packed` made of its fits, None while they are computed or where there are none.
        seq: number of the browser's message this answers.
        problem: why there are no fits, in words.
    """
    return {
        "seq": seq,
        "state": {"preset": state.preset, "grid": state.grid, "parts": [list(part) for part in state.parts]},
        "dimension": state.dimension,
        "presets": [[key, row.label, [list(part) for part in row.parts]] for key, row in PRESETS.items()],
        "grids": [[key, label] for key, label in GRIDS.items()] if state.dimension == 1 else [],
        "bounds": {"mean": list(MEANS), "sd": list(SDS[state.dimension]), "weight": list(WEIGHTS), "parts": MOST_PARTS},
        "numbers": None if numbers is None else dict(numbers),
        "problem": problem,
    }


def packed(fits: Mapping[str, GaussianFits], grids: Sequence[str]) -> dict[str, Any]:
    """The fits for the browser: the first grid with its paths, of the others what they say.

    Args:
        fits: by grid.
        grids: those that were tried; one without fits is told about.
    """
    shown, *_ = fits
    drawn = fits[shown]
    mean, second = drawn.target_moments
    return {
        "grid": shown,
        "starts": drawn.config.starts,
        "verdicts": [
            {"grid": label, "key": grid, "text": _verdict(fits[grid]) if grid in fits else RAN_OFF}
            for grid, label in GRIDS.items()
            if grid in grids
        ],
        "target": {"mean": mean.tolist(), "second": second.tolist()},
        "losses": [
            {
                "key": loss,
                "direction": loss_name(loss),
                "failed": len(drawn.failed(loss)),
                "optima": [
                    _listed(drawn, loss, one, parts)
                    for one, parts in zip(drawn.optima[loss], places(drawn, loss), strict=True)
                ],
                **_paths(drawn, loss),
            }
            for loss in drawn.optima
        ],
        "frames": _frames(drawn),
    }


def _verdict(fits: GaussianFits) -> str:
    return f"{sentence(fits)} {failures(fits)}".rstrip()


def _listed(fits: GaussianFits, loss: str, one: Optimum, parts: tuple[int, ...]) -> dict[str, Any]:
    errors = fits.moment_error(loss, one.rank)
    return {
        "value": one.value,
        "mean": one.mean.tolist(),
        "covariance": one.covariance.tolist(),
        "sd": one.sd.tolist(),
        "correlation": None if len(one.sd) == 1 else float(one.covariance[0, 1] / one.sd.prod()),
        "best": one.is_global,
        "starts": len(one.starts),
        "parts": [part + 1 for part in parts],
        "gridMean": one.moments[0].tolist(),
        "gridSecond": one.moments[1].tolist(),
        "errors": list(errors),
    }


def _frames(fits: GaussianFits) -> int:
    """Steps worth playing: up to the last one that moves something, and one more."""
    falls = [np.flatnonzero((-np.diff(path.values, axis=1)).max(0) > _STILL) for path in fits.paths.values()]
    recorded: int = min(path.values.shape[1] for path in fits.paths.values())
    return min(recorded, max((int(one[-1]) + 3 for one in falls if len(one)), default=2))


def _paths(fits: GaussianFits, loss: str) -> dict[str, Any]:
    """Single precision is a hundredth of a pixel."""
    frames, path = _frames(fits), fits.paths[loss]
    return {
        "means": pack(path.means[:, :frames], "f4"),
        "covariances": pack(path.covariances[:, :frames], "f4"),
        "least": pack(path.values[:, :frames].min(axis=0), "f8"),
        "ends": pack(path.ends, "i4"),
    }
