"""A student too small for its teacher: over-smoothing and over-sharpening come back."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from akl_viz.errors import Cancelled, InvalidInput
from akl_viz.toys import LOWRANK_FIELDS, LowRankConfig, LowRankResult, lowrank_config, run_lowrank, stored_lowrank
from tests.tolerances import ORACLE

RANKS = (2, 4, 8)
LOCAL_MINIMA = 0.15
"""At rank 8, learning rates from 0.02 to 0.2 end between 0.197 and 0.218: reverse KL has many local minima here."""
STORED_TOLERANCE = 0.02
"""Orientation values of PAPER 4.4 are from L-BFGS at its cap; ours from Adam: a few per mille apart for forward KL."""


@pytest.fixture(scope="module")
def stored() -> LowRankResult:
    return stored_lowrank()


def test_the_stored_result_has_at_least_ten_seeds_at_the_papers_ranks(stored):
    assert stored.config.seeds >= 10
    assert set(RANKS) <= set(stored.config.ranks)
    assert all(np.isfinite(values).all() for values in stored.values.values())


def test_seed_0_has_the_published_teacher(stored, golden):
    for field, value in golden["lowrank_teacher"].items():
        assert stored.teacher[field][0] == pytest.approx(value, abs=5.1e-3 if field == "entropy" else 5.1e-4)


def test_forward_kl_of_seed_0_comes_near_the_published_single_run(stored, golden):
    for row in golden["lowrank"]:
        for field in {"forward_kl", "tvd", "entropy"} & set(row):
            found = stored.value(field, row["loss"], row["rank"])[0]
            assert found == pytest.approx(row[field], rel=STORED_TOLERANCE), (row["rank"], row["loss"], field)


def test_reverse_kl_of_seed_0_ends_in_the_range_of_its_local_minima(stored, golden):
    for row in golden["lowrank"]:
        if row["loss"] == "reverse_kl":
            found = stored.value("reverse_kl", "reverse_kl", row["rank"])[0]
            assert found == pytest.approx(row["reverse_kl"], rel=LOCAL_MINIMA), row["rank"]


@pytest.mark.parametrize("rank", RANKS)
def test_forward_kl_is_above_the_teachers_entropy_reverse_kl_below_and_akl_between(stored, rank):
    over, under, between = (one for one in stored.findings() if one.rank == rank)
    for finding in (over, under, between):
        assert finding.n >= 10
        assert finding.low > 0.5, finding.sentence
    for loss, sign in (("forward_kl", 1.0), ("reverse_kl", -1.0)):
        difference = sign * (stored.value("entropy", loss, rank) - stored.teacher["entropy"])
        assert difference.mean() - 2.262 * difference.std(ddof=1) / math.sqrt(len(difference)) > 0.0


@pytest.mark.slow
def test_the_stored_result_can_be_made_again(stored):
    config = replace(stored.config, seeds=1, ranks=(2,), losses=("forward_kl", "reverse_kl"))
    fresh = run_lowrank(config)
    for loss in config.losses:
        assert fresh.value("entropy", loss, 2)[0] == pytest.approx(stored.value("entropy", loss, 2)[0], rel=1e-3)
        assert fresh.value("tvd", loss, 2)[0] == pytest.approx(stored.value("tvd", loss, 2)[0], rel=1e-3)


SMALL = LowRankConfig(
    losses=("forward_kl", "reverse_kl"), ranks=(1, 3), seeds=2, steps=40, contexts=8, tokens=12, teacher_rank=4
)


def test_seeds_together_are_the_seeds_alone():
    together = run_lowrank(SMALL)
    alone = run_lowrank(replace(SMALL, first_seed=1, seeds=1))
    for name in LOWRANK_FIELDS:
        np.testing.assert_allclose(together.values[name][..., 1:], alone.values[name], rtol=1e-8)


def test_a_student_of_the_teachers_rank_and_bias_reaches_it():
    config = replace(SMALL, losses=("forward_kl",), ranks=(4,), steps=4000)
    found = run_lowrank(config)
    assert found.value("loss_value", "forward_kl", 4).max() < 1e-3
    assert found.value("entropy", "forward_kl", 4) == pytest.approx(found.teacher["entropy"], rel=1e-2)


def test_more_rank_is_closer():
    found = run_lowrank(replace(SMALL, losses=("forward_kl",), ranks=(1, 2, 4), steps=400))
    values = found.values["loss_value"][0].mean(-1)
    assert values[0] > values[1] > values[2]


def test_measured_fields_agree_with_each_other():
    found = run_lowrank(SMALL)
    for loss in SMALL.losses:
        for rank in SMALL.ranks:
            # One is the registry's value of the loss that was trained, the other the table's own.
            np.testing.assert_allclose(found.value("loss_value", loss, rank), found.value(loss, loss, rank), **ORACLE)
            tv = found.value("tvd", loss, rank)
            assert ((tv > 0.0) & (tv < 1.0)).all()
            # Pinsker's inequality holds for every context, hence for root mean squares.
            assert (2.0 * tv**2 <= found.value("forward_kl", loss, rank)).all()


def test_a_result_survives_its_document():
    found = run_lowrank(SMALL)
    again = LowRankResult.from_json(json.loads(json.dumps(found.to_json())))
    assert again.config == found.config
    for name in LOWRANK_FIELDS:
        np.testing.assert_array_equal(again.values[name], found.values[name])


def test_the_summary_is_mean_and_students_interval():
    found = run_lowrank(SMALL)
    row = found.summary().query("loss == 'reverse_kl' and rank == 3 and field == 'tvd'").iloc[0]
    values = found.value("tvd", "reverse_kl", 3)
    half = 12.7062 * values.std(ddof=1) / math.sqrt(2)
    assert (row["mean"], row["low"], row["high"]) == pytest.approx(
        (values.mean(), values.mean() - half, values.mean() + half), rel=1e-4
    )
    one = run_lowrank(replace(SMALL, seeds=1, steps=2)).summary()
    assert one["low"].isna().all()


def test_a_damaged_store_is_one_sentence(tmp_path):
    for text in ("{", "{}", '{"schema": 99}', '{"schema": 1}', "[]"):
        (tmp_path / "lowrank.json").write_text(text, encoding="utf-8")
        with pytest.raises(InvalidInput, match=r"make it (with|again)"):
            stored_lowrank(tmp_path / "lowrank.json")
    with pytest.raises(InvalidInput, match="missing or damaged"):
        stored_lowrank(tmp_path / "absent.json")


@pytest.mark.parametrize(
    "wrong",
    [
        {"preset": "nonsense"},
        {"losses": ()},
        {"ranks": ()},
        {"ranks": (0,)},
        {"ranks": (2, 2)},
        {"ranks": (65,)},
        {"seeds": 0},
        {"steps": 0},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"losses": ("akl:",)},
        {"steps": 20_000, "seeds": 200},
    ],
)
def test_a_run_that_cannot_be_made_is_refused(wrong):
    with pytest.raises(InvalidInput):
        lowrank_config(**wrong)


def test_it_can_be_cancelled_and_tells_its_progress():
    told = []
    run_lowrank(replace(SMALL, steps=3), progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    with pytest.raises(Cancelled):
        run_lowrank(SMALL, cancelled=lambda: True)
