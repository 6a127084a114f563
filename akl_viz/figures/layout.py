"""The frame every plotly figure shares."""

from __future__ import annotations

from typing import Any

from akl_viz.figures import theme as colours
from akl_viz.figures.theme import Theme


def layout(theme: Theme) -> dict[str, Any]:
    """Plotly layout of one theme: transparent paper, quiet grid, our ink."""
    axis = {
        "gridcolor": colours.LINE[theme],
        "linecolor": colours.MUTED[theme],
        "zerolinecolor": colours.LINE[theme],
        "tickfont": {"color": colours.MUTED[theme]},
        "title": {"font": {"size": 12}},
    }
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": colours.INK[theme], "size": 12, "family": "Source Sans, sans-serif"},
        "hoverlabel": {"bgcolor": colours.SURFACE[theme], "font": {"color": colours.INK[theme]}},
        "xaxis": axis,
        "yaxis": axis,
        "showlegend": False,
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": colours.MUTED[theme], "activecolor": colours.INK[theme]},
    }
