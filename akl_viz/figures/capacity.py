"""A student of limited rank against its rank: one panel per measure, one line per loss, the teacher as a line."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from akl_viz.figures import theme as colours
from akl_viz.figures.layout import layout
from akl_viz.figures.theme import Theme
from akl_viz.records import FloatArray

Figure = go.Figure
"""What the functions below make."""
DODGE = 0.035
"""Shift between neighbouring losses on the axis of log2(rank), so that their intervals do not hide each other."""
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "x", "star")
GLYPHS = ("●", "■", "◆", "▲", "▼", "✚", "✖", "★")
"""The same shapes as text: the second channel beside colour, in the key."""
_ROOM = 0.12
"""Of the range of differences, left free at either end of the main panel."""
_ROOT_TICKS = (0.0, 0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)


@dataclass(frozen=True)
class Panel:
    """One measure against the rank."""

    field: str
    title: str
    axis: str
    """Unit and direction."""
    teacher: float | None = None
    """The teacher's value where it is the same for every seed; None where it is measured."""
    root: bool = False
    """Whether the axis is the square root of the value, for measures that span powers of ten."""


PANELS: tuple[Panel, ...] = (
    Panel("entropy", "Student's entropy", "nats, mean over contexts"),
    Panel("top5", "Mass on the teacher's top 5", "probability, 0 to 1"),
    Panel("bottom_half", "Mass on the teacher's bottom half", "probability, 0 to 1"),
    Panel("tvd", "Total variation", "0 to 1, lower is closer", teacher=0.0),
    Panel("forward_kl", "KL(T‖S)", "nats, square-root axis, lower is closer", teacher=0.0, root=True),
    Panel("reverse_kl", "KL(S‖T)", "nats, square-root axis, lower is closer", teacher=0.0, root=True),
)
"""The small multiples, in the order of the page."""
GAP = Panel("gap", "Student's entropy minus the teacher's", "nats, mean over contexts", teacher=0.0)
"""The main panel: above 0 the student is smoother than its teacher, below 0 sharper."""


def capacity_panel(
    panel: Panel,
    summary: pd.DataFrame,
    theme: Theme,
    *,
    losses: Sequence[str],
    teacher: float | None = None,
    seeds: pd.DataFrame | None = None,
) -> go.Figure:
    """One measure of every loss against the rank, with 95 % intervals over seeds.

    Args:
        panel: which measure.
        summary: columns loss, rank, field, mean, low, high, n; ends of an interval are NaN for one seed.
        theme: light or dark.
        losses: every loss of the run in its order: colour and shape go by place, whatever `summary` leaves out.
        teacher: the teacher's mean over seeds, drawn as a line; the panel's own value where it has one.
        seeds: columns loss, rank and the panel's field, one row per seed, drawn as small points.

    Returns:
        Lines with markers and error bars on an axis of log2(rank).
    """
    figure = go.Figure()
    level = panel.teacher if panel.teacher is not None else teacher
    rows = summary[summary["field"] == panel.field]
    for loss in dict.fromkeys(rows["loss"]):
        shift = DODGE * (losses.index(loss) - (len(losses) - 1) / 2)
        if seeds is not None:
            _add_seeds(figure, seeds[seeds["loss"] == loss], panel, (loss, theme, shift))
        _add_loss(figure, rows[rows["loss"] == loss], panel, (loss, theme, shift), SYMBOLS[_place(losses, loss)])
    if level is not None:
        figure.add_hline(y=float(_at(panel, level)), line={"color": colours.TEACHER[theme], "width": 2, "dash": "dash"})
    _frame(figure, panel, theme, sorted(rows["rank"].unique()), float(np.nanmax([*rows["mean"], *rows["high"], 0.0])))
    return figure


def gap_figure(
    summary: pd.DataFrame, theme: Theme, *, losses: Sequence[str], seeds: pd.DataFrame | None = None
) -> go.Figure:
    """The main panel: entropy above the teacher's (over-smoothed) and below it (over-sharpened), by rank.

    Args: as of `capacity_panel`, with the field "gap".
    """
    figure = capacity_panel(GAP, summary, theme, losses=losses, seeds=seeds)
    figure.update_layout(height=330, title=None, margin_t=14)
    # Both sides of the teacher are in sight, also where all students lie on one.
    rows = summary[summary["field"] == GAP.field]
    drawn = [*rows["mean"], *rows["low"], *rows["high"], *([] if seeds is None else seeds[GAP.field]), 0.0]
    low, high = float(np.nanmin(drawn)), float(np.nanmax(drawn))
    room = _ROOM * ((high - low) or 1.0)
    figure.update_yaxes(range=[low - room, high + room])
    for text, y, anchor in (("▲ smoother than the teacher", 1.0, "top"), ("▼ sharper than the teacher", 0.0, "bottom")):
        figure.add_annotation(
            text=text, xref="paper", yref="paper", x=1.0, y=y, xanchor="right", yanchor=anchor, showarrow=False,
            font={"size": 12, "color": colours.MUTED[theme]},
        )  # fmt: skip
    return figure


