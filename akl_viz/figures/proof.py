"""What the proof page draws with axes: phi against r, plateaus against the step, likeness against the distance."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from akl_viz.figures import theme as colours
from akl_viz.figures.layout import layout
from akl_viz.figures.theme import Theme
from akl_viz.metrics import loss_name

MARKS = {"forward_kl": "circle", "reverse_kl": "square", "akl": "diamond", "mixed_kl": "triangle-up"}
DASHES = {"forward_kl": "solid", "reverse_kl": "dash", "akl": "dot", "mixed_kl": "dashdot"}
"""The second channel beside colour."""
_STROKES = {"solid": (1,), "dash": (9, 9), "dot": (3, 3), "dashdot": (9, 3, 3, 3)}
"""Pixels drawn and left out in turn: how plotly draws each dash of a line of 2 pixels."""
_STEPS = (0, 1, 10, 100, 1_000, 10_000)


def phi_figure(
    ratios: Sequence[float], curves: Mapping[str, Sequence[float]], names: Mapping[str, str], theme: Theme
) -> go.Figure:
    """phi(r) of several weights on an axis of log r, with the lines r = 1 and phi = 0.

    Args:
        ratios: (n,) r = q/p, above 0.
        curves: key of a loss -> (n,) phi; the key gives colour and dash.
        names: key -> name in the legend.
        theme: light or dark.
    """
    figure = _figure(theme, 330)
    for key, values in curves.items():
        figure.add_scatter(
            name=names[key],
            x=ratios,
            y=values,
            mode="lines",
            line=_line(key, theme, 4 if key == "mixed_kl" else 2),
            hovertemplate="r = %{x:.3g}: %{y:.4g}<extra>" + names[key] + "</extra>",
        )
    for add, at in ((figure.add_vline, {"x": 1.0}), (figure.add_hline, {"y": 0.0})):
        add(**at, line={"color": colours.MUTED[theme], "width": 1, "dash": "dot"})
    figure.update_xaxes(
        title_text="r = q / p, student over teacher", type="log", tickvals=[0.01, 0.1, 1, 10, 100],
        ticktext=["0.01", "0.1", "1", "10", "100"],
    )  # fmt: skip
    # The curve of w = 1 falls as -1/r: it would press all others flat.
    figure.update_yaxes(title_text="φ(r)", range=[-8, 5], zeroline=False)
    return figure


def plateau_figure(
    steps: Sequence[int], curves: Mapping[str, Sequence[float]], threshold: float, theme: Theme
) -> go.Figure:
    """Total variation of every loss's student against the step, on an axis of log(1 + step).

    Args:
        steps: (T,) optimiser steps.
        curves: loss -> (T,) total variation.
        threshold: drawn as a dashed line.
        theme: light or dark.
    """
    figure = _figure(theme, 290)
    for loss, values in curves.items():
        figure.add_scatter(
            name=loss,
            x=np.log10(1.0 + np.asarray(steps, dtype=float)),
            y=values,
            mode="lines",
            line=_line(loss, theme),
            customdata=steps,
            hovertemplate="step %{customdata}: %{y:.4f}<extra>" + loss_name(loss) + "</extra>",
        )
    figure.add_hline(
        y=threshold,
        line={"color": colours.WALL[theme], "dash": "dash", "width": 1},
        annotation={"text": f"threshold, TV {threshold:g}", "font": {"size": 11, "color": colours.WALL[theme]}},
        # All curves begin above it, on the left.
        annotation_position="bottom left",
    )
    figure.update_xaxes(
        title_text="optimiser step", tickvals=np.log10(1.0 + np.asarray(_STEPS)), ticktext=_written(_STEPS)
    )
    figure.update_yaxes(title_text="total variation, lower is closer", rangemode="tozero")
    return figure


def depth_figure(
    depths: Sequence[int], reached: Mapping[str, Sequence[int | None]], limit: int, chosen: int, theme: Theme
) -> go.Figure:
    """Steps to the threshold against the depth of the drop; an open triangle stands for more than the limit.

    Args:
        depths: (D,) how far the mode's logits were lowered.
        reached: loss -> (D,) steps, None where the limit was not enough.
        limit: most steps.
        chosen: the depth that is marked.
        theme: light or dark.
    """
    figure = _figure(theme, 290)
    for loss, steps in reached.items():
        known = [limit if one is None else max(one, 1) for one in steps]
        figure.add_scatter(
            name=loss,
            x=list(depths),
            y=known,
            mode="lines+markers",
            line=_line(loss, theme),
            marker={"size": 7, "symbol": ["triangle-up-open" if one is None else MARKS[loss] for one in steps]},
            customdata=[f"more than {limit:,}" if one is None else f"{one:,}" for one in steps],
            hovertemplate="depth %{x}: %{customdata} steps<extra>" + loss_name(loss) + "</extra>",
        )
    figure.add_vline(x=chosen, line={"color": colours.MUTED[theme], "dash": "dot", "width": 1})
    if any(None in steps for steps in reached.values()):
        # In the margin: there no curve can run through it.
        figure.add_annotation(
            text=f"△ not within {limit:,} steps", xref="paper", yref="paper", x=1, y=1, xanchor="right",
            yanchor="bottom", showarrow=False, font={"size": 11},
        )  # fmt: skip
    figure.update_xaxes(title_text="depth of the drop, in logits")
    figure.update_yaxes(
        title_text="steps to TV below the threshold", type="log", tickvals=_STEPS[1:], ticktext=_written(_STEPS[1:])
    )
    return figure


def cosine_figure(distances: Sequence[float], cosine: Sequence[float], theme: Theme) -> go.Figure:
    """Cosine of the two gradients against the length of the logit error, near on the right."""
    figure = _near(distances, cosine, theme)
    figure.add_hline(y=1.0, line={"color": colours.MUTED[theme], "dash": "dot", "width": 1})
    figure.update_yaxes(title_text="cosine of the gradients, 1 is the same way")
    return figure


def hessian_figure(distances: Sequence[float], apart: Sequence[float], theme: Theme) -> go.Figure:
    """Relative difference of the two Hessians against the length of the logit error, both on log axes."""
    figure = _near(distances, apart, theme)
    figure.update_yaxes(title_text="difference of Hessians, relative", type="log", exponentformat="power", dtick=1)
    return figure


def key_html(losses: Sequence[str], theme: Theme) -> str:
    """The legend of the plateau: colour and dash of every loss."""
    items = [
        '<span style="display:inline-flex;align-items:center;gap:8px"><span style="display:inline-block;width:36px;'
        f'height:3px;print-color-adjust:exact;background:{_stroke(loss, theme)}"></span>'
        f"{html.escape(loss_name(loss))}</span>"
        for loss in losses
    ]
    return f'<div style="display:flex;flex-wrap:wrap;gap:4px 22px">{"".join(items)}</div>'


def _near(distances: Sequence[float], values: Sequence[float], theme: Theme) -> go.Figure:
    figure = _figure(theme, 290)
    figure.add_scatter(
        x=list(distances), y=list(values), mode="lines+markers", line={"color": colours.INK[theme], "width": 2},
        marker={"size": 7}, hovertemplate="distance %{x:g}: %{y:.6g}<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(
        title_text="length of the logit error (near the optimum on the right)", type="log", autorange="reversed",
        tickvals=list(distances), ticktext=[f"{one:g}" for one in distances],
    )  # fmt: skip
    return figure


def _stroke(loss: str, theme: Theme) -> str:
    """The line of a loss as a CSS background: borders know no dash-dot, and a page's HTML may hold no SVG."""
    stops, at = [], 0
    for place, length in enumerate(_STROKES[DASHES[loss]]):
        colour = "transparent" if place % 2 else colours.DIVERGENCE_COLOURS[loss][theme]
        stops.append(f"{colour} {at}px {at + length}px")
        at += length
    return f"repeating-linear-gradient(90deg,{','.join(stops)})"


def _written(steps: Sequence[int]) -> list[str]:
    """Numbers of steps as every axis writes them."""
    return [f"{step:,}" for step in steps]


def _line(loss: str, theme: Theme, width: float = 2) -> dict[str, Any]:
    return {"color": colours.DIVERGENCE_COLOURS[loss][theme], "dash": DASHES[loss], "width": width}


def _figure(theme: Theme, height: int) -> go.Figure:
    figure = go.Figure()
    margin = {"t": 18, "b": 42, "l": 62, "r": 12}
    legend = {"showlegend": False, "hovermode": "closest", "margin": margin, "height": height}
    figure.update_layout(**layout(theme) | legend)
    figure.update_yaxes(title_font_size=11)
    return figure
