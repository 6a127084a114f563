"""KL(S‖T) at its optima against the sd of the paper's two modes: where mode-seeking stops being the best."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from akl_viz.ui.gaussian.state import ENGINE_PRESETS, GRIDS
from akl_viz.ui.gaussian.verdict import REVERSE, places

SDS = tuple(3.0 + 0.25 * step for step in range(53))
"""3 to 16."""


def sweep(sds: tuple[float, ...] = SDS) -> list[dict[str, Any]]:
    """One row per grid and sd: the least KL(S‖T), nats, of an optimum on one mode and of one that spans both.

    Args:
        sds: standard deviations of both parts of .375 N(25, sd) + .625 N(75, sd).

    Returns:
        Rows grid, sd, mode, span; a value is None where no start led to such an optimum.
    """
    from akl_viz.toys import fit_gaussians, gaussian_config

    rows = []
    for grid in GRIDS:
        for sd in sds:
            fits = fit_gaussians(gaussian_config(ENGINE_PRESETS[grid], sd=sd, losses=(REVERSE,)))
            values: dict[bool, float] = {}
            for one, parts in zip(fits.optima[REVERSE], places(fits, REVERSE), strict=True):
                values.setdefault(len(parts) > 1, one.value)
            rows.append({"grid": grid, "sd": sd, "mode": values.get(False), "span": values.get(True)})
    return rows


def sweep_commands(grid: str, sds: Sequence[float]) -> list[str]:
    """`akl-viz toy gaussian ...` for these sds on a grid."""
    words = ["akl-viz", "toy", "gaussian", "--preset", ENGINE_PRESETS[grid], "--loss", REVERSE]
    return [shlex.join([*words, "--sd", f"{sd:g}", "--json"]) for sd in sds]


def marked(sd: float | None) -> tuple[float | None, str]:
    """Where the charts mark a view, by the sd of its parts (None: it is of another family), and that in words."""
    if sd is None:
        return None, "this view's target is none of these, so none is marked"
    if not SDS[0] <= sd <= SDS[-1]:
        return None, f"this view's sd of {sd:g} lies beyond these charts"
    return sd, f"the dotted line is at this view's sd of {sd:g}"


def turns(rows: list[dict[str, Any]], grid: str) -> tuple[float, float] | None:
    """The two neighbouring sds between which the spanning optimum becomes the global one; None where it never does."""
    before = None
    for row in (row for row in rows if row["grid"] == grid):
        mode, span = row["mode"], row["span"]
        if span is not None and (mode is None or span < mode):
            return None if before is None else (before, row["sd"])
        before = row["sd"]
    return None
