"""`akl-viz toy`: what the pages draw, from the shell."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from akl_viz.divergences import DIVERGENCES
from akl_viz.toys import FIELDS, discrete_config, run_discrete
from tests.schema import strictly

GOLDEN = json.loads((Path(__file__).resolve().parents[1] / "golden" / "toys.json").read_text(encoding="utf-8"))
GOLDEN_GAP = 5e-4
PRINTED = 5e-3
RUN_KEYS = ["loss", "optimizer", "lr", "seed", "steps", *FIELDS]
TOP_KEYS = ["schema", "preset", "mu", "boundary", "tail", "start", "teacher", "head", "runs", "first"]


def toyed(run, *options) -> dict:
    told = run("toy", *options, "--json")
    assert (told.code, told.err) == (0, "")
    return strictly(told.out)


@pytest.fixture(scope="module")
def longtail():
    return run_discrete(discrete_config())


def test_the_golden_table_comes_out_of_the_command(run):
    document = toyed(run, "discrete", "--preset", "paper-longtail")
    runs = {one["loss"]: one for one in document["runs"]}
    assert list(runs) == list(GOLDEN["longtail"])
    for loss, rows in GOLDEN["longtail"].items():
        assert runs[loss]["steps"] == list(range(801))
        for row in rows:
            for field in set(row) - {"step"}:
                assert runs[loss][field][row["step"]] == pytest.approx(row[field], abs=GOLDEN_GAP), (loss, row)
    for loss, printed in GOLDEN["printed_final_loss"].items():
        assert runs[loss]["loss_value"][-1] / len(document["teacher"]) == pytest.approx(printed, rel=PRINTED)


def test_the_json_has_exactly_its_keys_and_the_engines_numbers(run, longtail):
    document = toyed(run, "discrete")
    assert list(document) == TOP_KEYS
    assert (document["schema"], document["preset"], document["mu"], document["boundary"]) == (
        1,
        "paper-longtail",
        0.5,
        "below",
    )
    assert document["head"] == list(range(8))
    for one in document["runs"]:
        assert list(one) == RUN_KEYS
        for field in FIELDS:
            np.testing.assert_array_equal(one[field], longtail.curve(field, one["loss"])[0])


def test_options_reach_the_experiment(run):
    options = (
        "--preset paper-bimodal --loss jsd:beta=0.3 --loss akl --optimizer sgd --lr 0.5 --steps 6 --every 3 --seeds 2 "
    )
    more = "--first-seed 7 --mu 0.7 --boundary reach --tail bottom --bottom 5 --start missing-mode --depth 3"
    document = toyed(run, "discrete", *(options + more).split())
    assert [(one["loss"], one["seed"]) for one in document["runs"]] == [
        ("jsd:beta=0.3", 7), ("jsd:beta=0.3", 8), ("akl", 7), ("akl", 8),
    ]  # fmt: skip
    first = document["runs"][0]
    assert (first["optimizer"], first["lr"], first["steps"]) == ("sgd", 0.5, [0, 3, 6])
    assert (document["mu"], document["boundary"], document["tail"], document["start"]) == (
        0.7,
        "reach",
        "bottom",
        "missing-mode",
    )
    assert [one["field"] for one in document["first"]] == ["head_gap", "tail_gap"]


def test_another_learning_rate_alone_keeps_the_presets_optimiser(run):
    first = toyed(run, "discrete", "--lr", "0.05", "--steps", "2")["runs"][0]
    assert (first["optimizer"], first["lr"]) == ("adam", 0.05)
    first = toyed(run, "discrete", "--optimizer", "sgd", "--steps", "2")["runs"][0]
    assert (first["optimizer"], first["lr"]) == ("sgd", 1.0)


def test_an_own_teacher_is_divided_by_its_sum(run):
    document = toyed(run, "discrete", "--preset", "own", "--target", "6,3,1", "--steps", "2")
    assert document["teacher"] == pytest.approx([0.6, 0.3, 0.1])


def test_the_csv_holds_the_numbers_of_the_json(run, tmp_path):
    options = ("discrete", "--preset", "paper-bimodal", "--steps", "4", "--seeds", "2")
    document = toyed(run, *options)
    assert run("toy", *options, "--csv", tmp_path / "toy.csv").out == ""
    with (tmp_path / "toy.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["loss", "optimizer", "seed", "step", *FIELDS]
    flat = [value for one in document["runs"] for value in one["tail_gap"]]
    assert [float(row["tail_gap"]) for row in rows] == flat


def test_without_json_a_table_and_sentences(run):
    out = run("toy", "discrete", "--preset", "zipf", "--tokens", "50", "--seeds", "5", "--steps", "20").out
    assert out.count("Under sgd lr 1 from a warmed-up start, ") == 6
    assert out.count("(95 % interval") + out.count("neither KL") == 6


def test_gaussian_gives_the_published_optima_with_global_and_local_told_apart(run):
    for published in GOLDEN["gaussian"]:
        document = toyed(run, "gaussian", "--preset", "paper-modes", "--sd", str(published["sd"]))
        runs = {one["loss"]: one["optima"] for one in document["runs"]}
        best = runs["forward_kl"][0]
        assert [best["mean"][0], best["sd"][0]] == pytest.approx(published["forward"], rel=0.01)
        assert max(best["mean_error"], best["second_moment_error"]) < 1e-5
        for wanted in published["reverse"]:
            found = min(runs["reverse_kl"], key=lambda one, wanted=wanted: abs(one["value"] - wanted["value"]))
            assert found["value"] == pytest.approx(wanted["value"], rel=0.01)
            assert found["global"] == wanted["global"]


def test_gaussian_takes_a_mixture_of_ones_own(run):
    document = toyed(
        run, "gaussian", "--preset", "plain-modes", "--means=-5,5", "--sds", "1", "--weights", "1,3", "--loss", "jsd"
    )
    assert document["target"]["means"] == [[-5.0], [5.0]]
    assert document["target"]["weights"] == [0.25, 0.75]
    plane = toyed(
        run,
        "gaussian",
        "--preset",
        "plane",
        "--means",
        "0:0,6:2",
        "--sds",
        "1:1",
        "--loss",
        "forward_kl",
        "--iterations",
        "5",
    )
    assert plane["runs"][0]["optima"][0]["mean"] == pytest.approx([3.0, 1.0], abs=1e-6)


def test_lowrank_shows_what_is_stored_or_runs(run, tmp_path):
    stored = toyed(run, "lowrank", "--stored")
    assert {one["rank"] for one in stored["runs"]} >= {2, 4, 8}
    small = ("lowrank", "--preset", "quick", "--steps", "5", "--ranks", "1,2", "--seeds", "3", "--loss", "forward_kl")
    document = toyed(run, *small, "--contexts", "8", "--tokens", "20")
    assert [(one["rank"], len(one["entropy"])) for one in document["runs"]] == [(1, 3), (2, 3)]
    told = run("toy", *small, "--out", tmp_path / "low.json")
    assert told.out == ""
    assert json.loads((tmp_path / "low.json").read_text(encoding="utf-8"))["config"]["seeds"] == 3


def test_plateau_counts_steps(run):
    document = toyed(run, "plateau", "--depths", "5,10", "--optimizer", "adam", "--lr", "0.1", "--limit", "200")
    found = {(one["loss"], one["depth"]): one["steps"] for one in document["runs"]}
    for depth in ("5", "10"):
        expected = GOLDEN["plateau"]["adam"][depth]
        assert [found[loss, float(depth)] for loss in ("forward_kl", "reverse_kl")] == expected


def test_gaussian_marks_the_starts_that_ran_off_and_ranks_the_others(run):
    options = ("gaussian", "--means=100,0", "--sds=2,3.259", "--weights=1,0.01")
    runs = {one["loss"]: one for one in toyed(run, *options)["runs"]}
    forward, reverse = runs["forward_kl"], runs["reverse_kl"]
    assert (forward["optima"], forward["failed"]) == ([], list(range(24)))
    assert reverse["optima"][0]["value"] == pytest.approx(0.0196, abs=1e-3)
    counted = sum(one["starts"] for one in reverse["optima"])
    assert 0 < counted == 24 - len(reverse["failed"])
    lines = run("toy", *options).out.splitlines()
    assert "forward_kl           failed  24 of 24 starts ended at no minimum" in lines[0]


def test_gaussian_calls_no_optimum_global_where_starts_ran_off_below_it(run):
    options = ("gaussian", "--means", "5,95", "--sds", "15", "--weights", "0.375,0.625")
    (reverse,) = [one for one in toyed(run, *options)["runs"] if one["loss"] == "reverse_kl"]
    assert [one["global"] for one in reverse["optima"]] == [False] * len(reverse["optima"])
    assert "so that no optimum is global" in run("toy", *options).out


def test_gaussian_says_in_a_sentence_that_no_start_ended_at_a_minimum(run):
    told = run("toy", "gaussian", "--means=0,100", "--sds=2", "--loss", "forward_kl")
    assert (told.code, told.out) == (2, "")
    assert "No start ended at a minimum" in told.err
    assert told.err.count("\n") == 1


def test_proof_gives_the_curve_the_flows_and_what_is_alike_near_the_end(run, tmp_path):
    curve = toyed(run, "proof", "phi", "--weight", "0.25")
    assert (curve["part"], [one["weight"] for one in curve["runs"]]) == ("phi", [0.25, 1.0, 0.0])
    assert all(np.diff(one["phi"]).min() > 0 for one in curve["runs"])
    options = "--teacher=0.2,0.7,0.1 --start=1,1,2 --optimizer adam --lr 0.1 --steps 7 --density 5 --threshold 0.2"
    flow = toyed(run, "proof", "simplex", *options.split(), "--loss", "jsd:beta=0.3")
    (one,) = flow["runs"]
    assert (one["loss"], flow["optimizer"], flow["lr"], flow["threshold"]) == ("jsd:beta=0.3", "adam", 0.1, 0.2)
    assert (len(flow["points"]), len(one["flow"]), len(one["path"])) == (15, 15, 8)
    assert one["path"][0] == pytest.approx([0.25, 0.25, 0.5])
    late = toyed(run, "proof", "late", "--teacher=5,3,2", "--distances", "1,0.1", "--seed", "3")
    assert late["teacher"] == pytest.approx([0.5, 0.3, 0.2])
    assert (late["distances"], late["seed"], late["losses"]) == ([1.0, 0.1], 3, ["forward_kl", "reverse_kl"])
    assert late["hessian_distance"][1] < late["hessian_distance"][0]
    for part, columns in (
        ("phi", ["r", "phi", "phi w=1", "phi w=0"]),
        ("simplex", ["loss", "step", "t1", "t2", "t3", "tvd"]),
        ("late", ["distances", "tv", "cosine", "hessian_distance"]),
    ):
        assert run("toy", "proof", part, "--csv", tmp_path / "part.csv").out == ""
        with (tmp_path / "part.csv").open(encoding="utf-8", newline="") as file:
            assert next(csv.DictReader(file)).keys() == set(columns)
        assert run("toy", "proof", part).out


@pytest.mark.parametrize("key", DIVERGENCES)
def test_every_registered_divergence_can_be_named(run, key):
    assert toyed(run, "discrete", "--preset", "paper-bimodal", "--steps", "2", "--loss", key)["runs"][0]["loss"] == key


@pytest.mark.parametrize("toy", ["discrete", "gaussian", "lowrank", "plateau", "proof"])
def test_every_toy_has_help(run, toy):
    told = run("toy", toy, "--help")
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith(f"usage: akl-viz toy {toy}")
    for option in ("--json", "--csv", "--loss"):
        assert option in told.out
