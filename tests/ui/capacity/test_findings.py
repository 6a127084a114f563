"""What the page says follows from the numbers, and can say the opposite."""

from dataclasses import replace

import numpy as np
import pytest

from akl_viz.toys import LowRankConfig, LowRankResult
from akl_viz.toys.lowrank_results import LOWRANK_FIELDS, TEACHER_FIELDS
from akl_viz.ui.capacity import findings

SEEDS = 4


def made(offsets):
    """A result whose students' entropies lie at these offsets (losses, ranks, seeds) from a teacher that varies."""
    offsets = np.asarray(offsets, dtype=float)
    config = LowRankConfig(losses=("forward_kl", "reverse_kl"), ranks=(2, 8), seeds=offsets.shape[-1])
    teacher = {name: np.linspace(1.0, 9.0, offsets.shape[-1]) for name in TEACHER_FIELDS}
    values = {name: np.zeros(offsets.shape) for name in LOWRANK_FIELDS} | {"entropy": offsets + teacher["entropy"]}
    return LowRankResult(config, values, teacher)


def verdicts(offsets):
    return [row.verdict for row in findings.told(made(offsets))]


def test_the_difference_is_taken_seed_by_seed_so_a_teacher_that_varies_hides_nothing():
    close = [0.3, 0.31, 0.29, 0.3]
    found = verdicts([[close, np.negative(close)], [np.zeros(SEEDS), [1.0, -1.0, 1.0, -1.2]]])
    assert found == ["smoother", "sharper", "equal", "undecided"]


def test_a_mean_near_zero_of_seeds_that_differ_is_not_equality():
    result = made([[[0.027, -0.027] * 2, np.full(SEEDS, 1e-4)], [[0.3] * SEEDS] * 2])
    wide, equal, *_ = findings.told(result)
    assert (wide.verdict, equal.verdict) == ("undecided", "equal")
    assert "95 % interval" in wide.amount
    assert findings.headline(result)[0] == (
        "Trained by forward_kl, the student is within 0.001 nats of its teacher's entropy at rank 8; neither more "
        "spread out nor sharper with confidence at rank 2."
    )


def test_counts_and_interval_of_one_loss_at_one_rank():
    row = findings.told(made([[[0.1, 0.2, 0.3, -0.4]] * 2] * 2))[0]
    assert (row.above, row.below, row.n) == (3, 1, 4)
    assert row.mean == pytest.approx(0.05)
    # Student's t at 0.975 with 3 degrees of freedom is 3.182446; the sample's standard deviation 0.310913.
    assert row.high - row.mean == pytest.approx(3.182446 * 0.310913 / 2, rel=1e-5)


def test_one_seed_has_no_interval_and_its_headline_says_so():
    result = made([[[0.5], [-0.5]]] * 2)
    (row, *_) = findings.told(result)
    assert row.verdict == "above"
    assert "no interval" in row.amount
    assert findings.headline(result)[0] == (
        "Trained by forward_kl, the student is more spread out than its teacher in this one seed at rank 2; "
        "sharper than its teacher in this one seed at rank 8."
    )
    assert "95 % from" not in findings.table(result).columns


def test_the_headline_names_the_ranks_of_each_loss():
    up, down = [0.3, 0.31, 0.29, 0.3], [-0.3, -0.31, -0.29, -0.3]
    first, second = findings.headline(made([[up, up], [down, np.zeros(SEEDS)]]))
    assert first == "Trained by forward_kl, the student is more spread out than its teacher at ranks 2 and 8."
    assert "sharper than its teacher at rank 2; within 0.001 nats of its teacher's entropy at rank 8" in second


def test_what_is_drawn_holds_the_gap_for_every_loss_rank_and_seed():
    result = made(np.full((2, 2, SEEDS), 0.25))
    summary, seeds = findings.drawn(result)
    assert seeds["gap"].to_numpy() == pytest.approx(0.25)
    gap = summary[summary["field"] == "gap"]
    assert gap["mean"].to_numpy() == pytest.approx(0.25)
    assert len(gap) == 4
    assert replace(result).values["entropy"][0, 0, 0] == pytest.approx(1.25)
