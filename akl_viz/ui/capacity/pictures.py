"""The figures of a result, made once: plotly takes longer over them than the browser does."""

from __future__ import annotations

from functools import lru_cache

from akl_viz.figures.capacity import PANELS, Figure, capacity_panel, gap_figure
from akl_viz.figures.theme import Theme
from akl_viz.toys import LowRankResult
from akl_viz.ui.capacity import findings


@lru_cache(maxsize=8)
def pictures(result: LowRankResult, scheme: Theme, seeds: bool) -> tuple[Figure, ...]:
    """The entropy gap, then one figure per panel of PANELS; shared by all sessions, so nobody may change them.

    Args:
        result: what is drawn.
        scheme: light or dark.
        seeds: whether every seed is drawn as a point.
    """
    losses = result.config.losses
    summary, rows = findings.drawn(result)
    points = rows if seeds else None
    made = [gap_figure(summary, scheme, losses=losses, seeds=points)]
    for panel in PANELS:
        teacher = float(result.teacher[panel.field].mean()) if panel.field in result.teacher else None
        made.append(capacity_panel(panel, summary, scheme, losses=losses, teacher=teacher, seeds=points))
    return tuple(made)
