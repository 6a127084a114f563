"""The index, the files it names, the size of data/, and the tables of its README."""

import json
from pathlib import Path

import pandas as pd
import pytest
import report
import verify

DATA = Path(__file__).resolve().parents[2] / "data"
INDEX = json.loads((DATA / "checkpoints/index.json").read_text(encoding="utf-8"))
LOSSES = ("forward_kl", "reverse_kl", "mixed_kl", "akl")
STEPS = (20, 80, 400)
MOST_BYTES = 40_000_000
IDENTITY_TOLERANCE = 1e-5
"""head + tail = 2 TVD <= 2 and 0 <= weights, agreement <= 1 hold up to float32 sums over 4,096 tokens."""


def test_the_index_lists_teacher_start_and_every_loss_at_every_step():
    expected = ["teacher", "start", *(f"{loss}-{step}" for loss in LOSSES for step in STEPS)]
    assert [row["name"] for row in INDEX] == expected


@pytest.mark.parametrize("row", INDEX, ids=lambda row: row["name"])
def test_an_indexed_checkpoint_has_weights_config_and_tokenizer(row):
    folder = DATA / "checkpoints" / row["name"]
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= {path.name for path in folder.iterdir()}
    assert (folder / "tokenizer.json").read_bytes() == (DATA / "tokenizer/tokenizer.json").read_bytes()


def test_no_checkpoint_lies_beside_the_index_unlisted():
    folders = {path.name for path in (DATA / "checkpoints").iterdir() if path.is_dir()}
    assert folders == {row["name"] for row in INDEX}


def test_roles_losses_and_steps_agree_with_the_names():
    for row in INDEX:
        assert row["role"] == ("teacher" if row["name"] == "teacher" else "student")
        if row["loss"]:
            assert row["name"] == f"{row['loss']}-{row['step']}"


def test_every_student_is_better_than_the_start_after_400_steps_and_worse_than_the_teacher():
    perplexity = {row["name"]: row["perplexity"] for row in INDEX}
    for loss in LOSSES:
        assert perplexity["teacher"] < perplexity[f"{loss}-400"] < perplexity["start"]


def test_the_data_folder_is_below_its_size_limit():
    assert verify.MOST_BYTES == MOST_BYTES
    assert 0 < verify.bundled_bytes() < MOST_BYTES


def test_the_curves_have_one_row_per_seed_loss_and_step():
    curves = pd.read_parquet(DATA / "curves/students.parquet")
    keys = curves[["seed", "loss", "step"]]
    assert not keys.duplicated().any()
    assert len(curves) == len(LOSSES) * keys["seed"].nunique() * keys["step"].nunique()
    assert set(curves["loss"]) == set(LOSSES)
    assert sorted(curves["seed"].unique()) == [0, 1, 2]
    assert sorted(curves["step"].unique()) == [0, 1, 2, 5, 10, 20, 40, 80, 160, 400]


def test_all_losses_of_a_seed_begin_at_the_same_point():
    start = pd.read_parquet(DATA / "curves/students.parquet").query("step == 0")
    metrics = start.drop(columns=["loss", "train_loss", "cpu_seconds"]).groupby("seed").nunique()
    assert (metrics == 1).all(axis=None)


def test_the_curves_lie_within_the_bounds_of_their_metrics():
    curves = pd.read_parquet(DATA / "curves/students.parquet")
    assert (curves["head_gap"] + curves["tail_gap"] <= 2 + IDENTITY_TOLERANCE).all()
    assert curves[["weight_forward", "top1_agreement"]].stack().between(0, 1).all()
    assert (curves[["forward_kl", "reverse_kl", "entropy"]] > 0).all(axis=None)
    assert (curves["perplexity"] > json.loads((DATA / "curves/probe.json").read_text())["perplexity"]).all()


def test_the_tables_of_the_readme_are_what_the_curves_give():
    text = (DATA / "README.md").read_text(encoding="utf-8")
    assert report.filled(text) == text


def by_loss(metric: str) -> pd.DataFrame:
    curves = pd.read_parquet(DATA / "curves/students.parquet")
    return curves.pivot(index=["step", "seed"], columns="loss", values=metric)


def test_what_the_readme_says_in_words_about_the_ordering_is_what_was_measured():
    head, tail, perplexity = by_loss("head_gap"), by_loss("tail_gap"), by_loss("perplexity")
    ordered = (head["forward_kl"] < head["reverse_kl"]) & (tail["reverse_kl"] < tail["forward_kl"])
    assert ordered.loc[5:].all()
    assert not ordered.loc[1:2].all()
    for values in (head["reverse_kl"], perplexity["reverse_kl"]):
        means = values.groupby("step").mean()
        assert (means.loc[1:80] > means.loc[0]).all()
    for mixture in ("mixed_kl", "akl"):
        assert (head.loc[400, mixture] < head.loc[400, "reverse_kl"]).all()
        assert (tail.loc[400, mixture] < tail.loc[400, "reverse_kl"]).all()


def test_what_the_readme_says_in_words_about_akl_and_the_mix_is_what_was_measured():
    def ahead(metric: str) -> pd.Series:
        return (by_loss(metric)["mixed_kl"] - by_loss(metric)["akl"]).loc[1:]

    assert (ahead("head_gap") < 0).all()
    assert (ahead("forward_kl") < 0).all()
    assert (ahead("tail_gap").groupby("step").mean() > 0).all()
    assert (ahead("reverse_kl").groupby("step").mean().loc[5:] > 0).all()
    majority = ((ahead("head_gap") + ahead("tail_gap")) > 0).groupby("step").sum() >= 2
    assert majority[majority].index.tolist() == [2]
    assert by_loss("weight_forward")["akl"].groupby("step").mean().between(0.30, 0.35).all()


@pytest.mark.slow
def test_every_bundled_checkpoint_has_the_perplexity_of_the_index_and_finite_weights():
    assert verify.problems() == []
