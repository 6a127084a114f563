"""Curves of a run: one line per loss and run, told apart by colour and dash."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

from akl_viz.analysis.export import table_csv
from akl_viz.distill.records import HISTORY_COLUMNS
from akl_viz.figures.race import PANELS, SPEED, key_html, race_panel, styles
from akl_viz.figures.theme import DIVERGENCE_COLOURS

STEPS = (0, 1, 5, 40)


def history(*losses, run="one"):
    rows = [
        dict.fromkeys(HISTORY_COLUMNS, 0.1 * place + step)
        | {"run": run, "loss": loss, "step": step, "seconds": 2.0 * step, "tokens": 256 * step}
        for place, loss in enumerate(losses)
        for step in STEPS
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("panel", PANELS.values(), ids=lambda panel: panel.column)
def test_a_panel_draws_every_loss_at_its_steps(panel):
    figure = race_panel(history("forward_kl", "akl"), panel, "light")
    assert [trace.name for trace in figure.data] == ["forward_kl", "akl"]
    assert [list(trace.customdata) for trace in figure.data] == [list(STEPS)] * 2
    assert figure.layout.yaxis.title.text == panel.axis


def test_the_speed_is_that_between_two_measurements():
    (line,) = race_panel(history("akl"), PANELS[SPEED], "light").data
    assert np.isnan(line.y[0])
    np.testing.assert_allclose(line.y[1:], 128.0)


def test_the_axis_can_give_the_first_steps_room_or_not():
    rows = history("akl")
    assert list(race_panel(rows, PANELS["tail_gap"], "dark", early=False).data[0].x) == list(STEPS)
    np.testing.assert_allclose(race_panel(rows, PANELS["tail_gap"], "dark").data[0].x, np.log1p(STEPS))


def test_two_lines_of_one_colour_differ_in_their_dash():
    both = pd.concat([history("akl", "akl:mu=0.7"), history("akl", run="two")])
    found = [(style.colour["light"], style.dash) for style in styles(both)]
    assert len(set(found)) == 3
    assert {colour for colour, _ in found} == {DIVERGENCE_COLOURS["akl"]["light"]}


def test_names_in_the_key_are_inert():
    rows = history("akl").assign(run="<img src=x>")
    assert "<img" not in key_html(pd.concat([rows, history("tvd")]), "light")


def test_the_csv_of_the_curves_runs_nothing_in_a_spreadsheet():
    rows = history("akl", run="=HYPERLINK(1)").assign(**{"@extra": "+1", "loss": "-akl"})
    told = list(csv.reader(io.StringIO(table_csv(rows))))
    assert told[0][0] == "run"
    assert told[0][-1] == "'@extra"
    assert {(row[0], row[1], row[-1]) for row in told[1:]} == {("'=HYPERLINK(1)", "'-akl", "'+1")}
    # Numbers below zero stay numbers.
    below = table_csv(history("akl").assign(head_gap=-0.1))
    assert {float(row["head_gap"]) for row in csv.DictReader(io.StringIO(below))} == {-0.1}
