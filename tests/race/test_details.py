"""Stored measurements: read once per file, and of any shape without breaking the page."""

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from akl_viz.distill import open_run, runs
from akl_viz.ui.race import details, moment
from akl_viz.ui.race.live import STORED

LOSS, STEP = "akl", 5


@pytest.fixture
def run(tmp_path):
    """A copy of the stored run that may be spoilt."""
    for cached in (details._teacher, details._read_once, moment.moment_payload):
        cached.clear()
    return open_run(shutil.copytree(STORED, tmp_path / "runs" / "one"))


def _page():
    import streamlit as st

    from akl_viz.distill import open_run
    from akl_viz.ui.race.moment import moment

    st.session_state["drawn"] = moment(open_run(st.session_state["folder"]), key="m")


def shown(run):
    page = AppTest.from_function(_page, default_timeout=60)
    page.session_state["folder"] = str(run.folder)
    page.run()
    assert not page.exception
    return page


def probe_file(run):
    return run.folder / "probes" / LOSS / f"step-{STEP:06d}.npz"


def spoil(path, **changes):
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files} | changes
    np.savez(path, **arrays)


def test_a_sound_run_is_drawn_without_a_word(run):
    page = shown(run)
    assert [box.value for box in page.warning] == []
    assert page.session_state["drawn"]


@pytest.mark.parametrize(
    "changes",
    [
        {"watched": np.zeros((2, 64), np.float32)},
        {"watched": np.zeros(7, np.float32)},
        {"watched": np.float32(0)},
        {"watched": np.full((8, 4096), np.nan, np.float32)},
        {"watched": np.full((8, 4096), 3.0, np.float32)},
        {"watched": np.full((8, 4096), "x")},
        {"watched": np.zeros((8, 4096), np.complex64)},
        {"weight_counts": np.zeros((4, 4), np.int64)},
        {"weight_counts": np.zeros(0, np.int64)},
        {"weight_counts": np.full(40, -1)},
        {"weight_counts": np.full(40, np.nan)},
        {"weight_counts": np.full(40, "x")},
        {"meta": np.array(json.dumps([1, 2]))},
        {"meta": np.array("{")},
    ],
)
def test_a_measurement_of_another_shape_gives_a_sentence(run, changes):
    spoil(probe_file(run), **changes)
    (said,) = shown(run).warning
    assert "cannot be shown" in said.value


@pytest.mark.parametrize(
    "changes",
    [
        {"watched": np.zeros((8, 0), np.float32)},
        {"watched": np.zeros((3, 4096), np.float32)},
        {"positions": np.zeros(3, np.int64)},
        {"positions": np.full(8, 0.5)},
        {"observed": np.full(8, 4096)},
        {"observed": np.full(8, -1)},
        {"observed": np.full((8, 2), 1)},
        {"meta": np.array(json.dumps({"contexts": []}))},
    ],
)
def test_a_teacher_of_another_shape_gives_a_sentence(run, changes):
    spoil(run.folder / "probes" / "teacher.npz", **changes)
    (said,) = shown(run).warning
    assert "cannot be shown" in said.value


def test_a_file_that_is_no_archive_gives_a_sentence(run):
    probe_file(run).write_bytes(b"not an archive")
    (said,) = shown(run).warning
    assert "cannot be read" in said.value


def test_each_file_is_read_once_and_again_when_it_changes(run, monkeypatch):
    read = []
    original = runs.read_npz
    monkeypatch.setattr(runs, "read_npz", lambda path: read.append(path.name) or original(path))
    steps, measured = details.shown_steps(run)
    first = details.read_moments(run, steps, measured)
    assert len(read) == 1 + len(steps) * len(run.losses)
    read.clear()
    assert details.read_moments(run, steps, measured).details[LOSS] == first.details[LOSS]
    assert read == []
    os.utime(probe_file(run), ns=(1, 1))
    details.read_moments(run, steps, measured)
    assert read == [probe_file(run).name]


def test_of_very_many_steps_some_are_shown_with_the_first_and_the_last(run):
    for loss in run.losses:
        folder = run.folder / "probes" / loss
        for step in range(1_000, 1_200):
            os.link(folder / f"step-{STEP:06d}.npz", folder / f"step-{step:06d}.npz")
    steps, measured = details.shown_steps(run)
    assert measured == 200 + len(open_run(STORED).probes(LOSS))
    assert (len(steps), steps[0], steps[-1]) == (details.MOST_STEPS, 0, 1_199)
    assert list(steps) == sorted(set(steps))


def test_a_history_of_words_is_no_run(run):
    path = run.folder / "history.parquet"
    pd.read_parquet(path).astype({"head_gap": str}).assign(head_gap="x").to_parquet(path)
    with pytest.raises(runs.InvalidInput, match="no history"):
        open_run(run.folder)