def key_html(losses: Sequence[str], theme: Theme) -> str:
    """The legend of all panels: shape, colour and name of every loss, and the teacher's line."""
    items = [
        f'<span style="display:inline-flex;align-items:center;gap:7px"><span aria-hidden="true" style="color:'
        f'{colours.loss_colours(loss)[theme]}">{GLYPHS[_place(losses, loss)]}</span>{html.escape(loss)}</span>'
        for loss in losses
    ]
    items.append(
        '<span style="display:inline-flex;align-items:center;gap:7px"><span style="display:inline-block;width:28px;'
        f'border-top:2px dashed {colours.TEACHER[theme]}"></span>teacher</span>'
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:4px 22px">{"".join(items)}</div>'


def _place(losses: Sequence[str], loss: str) -> int:
    return losses.index(loss) % len(SYMBOLS)


Look = tuple[str, Theme, float]
"""Loss, theme and shift along the axis."""


def _add_loss(figure: go.Figure, rows: pd.DataFrame, panel: Panel, look: Look, symbol: str) -> None:
    loss, theme, shift = look
    colour, rows = colours.loss_colours(loss)[theme], rows.sort_values("rank")
    mean, low, high = (rows[name].to_numpy(dtype=float) for name in ("mean", "low", "high"))
    drawn = _at(panel, mean)
    known = np.isfinite(low)
    figure.add_scatter(
        name=loss,
        x=np.log2(rows["rank"].to_numpy(dtype=float)) + shift,
        y=drawn,
        mode="lines+markers",
        line={"color": colour, "width": 2},
        marker={"size": 8, "symbol": symbol},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": np.where(known, _at(panel, high) - drawn, 0.0),
            "arrayminus": np.where(known, drawn - _at(panel, low), 0.0),
            "width": 3,
            "thickness": 1.3,
            "color": colour,
            "visible": bool(known.any()),
        },
        customdata=np.stack([rows["rank"], mean, low, high, rows["n"]], axis=-1),
        hovertemplate=_hover(loss, bool(known.any())),
    )


def _hover(loss: str, interval: bool) -> str:
    spread = "<br>95 % interval %{customdata[2]:.4g} to %{customdata[3]:.4g}" if interval else "<br>no interval"
    name = html.escape(loss)
    return "rank %{customdata[0]}: %{customdata[1]:.4g}" + spread + ", n = %{customdata[4]}<extra>" + name + "</extra>"


def _add_seeds(figure: go.Figure, rows: pd.DataFrame, panel: Panel, look: Look) -> None:
    loss, theme, shift = look
    figure.add_scatter(
        name=loss,
        x=np.log2(rows["rank"].to_numpy(dtype=float)) + shift,
        y=_at(panel, rows[panel.field].to_numpy(dtype=float)),
        mode="markers",
        marker={"size": 4, "color": colours.loss_colours(loss)[theme], "opacity": 0.45},
        customdata=np.stack([rows["rank"], rows["seed"], rows[panel.field]], axis=-1),
        hovertemplate="rank %{customdata[0]}, seed %{customdata[1]}: %{customdata[2]:.4g}<extra></extra>",
    )


def _at(panel: Panel, values: FloatArray | float) -> FloatArray:
    """Where a value is drawn. An interval of a measure that cannot be negative ends at 0 on a square-root axis."""
    found: FloatArray = np.sqrt(np.maximum(values, 0.0)) if panel.root else np.asarray(values, dtype=float)
    return found


def _frame(figure: go.Figure, panel: Panel, theme: Theme, ranks: Sequence[int], top: float) -> None:
    figure.update_layout(
        **layout(theme)
        | {
            "height": 270,
            "margin": {"t": 40, "b": 42, "l": 58, "r": 10},
            "title": {"text": panel.title, "font": {"size": 14}, "x": 0, "xanchor": "left", "y": 0.98},
            "uirevision": panel.field,
            "hovermode": "closest",
        }
    )
    figure.update_xaxes(title_text="student's rank", tickvals=np.log2(ranks), ticktext=[str(rank) for rank in ranks])
    figure.update_yaxes(title_text=panel.axis, title_font_size=11, zeroline=False)
    if panel.root:
        ticks = [tick for tick in _ROOT_TICKS if tick <= max(top, _ROOT_TICKS[1])]
        ticks = [tick for tick in ticks if not 0.0 < tick < top / 150.0]
        figure.update_yaxes(tickvals=np.sqrt(ticks), ticktext=[f"{tick:g}" for tick in ticks])
