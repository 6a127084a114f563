"""The figures of the proof page are read as data: no pixels."""

import numpy as np
import pytest

from akl_viz.figures.proof import cosine_figure, depth_figure, hessian_figure, phi_figure, plateau_figure
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


def test_a_limit_that_was_reached_is_an_open_mark_at_the_limit():
    figure = depth_figure([1, 2], {"reverse_kl": [80, None]}, 20_000, 2, "light")
    (trace,) = figure.data
    assert list(trace.y) == [80, 20_000]
    assert trace.marker.symbol[1] == "triangle-up-open" != trace.marker.symbol[0]
    assert trace.customdata[1] == "more than 20,000"
    assert figure.layout.shapes[0].x0 == 2


@pytest.mark.parametrize("make", [cosine_figure, hessian_figure])
def test_near_the_optimum_is_on_the_right(make):
    figure = make([4.0, 0.01], [0.9, 1.0], "dark")
    assert (figure.layout.xaxis.type, figure.layout.xaxis.autorange) == ("log", "reversed")
    assert list(figure.data[0].y) == [0.9, 1.0]
