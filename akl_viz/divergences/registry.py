"""The table of divergences: menus, tests, figures and the training loss are generated from it."""

from __future__ import annotations

from akl_viz.divergences.akl import AKL
from akl_viz.divergences.alpha_beta import ALPHA_BETA
from akl_viz.divergences.amid import AMID
from akl_viz.divergences.base import Divergence
from akl_viz.divergences.drkl import DRKL
from akl_viz.divergences.gated import BDKD, KLR
from akl_viz.divergences.hellinger import HELLINGER
from akl_viz.divergences.jsd import JSD
from akl_viz.divergences.kl import FORWARD_KL, MIXED_KL, REVERSE_KL
from akl_viz.divergences.skew import SKEW_FORWARD_KL, SKEW_REVERSE_KL
from akl_viz.divergences.taid import TAID
from akl_viz.divergences.todi import TODI
from akl_viz.divergences.tvd import TVD
from akl_viz.errors import InvalidInput

_ROWS = (
    *(FORWARD_KL, REVERSE_KL, MIXED_KL, JSD, TVD, AKL),
    *(SKEW_FORWARD_KL, SKEW_REVERSE_KL, HELLINGER, ALPHA_BETA, TODI, AMID, DRKL, BDKD, KLR, TAID),
)
DIVERGENCES: dict[str, Divergence] = {row.key: row for row in _ROWS}
"""Every divergence by key, in the order of menus."""


def get(key: str) -> Divergence:
    """The row with this key. Raises InvalidInput that lists the keys there are."""
    if key not in DIVERGENCES:
        raise InvalidInput(f"There is no divergence {key!r}; choose one of {', '.join(DIVERGENCES)}.")
    return DIVERGENCES[key]
