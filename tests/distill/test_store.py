"""A run folder: whole at every moment, read without trust, written by one, deleted only where it is a run."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from akl_viz.distill import (
    HISTORY_COLUMNS,
    ProbeDetail,
    ProbeRow,
    RunStore,
    TeacherDetail,
    atomic,
    delete_run,
    distill,
    open_run,
    read_history,
    store,
)
from akl_viz.distill.config import DistillConfig
from akl_viz.distill.lock import is_held
from akl_viz.errors import InvalidInput
from tests.distill.conftest import digests, numbers, run, toy

ROW = ProbeRow(1.5, 2.5, 0.4, 0.9, 0.3, 0.25, 300.0, 5.0)
DETAIL = ProbeDetail(np.arange(40), np.zeros((2, 6), dtype=np.float32), ("né <b>", ""))
TEACHER = TeacherDetail(
    np.ones((2, 6), dtype=np.float32), np.array([1, 2]), np.array([3, 4]), ("a", "b"), ("c", "d"), (), (), {"x": 1.0}
)


def test_the_folder_is_readable_without_our_code(finished):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    history = pd.read_parquet(finished / "history.parquet")
    assert tuple(history.columns) == HISTORY_COLUMNS
    assert list(history["step"].unique()) == [0, 1, 2, 5, 8]
    folder = finished / "checkpoints" / "akl" / "step-000008"
    assert AutoModelForCausalLM.from_pretrained(folder).config.vocab_size == 64
    assert AutoTokenizer.from_pretrained(folder).decode([3, 4]) == "w3 w4"
    meta = json.loads((finished / "run.json").read_text())
    assert meta["schema"] == 1
    assert meta["config"]["seed"] == 0
    assert {"torch", "transformers", "akl_viz"} <= set(meta["versions"])
    assert meta["teacher"]["reference"] == "toy:teacher"
    with np.load(finished / "probes" / "akl" / "step-000008.npz") as stored:
        np.testing.assert_allclose(np.exp(stored["watched"]).sum(-1), 1.0, rtol=1e-5)


def test_what_was_opened_says_what_was_run(finished):
    found = open_run(finished)
    assert found.config == toy()
    assert (found.status, found.message, found.steps) == ("finished", "", 8)
    assert found.done == {"forward_kl": 8, "akl": 8}
    assert not found.resumable
    assert list(found.checkpoints("akl")) == [3, 6, 8]
    assert Path(found.teacher_reference).name == "teacher"


def test_only_the_newest_checkpoint_can_be_resumed_from(finished):
    kept = sorted(path.parent.name for path in (finished / "checkpoints" / "akl").rglob("optimizer.safetensors"))
    assert kept == ["step-000008"]


def test_a_program_that_ends_still_keeps_its_last_checkpoint(tmp_path, monkeypatch):
    """As when a server is stopped: Python starts no thread any more while the run takes its last steps."""

    def ending(self, *work):
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    monkeypatch.setattr(store.ThreadPoolExecutor, "submit", ending)
    run(toy(steps=2, losses=("akl",)), tmp_path / "run")
    found = open_run(tmp_path / "run")
    assert (found.status, set(found.checkpoints("akl"))) == ("finished", {2})


def test_keep_leaves_the_newest_checkpoints(tmp_path):
    run(toy(keep=1, losses=("akl",)), tmp_path / "run")
    assert list(open_run(tmp_path / "run").checkpoints("akl")) == [8]


def test_a_resumed_run_may_be_made_longer_and_equals_a_long_one(copied, tmp_path):
    run(toy(steps=14), copied, resume=True)
    run(toy(steps=14), tmp_path / "whole")
    found = numbers(copied)
    # The short run measured its last step, which is no probed step of the long one.
    assert found[found["step"] != 8].reset_index(drop=True).equals(numbers(tmp_path / "whole"))
    ends = [digests(folder)["checkpoints/akl/step-000014/model.safetensors"] for folder in (copied, tmp_path / "whole")]
    assert ends[0] == ends[1]


@pytest.mark.parametrize("setting", [{"seed": 1}, {"kd_ratio": 0.5}, {"window": 20}])
def test_a_resumed_run_keeps_its_settings(copied, setting):
    with pytest.raises(InvalidInput, match="was started with other settings"):
        distill(toy(**setting), copied, resume=True)


def test_a_run_is_not_cut_below_what_it_has_done(copied):
    with pytest.raises(InvalidInput, match="has made 8 steps already, so it cannot end after 5: ask for 8 or more"):
        distill(toy(steps=5), copied, resume=True)
    run(toy(steps=8), copied, resume=True)
    assert open_run(copied).status == "finished"


def test_a_changed_teacher_is_noticed(copied):
    meta = json.loads((copied / "run.json").read_text())
    meta["teacher"]["revision"] = "0123456789ab"
    (copied / "run.json").write_text(json.dumps(meta))
    with pytest.raises(InvalidInput, match="The teacher is not the one"):
        run(toy(steps=9), copied, resume=True)


def test_a_folder_that_holds_something_is_not_written(copied, tmp_path):
    with pytest.raises(InvalidInput, match="already holds a run: resume it"):
        run(toy(), copied)
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(InvalidInput, match="already holds other files"):
        run(toy(), other)
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]


def test_two_writers_do_not_share_a_run(tmp_path):
    store = RunStore.create(tmp_path / "run", losses=["mine"])
    with pytest.raises(InvalidInput, match="is being written by another process"):
        RunStore.reopen(tmp_path / "run")
    code = f"from akl_viz.distill import RunStore\nRunStore.reopen({str(tmp_path / 'run')!r})"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "is being written by another process" in told.stderr
    assert open_run(tmp_path / "run").status == "running"
    with pytest.raises(InvalidInput, match="still going"):
        delete_run(tmp_path, "run")
    store.close()
    assert open_run(tmp_path / "run").status == "interrupted"
    RunStore.reopen(tmp_path / "run").close()


@pytest.mark.parametrize("reopened", [False, True])
def test_a_folder_that_cannot_be_tidied_is_let_go(copied, tmp_path, monkeypatch, reopened):
    place = copied if reopened else tmp_path / "new"

    def refused(folder):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(store, "remove_partials", refused)
        with pytest.raises(InvalidInput, match="it may not be written to"):
            RunStore.reopen(place) if reopened else RunStore.create(place, losses=["mine"])
    assert not is_held(place)


def test_another_programs_training_is_recorded_and_read(tmp_path):
    store = RunStore.create(tmp_path / "theirs", losses=["my loss/é"])
    assert read_history(tmp_path / "theirs").empty
    store.teacher_detail(TEACHER)
    for step in (0, 10, 5, 10):
        store.row("my loss/é", step, ROW, seconds=1.0, tokens=step, train_loss=0.5)
        store.detail("my loss/é", step, DETAIL)
    store.finish("finished")
    store.close()
    found = open_run(tmp_path / "theirs")
    assert (found.config, found.losses, found.status, found.steps) == (None, ("my loss/é",), "finished", 10)
    assert list(found.history()["step"]) == [0, 5, 10]
    assert found.probes("my loss/é") == (0, 5, 10)
    assert found.detail("my loss/é", 5).samples == DETAIL.samples
    assert found.teacher_detail().contexts == TEACHER.contexts
    assert not found.resumable
    with pytest.raises(InvalidInput, match="trained by another program"):
        distill(None, tmp_path / "theirs", resume=True)


@pytest.mark.slow
def test_a_full_disk_at_any_moment_keeps_what_was_there(tmp_path, monkeypatch):
    """The k-th write to the disk fails, for every k: one sentence, the folder opens, and the run can be resumed."""
    config = toy(steps=4, losses=("akl",), checkpoint_every=2)
    sync, calls = atomic._sync, []
    monkeypatch.setattr(atomic, "_sync", lambda path: calls.append(path) or sync(path))
    run(config, tmp_path / "whole")
    total = len(calls)
    for failing in range(3, total, 7):
        folder, left = tmp_path / f"full-{failing}", [failing]

        def full(path, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            sync(path)

        with monkeypatch.context() as patch:
            patch.setattr(atomic, "_sync", full)
            with pytest.raises(InvalidInput, match="the disk is full: free some space; what was saved before is kept"):
                run(config, folder)
        if not (folder / "run.json").exists():
            run(config, folder)
            continue
        assert open_run(folder).status == "interrupted"
        run(None, folder, resume=True)
        assert numbers(folder).equals(numbers(tmp_path / "whole"))
        assert digests(folder) == digests(tmp_path / "whole")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
def test_a_read_only_folder_is_named(tmp_path, copied, monkeypatch):
    def refused(path):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    before = digests(copied)
    with monkeypatch.context() as patch:
        patch.setattr(atomic, "_sync", refused)
        with pytest.raises(InvalidInput, match="the disk is read-only: choose another folder"):
            run(toy(steps=9), copied, resume=True)
    assert digests(copied) == before
    assert len(open_run(copied).history()) == 10


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(InvalidInput, match="a file stands where a folder is needed"):
            run(toy(), place)


def test_a_configuration_survives_the_folder(finished):
    assert DistillConfig.from_json(json.loads((finished / "run.json").read_text())["config"]) == toy()
