"""Folders are read without trust: opened, listed and deleted only where they are runs."""

import errno
import json
import os
import shutil
import threading

import numpy as np
import pytest

from akl_viz.distill import RunStore, atomic, delete_run, list_runs, open_run, runs
from akl_viz.distill.lock import RunLock, is_held
from akl_viz.distill.runs import read_npz
from akl_viz.errors import InvalidInput
from tests.distill.conftest import run, toy


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no run folder"),
        ("{", "not a readable JSON file"),
        ("[]", "does not describe a run of schema 1"),
        ('{"schema": 2}', "does not describe a run of schema 1"),
        ('{"schema": 1, "status": "dancing", "config": null}', "unknown status"),
        ('{"schema": 1, "status": "running", "config": {"colour": 1}}', "has no setting 'colour'"),
        ("[" * 100_000, "not a readable JSON file"),
        (" " * 2_000_001, "too large"),
    ],
)
def test_a_foreign_folder_is_refused_and_left_out_of_the_list(tmp_path, finished, content, said):
    shutil.copytree(finished, tmp_path / "good")
    (tmp_path / "bad").mkdir()
    if content is not None:
        (tmp_path / "bad" / "run.json").write_text(content)
    with pytest.raises(InvalidInput, match=said):
        open_run(tmp_path / "bad")
    assert [found.folder.name for found in list_runs(tmp_path)] == ["good"]


def test_a_file_is_not_taken_for_a_broken_run(tmp_path):
    file = tmp_path / "t.txt"
    file.write_text("It is a truth")
    with pytest.raises(InvalidInput) as caught:
        open_run(file)
    assert str(caught.value) == f"{file} is a file, not a run folder: give the folder of a run."
    with pytest.raises(InvalidInput, match="is no run folder"):
        open_run(file / "below")


def test_a_pipe_in_place_of_a_runs_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "run.json")
    with pytest.raises(InvalidInput, match="is no plain file"):
        open_run(tmp_path)


def test_a_run_that_may_not_be_read_is_not_called_foreign(tmp_path, monkeypatch):
    RunStore.create(tmp_path / "run", losses=["mine"]).close()

    def refused(path, **_):
        raise PermissionError(errno.EACCES, "Permission denied")

    for name in ("stat", "read_text"):
        with monkeypatch.context() as patched:
            patched.setattr(type(tmp_path), name, refused)
            with pytest.raises(InvalidInput, match=r"cannot be read \(Permission denied\)"):
                open_run(tmp_path / "run")


def test_a_broken_history_or_probe_is_named(copied):
    (copied / "history.parquet").write_bytes(b"PAR1")
    with pytest.raises(InvalidInput, match="is no history of a run"):
        open_run(copied)
    (copied / "history.parquet").unlink()
    assert open_run(copied).history().empty
    (copied / "probes" / "akl" / "step-000005.npz").write_bytes(b"PK")
    with pytest.raises(InvalidInput, match="cannot be read"):
        open_run(copied).detail("akl", 5)
    with pytest.raises(InvalidInput, match="was not measured"):
        open_run(copied).detail("akl", 4)


def test_a_history_is_read_whole_while_a_run_replaces_it(tmp_path, copied):
    """As a page that polls does: of 300 such readings about 100 failed when the file was opened by its path."""
    whole = open_run(copied).history()
    whole.head(1).to_parquet(tmp_path / "short")
    contents = [(tmp_path / "short").read_bytes(), (copied / runs.HISTORY_FILE).read_bytes()]
    stop = threading.Event()

    def replace():
        while not stop.is_set():
            for content in contents:
                atomic.write_bytes(copied / runs.HISTORY_FILE, content)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        lengths = {len(runs.read_history(copied)) for _ in range(200)}
    finally:
        stop.set()
        writer.join()
    assert lengths <= {1, len(whole)}


def test_a_pickle_in_a_probe_is_never_read(copied):
    np.savez(copied / "probes" / "akl" / "step-000005.npz", meta=np.array({"a": 1}, dtype=object))
    with pytest.raises(InvalidInput, match="cannot be read"):
        open_run(copied).detail("akl", 5)


