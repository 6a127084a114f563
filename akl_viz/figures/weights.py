"""How AKL's weight of the forward term is spread over a text."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from akl_viz.figures import theme as colours
from akl_viz.figures.layout import layout
from akl_viz.figures.theme import Theme
from akl_viz.records import TokenTrace

BINS = 20
WALL = 0.5
ROUNDING = 2e-6
"""How far a float32 weight may be off: one that is beyond the wall by less stands at it, which is left of it."""


def weight_histogram(trace: TokenTrace, theme: Theme) -> go.Figure:
    """Histogram of the AKL weight of KL(T‖S) over the scored positions, with the wall at 0.5.

    Positions whose head is a single token are drawn in a shade of their own: they cannot pass the wall.

    Args:
        trace: any trace with at least one scored token.
        theme: light or dark.

    Returns:
        Stacked bars of width 1 / 20; x is the weight (0 to 1), y the number of positions.
    """
    weights = _left_at_wall(trace.columns["weight_forward"][trace.scored])
    single = trace.columns["head_size"][trace.scored] == 1
    edges = np.linspace(0.0, 1.0, BINS + 1)
    figure = go.Figure()
    kinds = (("one-token head", single, colours.HEAD_GAP), ("longer head", ~single, colours.TAIL_GAP))
    for name, chosen, shades in kinds:
        counts, _ = np.histogram(weights[chosen], bins=edges)
        figure.add_bar(
            name=name,
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts,
            width=1 / BINS,
            marker={"color": shades[theme], "line": {"color": colours.BACKGROUND[theme], "width": 1}},
            customdata=np.stack([edges[:-1], edges[1:]], axis=-1),
            hovertemplate="%{customdata[0]:.2f} to %{customdata[1]:.2f}: %{y} positions, " + name + "<extra></extra>",
        )
    figure.add_vline(x=WALL, line={"color": colours.WALL[theme], "dash": "dash", "width": 2})
    figure.update_layout(
        **layout(theme)
        | {
            "barmode": "stack",
            "bargap": 0,
            "height": 300,
            "margin": {"t": 30, "b": 45, "l": 55, "r": 10},
            "showlegend": True,
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        }
    )
    figure.update_xaxes(title_text="AKL weight of KL(T‖S)", range=[0, 1])
    figure.update_yaxes(title_text=f"positions (n = {len(weights)})")
    return figure


def beyond_wall(trace: TokenTrace) -> int:
    """How many scored positions weigh the forward term above 0.5, by more than rounding."""
    weights = trace.columns["weight_forward"][trace.scored]
    return int((weights > WALL + ROUNDING).sum())


def _left_at_wall(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The weights with those at the wall put just left of it, where a bin ends."""
    at_wall = (weights >= WALL) & (weights <= WALL + ROUNDING)
    return np.where(at_wall, np.nextafter(WALL, 0.0), weights)
