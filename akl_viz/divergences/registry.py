"""The table of divergences: menus, tests, figures and the training loss are generated from it."""

from __future__ import annotations

from akl_viz.divergences.akl import AKL
from akl_viz.divergences.base import Divergence
from akl_viz.divergences.jsd import JSD
from akl_viz.divergences.kl import FORWARD_KL, MIXED_KL, REVERSE_KL
from akl_viz.divergences.tvd import TVD
from akl_viz.errors import InvalidInput

DIVERGENCES: dict[str, Divergence] = {row.key: row for row in (FORWARD_KL, REVERSE_KL, MIXED_KL, JSD, TVD, AKL)}
"""Every divergence by key, in the order of menus."""


def get(key: str) -> Divergence:
    """The row with this key. Raises InvalidInput that lists the keys there are."""
    if key not in DIVERGENCES:
        raise InvalidInput(f"There is no divergence {key!r}; choose one of {', '.join(DIVERGENCES)}.")
    return DIVERGENCES[key]
