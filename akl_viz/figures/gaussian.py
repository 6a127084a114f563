"""KL(S‖T) at its optima against the sd of the target's modes, on one grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from akl_viz.figures import theme as colours
from akl_viz.figures.layout import layout
from akl_viz.figures.theme import Theme

LINES = {"mode": ("on one mode", "solid"), "span": ("spans both modes", "dash")}
"""Column -> name and dash of its line."""


HIGHEST = 1.5
"""Nats at the upper edge: three times the value where the lines cross."""


def optima_against_sd(rows: Sequence[Mapping[str, Any]], shown: float | None, theme: Theme) -> go.Figure:
    """The two kinds of optimum; the lower line is the global optimum.

    Args:
        rows: sd, and the values mode and span in nats, None where there is no such optimum.
        shown: the sd of the view, marked by a line; None where it is not among these.
        theme: which colours.
    """
    colour = colours.DIVERGENCE_COLOURS["reverse_kl"][theme]
    sds = [row["sd"] for row in rows]
    figure = go.Figure(layout=layout(theme))
    for column, (name, dash) in LINES.items():
        values = [row[column] for row in rows]
        figure.add_scatter(
            x=sds, y=values, mode="lines", name=name, line={"color": colour, "dash": dash, "width": 2},
            hovertemplate=f"sd %{{x:g}}: %{{y:.4f}} nats<extra>{name}</extra>",
        )  # fmt: skip
        # The name stands where no other line is: at the beginning of the one, at the end of the other.
        known = [place for place, value in enumerate(values) if value is not None]
        if known:
            end = known[0] if column == "mode" else known[-1]
            figure.add_annotation(
                x=sds[end], y=values[end], text=name, showarrow=False, yshift=11 if column == "mode" else 22,
                xanchor="left" if column == "mode" else "right", font={"size": 12},
            )  # fmt: skip
    if shown is not None:
        figure.add_vline(x=shown, line={"color": colours.MUTED[theme], "width": 1, "dash": "dot"})
    figure.update_layout(height=260, margin={"l": 56, "r": 12, "t": 12, "b": 44})
    figure.update_xaxes(title_text="sd of both modes, means 25 and 75", range=[sds[0], sds[-1]])
    figure.update_yaxes(title_text="KL(S‖T), nats", range=[0.0, HIGHEST])
    return figure
