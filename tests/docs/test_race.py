"""The page on the races says what their results say: all rows are there, and each verdict follows from its numbers."""

import csv
import itertools
import math

import numpy as np
import pytest

from akl_viz.distill import ProbeConfig
from benchmarks import race_evidence, race_report
from benchmarks.race_evidence import LOSSES, QUANTITIES, RECIPE, SEEDS, STEPS, measure_name
from benchmarks.race_report import BOTH, CLAIMS, Interval, Statement, difference, read, sentences, verdict
from benchmarks.record import RESULTS
from tests.docs.test_documents import BUILD

FRAME = read()
T_OF_THREE = 4.302652729911275
"""Quantile 0.975 of Student's t with 2 degrees of freedom, from a printed table."""


def recorded() -> dict[str, dict[str, str]]:
    with (RESULTS / "race_evidence.csv").open(encoding="utf-8", newline="") as file:
        return {row["measure"]: row for row in csv.DictReader(file)}


def test_every_loss_step_and_seed_is_recorded_from_a_full_run():
    rows = recorded()
    steps = ProbeConfig().steps(STEPS)
    assert set(race_report.SHOWN) < set(steps)
    wanted = {measure_name(*each) for each in itertools.product(QUANTITIES, LOSSES, steps, SEEDS)}
    assert set(rows) == wanted
    assert {row["quick"] for row in rows.values()} == {"false"}
    assert all(row["unit"] == QUANTITIES[name.split(" ")[0]] for name, row in rows.items())


def test_the_start_is_common_to_all_losses_and_seeds():
    for quantity in QUANTITIES:
        starts = FRAME[(FRAME["quantity"] == quantity) & (FRAME["step"] == 0)]["value"]
        assert len(starts) == len(LOSSES) * len(SEEDS)
        assert starts.nunique() == 1


def test_seeds_differ_after_the_first_step():
    moved = FRAME[(FRAME["quantity"] == "head_gap") & (FRAME["step"] > 0)]
    assert (moved.groupby(["loss", "step"])["value"].nunique() == len(SEEDS)).all()


def test_the_document_is_what_the_results_give():
    document = BUILD.RACE.read_text(encoding="utf-8")
    assert BUILD.rebuilt(BUILD.RACE) == document
    rows = recorded()
    values = [float(rows[measure_name("head_gap", "akl", 20, seed)]["value"]) for seed in SEEDS]
    half = T_OF_THREE * np.std(values, ddof=1) / math.sqrt(3)
    assert f"{np.mean(values):.4f} ± {half:.4f}" in document


def test_an_interval_is_that_of_student():
    interval = Interval.of(np.array([1.0, 2.0, 4.5]))
    assert interval.mean == pytest.approx(2.5)
    assert interval.half == pytest.approx(T_OF_THREE * math.sqrt(3.25) / math.sqrt(3))


@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ([-1.0, -1.1, -1.2], "held"),
        ([-1.0, -0.1, -0.2], "in every seed"),
        ([-1.0, 0.1, -0.2], "seeds disagree"),
        ([-1.0, 0.0, -1.0], "seeds disagree"),
        ([0.0, 0.0, 0.0], "seeds disagree"),
        ([1.0, 0.1, 0.2], "opposite in every seed"),
        ([1.0, 1.1, 1.2], "opposite"),
    ],
)
def test_a_verdict_needs_every_seed_and_an_interval_off_zero(differences, said):
    assert verdict(np.array(differences)) == said


def test_a_statement_is_compared_within_each_seed():
    statement = Statement("", ("head_gap", "akl"), ("tail_gap", "akl"), share=True)
    rows = recorded()
    expected = []
    for seed in SEEDS:
        head, tail = (
            [float(rows[measure_name(gap, "akl", step, seed)]["value"]) for step in (40, 0)]
            for gap in ("head_gap", "tail_gap")
        )
        expected.append(head[0] / head[1] - tail[0] / tail[1])
    assert difference(FRAME, statement, 40) == pytest.approx(expected)


def test_sentences_follow_the_numbers():
    """Swapping the two losses of a statement turns "held" into "the opposite held" at the same steps."""
    (claim, _) = CLAIMS
    statement = claim.statements[0]
    turned = Statement(statement.text, statement.against, statement.value)
    for step in race_report.SHOWN:
        pair = {verdict(difference(FRAME, each, step)) for each in (statement, turned)}
        assert pair in ({"held", "opposite"}, {"in every seed", "opposite in every seed"}, {"seeds disagree"})
    assert len(sentences(FRAME, claim)) == len(claim.statements)


def test_an_end_near_the_teacher_is_told_as_such():
    near = FRAME.assign(value=FRAME["value"].where(FRAME["step"] < STEPS, FRAME["value"] * 0.01))
    assert "neither support nor contradict" in race_report.optimum(FRAME)
    assert "Both came near" in race_report.optimum(near)
    assert (near[near["quantity"] == BOTH]["value"] > 0).all()


@pytest.mark.slow
def test_the_first_steps_are_raced_as_recorded():
    """Step 1 and 2 of another machine differ by its rounding only; later ones by what that grows to."""
    from dataclasses import replace

    losses = ("forward_kl", "reverse_kl")
    rows = recorded()
    for row in race_evidence.race(replace(RECIPE, losses=losses, steps=2)):
        assert row.value == pytest.approx(float(rows[row.measure]["value"]), rel=5e-4), row.measure
