"""The recorded figures can be read: every printed claim has its file, its facts and its numbers."""

import csv
import math
import re

import pytest

from benchmarks.__main__ import NAMES
from benchmarks.record import COLUMNS, FACTS, RESULTS, Result

CLAIMS = {
    "analysis_cost": {"statistics / passes": 0.25, "statistics of flat rows / passes": 0.25},
    "architectures": {},
    "loss_cost": {
        "AKL / sort-based AKL, lm V=128256 N=256": 0.125,
        **{
            f"AKL / sort-based AKL, lm V={size} N={count}": 0.1666
            for size in (32000, 50257)
            for count in (64, 256, 512)
        },
        "AKL / KL(T‖S), lm V=128256 N=256": 1.0,
        "AKL / KL(T‖S), lm V=32000 N=64": 1.5,
        **{f"AKL / KL(T‖S), flat V={size} N=64": 3.5 for size in (32000, 50257, 128256, 151936)},
        "peak of AKL, V=128256 N=256": 1.25,
        "peak from hidden states, AKL / sort-based": 0.25,
        "error of float32 weights, V=128256": 2e-6,
        "error of float32 gradient, V=128256": 3e-5,
    },
    "first_paint": {"process start to strip": 10.0},
    "distill_cost": {"time per token, engine / bare": 1.05, "40 steps of three losses": 60.0},
    "race_evidence": {},
    "toys_cost": {
        "engine": 3.0,
        "the page's default": 0.5,
        "engine / plain loop": 0.05,
        "largest difference of probabilities": 1e-6,
    },
    "learn_pages": {
        **{
            f"learn/{page} {way} to its first result": 1000.0
            for page in ("divergences", "gaussian", "discrete", "capacity", "proof")
            for way in ("opened", "from the overview")
        },
        "bar of learn/divergences changed to its numbers": 300.0,
        "mean of learn/gaussian changed to its numbers": 500.0,
        "mean of learn/gaussian, plane changed to its numbers": 500.0,
        "teacher of learn/proof changed to its numbers": 500.0,
        "learning rate of learn/discrete changed to its numbers": 500.0,
    },
    "race_page": {
        "time per token, page open / command alone": 1.17647,
        "stop pressed to stop shown": 1500.0,
        "slider of learn/divergences during a run to its numbers": 1000.0,
        "slider of learn/gaussian during a run to its numbers": 1000.0,
    },
    "interaction": {"click to card": 500.0, "metric switch": 200.0, "model runs meanwhile": 0.0},
}
"""benchmark -> measure -> the bar it is held to."""


def rows(name: str) -> list[dict[str, str]]:
    with (RESULTS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        assert tuple(reader.fieldnames or ()) == COLUMNS
        return list(reader)


def test_every_benchmark_has_one_file_and_every_file_a_benchmark():
    assert {path.stem for path in RESULTS.glob("*.csv")} == set(NAMES) == set(CLAIMS)


@pytest.mark.parametrize("name", NAMES)
def test_every_row_is_a_median_inside_its_range_with_all_facts(name):
    found = rows(name)
    assert found
    for row in found:
        low, value, high = (float(row[key]) for key in ("lowest", "value", "highest"))
        assert low <= value <= high < math.inf
        assert int(row["repeats"]) >= 1
        assert row["unit"]
        browser_took_part = name in {"first_paint", "interaction", "learn_pages", "race_page"}
        assert all(row[key] for key in FACTS if key != "browser" or browser_took_part)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ", row["date"])


MISSED: set[tuple[str, str]] = {("loss_cost", "AKL / KL(T‖S), lm V=32000 N=64")}
"""(benchmark, measure) of bars that are not met: the README says so beside the figure. One met again must leave."""


@pytest.mark.parametrize("name", NAMES)
def test_the_figures_on_record_are_full_runs_that_meet_their_bars(name):
    found = {row["measure"]: row for row in rows(name)}
    for measure, bar in CLAIMS[name].items():
        assert float(found[measure]["bar"]) == bar
        assert (float(found[measure]["value"]) > bar) == ((name, measure) in MISSED)
        assert found[measure]["quick"] == "false"


def test_the_files_name_no_folder_and_no_host():
    for path in RESULTS.glob("*.csv"):
        assert not re.search(r"/(home|root|tmp|work|Users)\b|://", path.read_text(encoding="utf-8"))


def test_a_result_over_its_bar_is_not_met():
    assert Result.of("wait", [1.0, 3.0, 2.0], "s", bar=2.0).met
    assert not Result.of("wait", [1.0, 3.0, 2.5], "s", bar=2.0).met
    assert Result.of("wait", [1.0, 3.0, 2.5], "s").value == 2.5
