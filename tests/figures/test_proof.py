"""The figures of the proof page are read as data: no pixels."""

import re

import numpy as np
import pytest

from akl_viz.figures.proof import (
    DASHES,
    cosine_figure,
    depth_figure,
    hessian_figure,
    key_html,
    phi_figure,
    plateau_figure,
)
from akl_viz.figures.theme import DIVERGENCE_COLOURS, THEMES

LOSSES = ("forward_kl", "reverse_kl")


@pytest.mark.parametrize("theme", THEMES)
def test_phi_has_a_curve_per_weight_on_a_log_axis_and_marks_the_optimum(theme):
    names = {key: key.upper() for key in LOSSES}
    figure = phi_figure([0.1, 1, 10], {key: [-1, 0, 1] for key in LOSSES}, names, theme)
    assert [trace.name for trace in figure.data] == ["FORWARD_KL", "REVERSE_KL"]
    assert [trace.line.color for trace in figure.data] == [DIVERGENCE_COLOURS[key][theme] for key in LOSSES]
    assert figure.data[0].line.dash != figure.data[1].line.dash
    assert figure.layout.xaxis.type == "log"
    assert [(shape.x0, shape.y0) for shape in figure.layout.shapes] == [(1, 0), (0, 0)]


def test_the_plateau_is_drawn_over_log_steps_with_its_threshold():
    figure = plateau_figure([0, 9, 99], {key: [0.4, 0.3, 0.01] for key in LOSSES}, 0.05, "light")
    assert np.asarray(figure.data[0].x) == pytest.approx([0, 1, 2])
    assert figure.layout.shapes[0].y0 == 0.05
    assert [note.text for note in figure.layout.annotations] == ["threshold, TV 0.05"]


def test_a_limit_that_was_reached_is_an_open_mark_at_the_limit():
    figure = depth_figure([1, 2], {"reverse_kl": [80, None]}, 20_000, 2, "light")
    (trace,) = figure.data
    assert list(trace.y) == [80, 20_000]
    assert trace.marker.symbol[1] == "triangle-up-open" != trace.marker.symbol[0]
    assert trace.customdata[1] == "more than 20,000"
    assert figure.layout.shapes[0].x0 == 2
    assert [note.text for note in figure.layout.annotations] == ["△ not within 20,000 steps"]


def test_open_marks_are_explained_only_where_there_are_some():
    assert not depth_figure([1, 2], {"reverse_kl": [80, 90]}, 20_000, 2, "light").layout.annotations


def test_steps_are_written_alike_on_every_axis():
    along = plateau_figure([0, 9], {"akl": [0.4, 0.1]}, 0.05, "light").layout.xaxis.ticktext
    up = depth_figure([1, 2], {"akl": [80, 90]}, 20_000, 2, "light").layout.yaxis.ticktext
    assert up == along[1:] == ("1", "10", "100", "1,000", "10,000")


@pytest.mark.parametrize("theme", THEMES)
def test_the_legend_draws_each_loss_in_the_dash_of_its_curves(theme):
    drawn = re.findall(r"background:repeating-linear-gradient\(90deg,([^)]*)\)", key_html(list(DASHES), theme))
    pieces = {loss: len(line.split(",")) for loss, line in zip(DASHES, drawn, strict=True)}
    assert {DASHES[loss]: count for loss, count in pieces.items()} == {"solid": 1, "dash": 2, "dot": 2, "dashdot": 4}
    assert len(set(drawn)) == len(DASHES)
    for loss, line in zip(DASHES, drawn, strict=True):
        assert line.startswith(DIVERGENCE_COLOURS[loss][theme])


@pytest.mark.parametrize("make", [cosine_figure, hessian_figure])
def test_near_the_optimum_is_on_the_right(make):
    figure = make([4.0, 0.01], [0.9, 1.0], "dark")
    assert (figure.layout.xaxis.type, figure.layout.xaxis.autorange) == ("log", "reversed")
    assert list(figure.data[0].y) == [0.9, 1.0]