def test_a_probe_that_unpacks_to_more_than_any_measurement_is_not_unpacked(copied, monkeypatch):
    path = copied / "probes" / "akl" / "step-000005.npz"
    arrays, meta = read_npz(path)
    np.savez_compressed(path, meta=np.array(json.dumps(meta)), more=np.zeros(2_000_000), **arrays)
    assert path.stat().st_size < 1_000_000
    assert open_run(copied).detail("akl", 5)
    monkeypatch.setattr(runs, "_LARGEST_UNPACKED", 1_000_000)
    with pytest.raises(InvalidInput, match="cannot be read"):
        open_run(copied).detail("akl", 5)


def test_a_damaged_optimiser_state_is_named(copied):
    (copied / "checkpoints" / "akl" / "step-000008" / "optimizer.safetensors").write_bytes(b"12")
    with pytest.raises(InvalidInput, match="is damaged, so the run cannot go on"):
        run(toy(steps=9), copied, resume=True)


def test_checkpoints_without_optimiser_state_are_not_thrown_away(copied):
    (copied / "checkpoints" / "akl" / "step-000008" / "optimizer.safetensors").unlink()
    with pytest.raises(InvalidInput, match=r"lack optimizer\.safetensors, so the run cannot go on"):
        run(toy(steps=9), copied, resume=True)
    assert list(open_run(copied).checkpoints("akl")) == [3, 6, 8]


def test_a_pruning_that_was_cut_short_is_finished(copied):
    """As after a kill between a checkpoint's last write and the removal of what it replaces."""
    folder = copied / "checkpoints" / "akl"
    shutil.copy(folder / "step-000008" / "optimizer.safetensors", folder / "step-000006")
    run(None, copied, resume=True)
    kept = sorted(path.parent.name for path in folder.rglob("optimizer.safetensors"))
    assert kept == ["step-000008"]


def test_a_half_written_first_file_is_no_reason_to_refuse_a_folder(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / f"{atomic.PARTIAL}run.json").write_text("{")
    run(toy(steps=1, losses=("akl",)), tmp_path / "run")
    assert not list((tmp_path / "run").glob(f"{atomic.PARTIAL}*"))


@pytest.mark.parametrize("name", ["", ".", "..", "../run", "run/probes", "nothing", "/", "link", ".hidden", "plain"])
def test_only_runs_directly_below_the_root_are_deleted(tmp_path, finished, name):
    root = tmp_path / "root"
    root.mkdir()
    shutil.copytree(finished, tmp_path / "run")
    shutil.copytree(finished, root / "run")
    shutil.copytree(finished, root / ".hidden")
    (root / "link").symlink_to(tmp_path / "run")
    (root / "plain").mkdir()
    (root / "plain" / "thesis.txt").write_text("mine")
    before = sorted(path for path in tmp_path.rglob("*"))
    with pytest.raises(InvalidInput):
        delete_run(root, name)
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_a_run_is_deleted(copied):
    delete_run(copied.parent, "run")
    assert list(copied.parent.iterdir()) == []


def test_the_list_is_newest_first(tmp_path):
    for name, created in (("b", "2026-01-02"), ("a", "2026-01-01"), ("c", "2026-01-03")):
        store = RunStore.create(tmp_path / name, losses=["x"])
        store.update(created=created)
        store.close()
    assert [found.name for found in list_runs(tmp_path)] == ["c", "b", "a"]
    assert list_runs(tmp_path / "nowhere") == []


def test_asking_whether_a_run_is_going_stands_in_nobodys_way(tmp_path):
    """Readers who poll hold the lock for a moment; neither they nor a writer take each other for a writer."""
    RunStore.create(tmp_path / "run", losses=["x"]).close()
    ended, seen = threading.Event(), set()

    def poll():
        while not ended.is_set():
            seen.add(open_run(tmp_path / "run").status)

    readers = [threading.Thread(target=poll) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(20):
            assert not is_held(tmp_path / "run")
        for _ in range(20):
            RunLock(tmp_path / "run").release()
    finally:
        ended.set()
        for reader in readers:
            reader.join()
    assert seen <= {"interrupted", "running"}
