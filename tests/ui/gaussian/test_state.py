"""What an address or a browser sends is untrusted: each part is checked, and a bad one never breaks the rest."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akl_viz.cli import build_parser
from akl_viz.cli.toy_runs import run_gaussian
from akl_viz.ui.gaussian.state import (
    GRIDS,
    MEANS,
    MOST_PARTS,
    PRESETS,
    SDS,
    WEIGHTS,
    State,
    checked,
    command,
    config_of,
    from_address,
    to_address,
    unusable,
)


@st.composite
def states(draw):
    preset = draw(st.sampled_from(list(PRESETS)))
    d = PRESETS[preset].dimension
    one = st.tuples(*(st.floats(*bounds) for bounds in [MEANS] * d + [SDS[d]] * d + [WEIGHTS]))
    parts = draw(st.none() | st.lists(one, min_size=1, max_size=MOST_PARTS))
    grid = "wide" if d == 2 else draw(st.sampled_from(list(GRIDS)))
    return checked({"preset": preset, "grid": grid, "parts": parts and [list(part) for part in parts]})


@given(states())
def test_a_state_comes_back_from_its_address(state):
    address = {name: value for name, value in to_address(state).items() if value is not None}
    assert "" not in address.values()
    assert from_address(address) == state
    assert unusable(address) == []


def test_the_default_state_needs_no_address():
    assert set(to_address(State()).values()) == {None}


HOSTILE = [
    "",
    "nope",
    "-1",
    "nan",
    "inf",
    "1e999",
    "__class__",
    "<b>",
    "9" * 40,
    "0_0",
    "1_",
    "²",
    "25_8_0",
    "25_8_-1",
    "25_1_1",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_part_that_is_not_valid_is_its_default(value):
    assert from_address(dict.fromkeys(("preset", "parts", "grid"), value)) == State()
    assert from_address({"parts": value, "grid": "wide"}) == State(grid="wide")
    assert unusable({"parts": value, "grid": "wide"}) == ["parts"]
    assert unusable({"preset": value, "grid": value}) == ["preset", "grid"]


@pytest.mark.parametrize(
    "parts", [None, 3, [], [[]], [[25, 8]], [[25, 8, True]], [["25", 8, 1]], [[25, 8, 1]] * 5, [[1e400, 8, 1]]]
)
def test_parts_of_a_browser_that_are_not_valid_are_the_presets(parts):
    assert checked({"preset": "three", "parts": parts}) == State(preset="three")


def test_what_the_page_writes_and_the_preset_itself_are_usable():
    assert unusable({"preset": "modes", "grid": "paper", "parts": "25_8_0.375_75_8_0.625", "other": "?"}) == []
    assert unusable({"preset": "plane", "grid": "wide", "parts": "30_30_8_12_1"}) == []
    assert unusable({"preset": "plane", "grid": "paper", "parts": "30_8_1"}) == ["grid", "parts"]


def test_in_the_plane_there_is_no_paper_grid():
    assert checked({"preset": "plane", "grid": "paper"}).grids == ("wide",)


@pytest.mark.parametrize("state", [State(), State(preset="near", grid="wide"), State(preset="plane", grid="wide")])
def test_the_command_fits_what_the_page_fits(state, monkeypatch):
    fitted = []
    import akl_viz.toys

    monkeypatch.setattr(akl_viz.toys, "fit_gaussians", lambda config, progress: fitted.append(config) or 1 / 0)
    for line in command(state).splitlines():
        with pytest.raises(ZeroDivisionError):
            run_gaussian(build_parser().parse_args(shlex.split(line)[1:]))
    assert fitted == [config_of(state, grid) for grid in state.grids]
