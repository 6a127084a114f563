"""The histogram of AKL weights is read as data: no pixels."""

import numpy as np
import pytest

from akl_viz.figures.theme import THEMES
from akl_viz.figures.weights import BINS, weight_histogram
from tests.traces import made_trace


@pytest.mark.parametrize("theme", THEMES)
def test_every_scored_position_is_counted_once(theme):
    trace = made_trace(60)
    figure = weight_histogram(trace, theme)
    assert sum(np.sum(bar.y) for bar in figure.data) == trace.n_scored


def test_one_token_heads_are_drawn_apart_and_stay_left_of_the_wall():
    trace = made_trace(60)
    bar = weight_histogram(trace, "light").data[0]
    assert bar.name == "one-token head"
    assert np.sum(bar.y) == np.sum(trace.columns["head_size"] == 1) > 0
    assert np.sum(np.asarray(bar.y)[BINS // 2 :]) == 0


def test_the_axes_say_what_they_count():
    figure = weight_histogram(made_trace(20), "light")
    assert figure.layout.xaxis.title.text == "AKL weight of KL(T‖S)"
    assert "n = 19" in figure.layout.yaxis.title.text
