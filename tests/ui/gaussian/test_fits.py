"""What the page says of its fits: the stored ones are fresh ones, and the words follow the optima."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest

from akl_viz.errors import InvalidInput
from akl_viz.figures.gaussian import optima_against_sd
from akl_viz.toys import fit_gaussians
from akl_viz.ui.gaussian.fits import STORED, fitted, stored
from akl_viz.ui.gaussian.payload import RAN_OFF, packed, payload
from akl_viz.ui.gaussian.state import GRIDS, State, checked
from akl_viz.ui.gaussian.sweep import SDS, marked, sweep, turns
from akl_viz.ui.gaussian.verdict import covered, places, sentence

SAME = 1e-6


def two_modes(sd, grid="paper", weights=(0.375, 0.625)):
    parts = [[25, sd, weights[0]], [75, sd, weights[1]]]
    return checked({"preset": "modes", "grid": grid, "parts": parts})


def unpacked(packed_array):
    kinds = {"f4": "<f4", "f8": "<f8", "i4": "<i4"}
    return np.frombuffer(base64.b64decode(packed_array["data"]), kinds[packed_array["kind"]])


def test_the_stored_opening_is_a_fresh_one():
    kept, fresh = stored()["opening"], packed(fitted(State()), State().grids)
    assert kept["verdicts"] == fresh["verdicts"]
    assert kept["frames"] == fresh["frames"]
    for old, new in zip(kept["losses"], fresh["losses"], strict=True):
        assert unpacked(old["ends"]).tolist() == unpacked(new["ends"]).tolist()
        for name in ("means", "covariances", "least"):
            assert unpacked(old[name]) == pytest.approx(unpacked(new[name]), rel=1e-4)
        for one, other in zip(old["optima"], new["optima"], strict=True):
            assert one["value"] == pytest.approx(other["value"], rel=SAME)
            assert (one["starts"], one["best"], one["parts"]) == (other["starts"], other["best"], other["parts"])


def test_the_stored_sweep_is_a_fresh_one():
    some = SDS[::8]
    kept = [row for row in stored()["sweep"] if row["sd"] in some]
    for old, new in zip(kept, sweep(some), strict=True):
        assert (old["grid"], old["sd"]) == (new["grid"], new["sd"])
        for column in ("mode", "span"):
            assert old[column] == (None if new[column] is None else pytest.approx(new[column], rel=SAME))


@pytest.mark.parametrize(("sd", "grid", "words"), [
    (4, "paper", "sits on one mode"), (8, "paper", "sits on one mode"), (10, "paper", "spans both"),
    (8, "wide", "sits on one mode"), (10, "wide", "sits on one mode"), (12, "wide", "spans both"),
])  # fmt: skip
def test_the_words_turn_where_the_global_optimum_turns(sd, grid, words):
    assert f"global optimum of KL(S‖T) {words}" in sentence(fitted(two_modes(sd, grid))[grid])


def test_the_sweep_turns_where_fits_just_before_and_after_disagree():
    for grid in GRIDS:
        before, after = turns(stored()["sweep"], grid)
        assert before < after <= before + 0.25
        kinds = [len(places(fitted(two_modes(sd, grid))[grid], "reverse_kl")[0]) for sd in (before, after)]
        assert kinds == [1, 2]


def test_a_sweep_that_never_turns_says_so():
    rows = [
        {"grid": "paper", "sd": 3.0, "mode": 0.4, "span": None},
        {"grid": "paper", "sd": 4.0, "mode": 0.4, "span": 0.5},
    ]
    assert turns(rows, "paper") is None


def test_equal_weights_on_the_wide_grid_give_two_global_optima():
    fits = fitted(two_modes(6, "wide", (0.5, 0.5)))["wide"]
    assert [one.is_global for one in fits.optima["reverse_kl"]][:2] == [True, True]
    assert sentence(fits).startswith("One of 2 global optima of KL(S‖T) sits on one mode: 0.693 nats")


def test_forward_kl_matches_moments_on_both_grids():
    for fits in fitted(State()).values():
        assert max(fits.moment_error("forward_kl")) < 1e-5
        assert max(fits.moment_error("reverse_kl")) > 1.0


def test_an_optimum_beyond_every_part_is_not_said_to_lie_between_them():
    told = sentence(fitted(checked({"preset": "modes", "parts": [[13.38, 18.988, 1], [0, 2, 0.687]]}))["paper"])
    assert "covers no part: 0.142 nats at mean −433" in told


def test_covering_is_measured_in_the_students_own_shape():
    means = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    assert covered(means, np.zeros(2), np.diag([4.0, 1.0])) == (0, 1)


@pytest.mark.parametrize("preset", ["near", "three", "broad"])
def test_every_target_has_a_sentence_and_a_payload_that_is_json(preset):
    state = checked({"preset": preset})
    document = payload(state, packed(fitted(state), state.grids), 3)
    assert json.loads(json.dumps(document, allow_nan=False))["numbers"]["verdicts"][0]["text"]


def test_in_the_plane_every_start_ends_somewhere_and_paths_have_its_shape():
    numbers = packed(fitted(State(preset="plane", grid="wide")), ("wide",))
    for loss in numbers["losses"]:
        assert len(unpacked(loss["means"])) == numbers["starts"] * numbers["frames"] * 2
        assert sum(one["starts"] for one in loss["optima"]) == numbers["starts"]


RUNS_OFF = [[100, 2, 1], [0, 3.259, 0.01]]


def test_starts_that_fail_are_counted_and_the_others_drawn():
    state = checked({"preset": "modes", "parts": RUNS_OFF})
    numbers = packed(fitted(state), state.grids)
    assert numbers["grid"] == "paper"
    forward, reverse = numbers["losses"]
    assert (forward["optima"], forward["failed"]) == ([], 24)
    assert set(unpacked(forward["ends"])) == {-1}
    for loss in numbers["losses"]:
        assert len(unpacked(loss["means"])) == 24 * len(unpacked(loss["least"])) == 24 * numbers["frames"]
    assert reverse["optima"][0]["best"]
    assert sum(one["starts"] for one in reverse["optima"]) + reverse["failed"] == 24
    assert "Failed starts, which ended on a saddle or ran off: 24 of 24 of KL(T‖S)." in numbers["verdicts"][0]["text"]


def test_a_grid_on_which_every_start_fails_is_told_about_and_the_other_one_drawn():
    state = checked({"preset": "modes", "parts": [[0, 20, 1], [100, 20, 1]]})
    found = fitted(state)
    assert list(found) == ["wide"]
    numbers = packed(found, state.grids)
    assert numbers["grid"] == "wide"
    assert [row["text"] == RAN_OFF for row in numbers["verdicts"]] == [True, False]


def test_starts_that_all_fail_on_every_grid_are_refused_in_a_sentence(monkeypatch):
    def nothing(config):
        return replace(fit_gaussians(config), optima={"forward_kl": (), "reverse_kl": ()})

    monkeypatch.setattr("akl_viz.ui.gaussian.fits._fit", nothing)
    with pytest.raises(InvalidInput, match="No start ended at a minimum"):
        fitted(State())


def test_the_last_played_frame_stands_at_the_optimum():
    for loss in packed(fitted(State()), State().grids)["losses"]:
        assert unpacked(loss["least"])[-1] == pytest.approx(loss["optima"][0]["value"], abs=1e-5)


RAN_BELOW = [[25, 12, 0.375], [90, 12, 0.625]]


def test_no_optimum_is_called_global_where_starts_ran_off_below_it():
    state = checked({"preset": "modes", "parts": RAN_BELOW})
    fits = fitted(state)["paper"]
    below = fits.ran_below("reverse_kl")
    (only,) = fits.optima["reverse_kl"]
    assert 0.25 < below < 0.35 < 0.8 < only.value
    assert not only.is_global
    told = sentence(fits)
    assert told.startswith("No optimum of KL(S‖T) is global here: starts that ran off came down to 0.309 nats.")
    assert "The best of those found sits on one mode: 0.817 nats" in told
    reverse = packed(fitted(state), state.grids)["losses"][1]
    assert not reverse["optima"][0]["best"]
    assert json.loads(json.dumps(payload(state, packed(fitted(state), state.grids), 0), allow_nan=False))
    (listed,) = [run["optima"] for run in fits.to_json()["runs"] if run["loss"] == "reverse_kl"]
    assert json.loads(json.dumps(listed))[0]["global"] is False
    assert unpacked(reverse["least"])[-1] < 0.4
    wide = fitted(state)["wide"]
    assert wide.ran_below("reverse_kl") is None
    assert wide.optima["reverse_kl"][0].is_global


def test_the_figure_draws_both_kinds_and_marks_the_view():
    rows = [row for row in stored()["sweep"] if row["grid"] == "paper"]
    figure = optima_against_sd(rows, 8.0, "light")
    assert [trace.name for trace in figure.data] == ["on one mode", "spans both modes"]
    assert figure.layout.shapes[0].x0 == 8.0
    assert not optima_against_sd(rows, None, "dark").layout.shapes


@pytest.mark.parametrize(("sd", "at"), [(3.0, 3.0), (16.0, 16.0), (2.5, None), (18.0, None), (None, None)])
def test_the_sentence_speaks_of_a_line_only_where_one_is_drawn(sd, at):
    shown, told = marked(sd)
    assert shown == at
    assert ("the dotted line is at this view's sd" in told) == (at is not None)


def test_a_mean_that_rounds_to_zero_has_no_sign_and_a_negative_one_a_minus_sign():
    fits = fitted(checked({"preset": "modes", "grid": "wide", "parts": [[-30, 4, 0.5], [30, 4, 0.5]]}))["wide"]
    best, *others = fits.optima["reverse_kl"]
    for mean, words in ((-0.04, "at mean 0.0, sd"), (-30.0, "at mean −30.0, sd")):
        moved = replace(fits, optima=fits.optima | {"reverse_kl": (replace(best, mean=np.array([mean])), *others)})
        assert words in sentence(moved)


def test_a_spoiled_file_costs_only_the_wait(monkeypatch, tmp_path):
    spoiled = tmp_path / "gaussian.json"
    for text in ("", "[]", "{}", "{"):
        spoiled.write_text(text)
        monkeypatch.setattr("akl_viz.ui.gaussian.fits.STORED", spoiled)
        stored.clear()
        assert stored() is None
    stored.clear()
    monkeypatch.undo()
    assert STORED.exists()
