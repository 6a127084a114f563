"""How the students of a run, or of several, come closer to their teacher: one panel per measure."""

from __future__ import annotations

import html
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from akl_viz.figures import theme as colours
from akl_viz.figures.layout import layout
from akl_viz.figures.theme import Theme

DASHES = {"solid": "solid", "dash": "dashed", "dot": "dotted", "dashdot": "double"}
"""Plotly's name of a dash -> the border of CSS that stands for it in the key, in order of use."""
SPEED = "tokens_per_second"


@dataclass(frozen=True)
class Panel:
    """One measure over the steps."""

    column: str
    title: str
    axis: str
    """Unit and direction."""
    percent: bool = False


PANELS: dict[str, Panel] = {
    panel.column: panel
    for panel in (
        Panel("head_gap", "Head gap", "sum of |p − q| over the head, lower is closer"),
        Panel("tail_gap", "Tail gap", "sum of |p − q| over the tail, lower is closer"),
        Panel("weight_forward", "AKL weight of KL(T‖S)", "mean over held-out positions, 0 to 1"),
        Panel("forward_kl", "KL(T‖S)", "nats, lower is closer"),
        Panel("reverse_kl", "KL(S‖T)", "nats, lower is closer"),
        Panel("perplexity", "Perplexity", "of held-out text, lower is better"),
        Panel("top1_agreement", "Same likeliest token", "share of positions, higher is closer"),
        Panel("entropy", "Student's entropy", "nats"),
        Panel(SPEED, "Speed", "tokens per second of training"),
    )
}
"""Column of the history -> how it is drawn, in the order of the page."""


def race_panel(history: pd.DataFrame, panel: Panel, theme: Theme, *, early: bool = True) -> go.Figure:
    """One measure of every loss and run against the step.

    Args:
        history: rows of one or several runs (columns run, loss, step, ...); see `akl_viz.distill`.
        panel: which measure.
        theme: light or dark.
        early: whether the axis gives the first steps room: log(1 + step).

    Returns:
        A line with markers per run and loss; colour by loss, dash where two lines share a colour.
    """
    lines = [
        go.Scatter(
            name=name,
            x=_place(steps := rows["step"].to_numpy(), early),
            y=_values(rows, panel),
            mode="lines+markers",
            line={"color": style.colour[theme], "dash": style.dash, "width": 2},
            marker={"size": 5},
            customdata=steps,
            hovertemplate="step %{customdata}: %{y:.4g}<extra>" + html.escape(name) + "</extra>",
        )
        for (name, rows), style in zip(series(history), styles(history), strict=True)
    ]
    ticks = _ticks(history["step"].to_numpy(), early)
    frame = layout(theme)
    across = {"tickvals": _place(ticks, early), "ticktext": [str(t) for t in ticks]}
    # All at once: a running race draws nine panels anew every few seconds, and plotly's updates cost three times this.
    return go.Figure(
        lines,
        frame
        | {
            "height": 260,
            "margin": {"t": 40, "b": 40, "l": 55, "r": 10},
            "title": {"text": panel.title, "font": {"size": 14}, "x": 0, "xanchor": "left", "y": 0.98},
            "uirevision": panel.column,
            "hovermode": "closest",
            "xaxis": frame["xaxis"] | across | {"title": frame["xaxis"]["title"] | {"text": "optimiser step"}},
            "yaxis": frame["yaxis"] | {"title": {"text": panel.axis, "font": {"size": 11}}},
        },
    )


@dataclass(frozen=True)
class Style:
    """How one line looks."""

    colour: dict[Theme, str]
    dash: str


def series(history: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """(name, rows in order of step) per run and loss; the name holds the run only where there are several."""
    several = history["run"].nunique() > 1
    found = []
    for (run, loss), rows in history.groupby(["run", "loss"], sort=False):
        name = f"{loss} · {run}" if several else str(loss)
        found.append((name, rows.sort_values("step")))
    return found


def styles(history: pd.DataFrame) -> list[Style]:
    """The style of each of `series`, in its order."""
    used: dict[str, int] = {}
    found = []
    for _, rows in series(history):
        key = str(rows["loss"].iloc[0]).partition(":")[0]
        place = used.get(key, 0)
        used[key] = place + 1
        found.append(Style(colours.loss_colours(key), list(DASHES)[place % len(DASHES)]))
    return found


def key_html(history: pd.DataFrame, theme: Theme) -> str:
    """The legend of all panels as HTML: a short line in its colour and dash per loss and run."""
    items = [
        '<span style="display:inline-flex;align-items:center;gap:8px"><span style="display:inline-block;width:30px;'
        f'border-top:3px {DASHES[style.dash]} {style.colour[theme]}"></span>{html.escape(name)}</span>'
        for (name, _), style in zip(series(history), styles(history), strict=True)
    ]
    return f'<div style="display:flex;flex-wrap:wrap;gap:4px 22px">{"".join(items)}</div>'


def _values(rows: pd.DataFrame, panel: Panel) -> npt.NDArray[np.float64]:
    """The measure's values; the speed is that between a probe and the one before."""
    if panel.column != SPEED:
        return rows[panel.column].to_numpy(dtype=float)
    seconds = rows["seconds"].diff().to_numpy(dtype=float)
    tokens = rows["tokens"].diff().to_numpy(dtype=float)
    speed: npt.NDArray[np.float64] = np.full(len(rows), np.nan)
    np.divide(tokens, seconds, out=speed, where=seconds > 0)
    return speed


def _place(steps: npt.NDArray[np.int64], early: bool) -> npt.NDArray[np.float64]:
    return np.log1p(steps) if early else steps.astype(float)


def _ticks(steps: npt.NDArray[np.int64], early: bool) -> npt.NDArray[np.int64]:
    """Round steps up to the last one; few enough to stay legible on a narrow panel."""
    last = int(steps.max()) if len(steps) else 1
    if early:
        rungs = [0, 1, *(mantissa * 10**power for power in range(8) for mantissa in (2, 5, 10))]
        chosen = [rung for rung in rungs if rung <= last]
        return np.array(chosen[:: max(1, len(chosen) // 8)])
    return np.unique(np.linspace(0, last, 6).round().astype(int))
