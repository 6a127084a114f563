"""The capacity panels are read as data: no pixels."""

import numpy as np
import pandas as pd
import pytest

from akl_viz.figures.capacity import GAP, PANELS, capacity_panel, gap_figure, key_html
from akl_viz.figures.theme import TEACHER, THEMES

LOSSES = ("forward_kl", "akl:mu=0.3")


def summary(field, n=3):
    rows = [
        {
            "loss": loss, "rank": rank, "field": field, "mean": rank / 10, "n": n,
            "low": rank / 20 if n > 1 else np.nan, "high": rank / 5 if n > 1 else np.nan,
        }
        for loss in LOSSES for rank in (2, 8, 32)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def teacher_line(figure):
    return [shape for shape in figure.layout.shapes if shape.line.dash == "dash"]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.field)
def test_every_loss_is_a_line_with_its_interval_and_the_teacher_a_dashed_one(panel, theme):
    figure = capacity_panel(panel, summary(panel.field), theme, losses=LOSSES, teacher=2.25)
    assert [trace.name for trace in figure.data] == list(LOSSES)
    (line,) = teacher_line(figure)
    level = 2.25 if panel.teacher is None else panel.teacher
    assert (line.y0, line.line.color) == (np.sqrt(level) if panel.root else level, TEACHER[theme])
    trace = figure.data[0]
    means, lows, highs = np.array([0.2, 0.8, 3.2]), np.array([0.1, 0.4, 1.6]), np.array([0.4, 1.6, 6.4])
    drawn = np.sqrt if panel.root else np.asarray
    assert np.asarray(trace.y) == pytest.approx(drawn(means))
    assert trace.y + trace.error_y.array == pytest.approx(drawn(highs))
    assert trace.y - trace.error_y.arrayminus == pytest.approx(drawn(lows))
    assert list(figure.layout.xaxis.ticktext) == ["2", "8", "32"]


def test_losses_differ_in_shape_and_stand_beside_each_other():
    figure = capacity_panel(PANELS[0], summary("entropy"), "light", losses=LOSSES)
    first, second = figure.data
    assert first.marker.symbol != second.marker.symbol
    assert min(np.abs(first.x - second.x)) > 0
    alone = summary("entropy")
    alone = alone[alone["loss"] == LOSSES[1]]
    assert capacity_panel(PANELS[0], alone, "light", losses=LOSSES).data[0].marker.symbol == second.marker.symbol


def test_one_seed_has_no_interval():
    figure = capacity_panel(PANELS[0], summary("entropy", n=1), "light", losses=LOSSES)
    assert not figure.data[0].error_y.visible
    assert "no interval" in figure.data[0].hovertemplate


def test_seeds_are_points_of_their_own():
    seeds = pd.DataFrame({"loss": "forward_kl", "rank": [2, 2], "seed": [0, 1], "gap": [0.5, -0.5]})
    figure = gap_figure(summary(GAP.field), "light", losses=LOSSES, seeds=seeds)
    points = [trace for trace in figure.data if trace.mode == "markers" and len(trace.x)]
    assert [list(trace.y) for trace in points] == [[0.5, -0.5]]


def test_the_key_escapes_what_was_typed():
    assert "<b>" not in key_html(["<b>"], "light")
