"""A disk that is really full, and one that is really read-only: a file system of a few hundred kilobytes."""

import ctypes
import dataclasses
import os
import sys
from pathlib import Path

import pytest
import torch

from akl_viz.distill import open_run
from akl_viz.errors import InvalidInput
from tests.distill.conftest import digests, numbers, run, toy

CONFIG = toy(steps=4, losses=("forward_kl", "akl"), checkpoint_every=2)
NEW_MOUNTS, NEW_USERS = 0x20000, 0x10000000
PRIVATE, REMOUNT, READ_ONLY = 0x44000, 0x20, 0x1
UNABLE = 77
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="mounts a file system of its own")]


def mount(kind: str, place: str, flags: int = 0, options: str = "") -> None:
    call = ctypes.CDLL(None, use_errno=True).mount
    if call(kind.encode(), place.encode(), kind.encode(), flags, options.encode() or None):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def own_mounts() -> None:
    """What this process mounts is seen by itself alone; a user who is not root becomes root of himself first."""
    user = os.geteuid()
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_MOUNTS | (NEW_USERS if user else 0)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if user:
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    mount("none", "/", PRIVATE)


def work(kilobytes, place, reference):
    """The child's part: it sees a small disk of its own at the place, fills it, gets a larger one, and goes on."""
    torch.set_num_threads(1)
    try:
        own_mounts()
        mount("tmpfs", str(place), options=f"size={kilobytes}k")
    except OSError:
        sys.exit(UNABLE)
    folder = place / "run"
    with pytest.raises(InvalidInput, match="the disk is full: free some space; what was saved before is kept"):
        run(CONFIG, folder)
    begun = (folder / "run.json").exists()
    if begun:
        open_run(folder).history()
    mount("tmpfs", str(place), REMOUNT, "size=100m")
    run(None if begun else CONFIG, folder, resume=begun)
    assert numbers(folder).equals(numbers(reference))
    assert digests(folder) == digests(reference)

    mount("tmpfs", str(place), REMOUNT | READ_ONLY)
    longer = dataclasses.replace(CONFIG, steps=9)
    for config, where, resumed in ((longer, folder, True), (CONFIG, place / "b", False)):
        with pytest.raises(InvalidInput, match="the disk is read-only: choose another folder"):
            run(config, where, resume=resumed)
    assert open_run(folder).status == "finished"
    assert digests(folder) == digests(reference)


def test_a_full_and_a_read_only_disk_are_named_and_cost_nothing(children, tmp_path):
    """Too small for the first write, for the teacher, for the first checkpoint, for the second."""
    run(CONFIG, tmp_path / "whole")
    for kilobytes in (4, 32, 150, 330):
        place = tmp_path / str(kilobytes)
        place.mkdir()
        child = children.Process(target=work, args=(kilobytes, place, tmp_path / "whole"))
        child.start()
        child.join()
        if child.exitcode == UNABLE:
            pytest.skip("this system lets nobody mount a file system of his own")
        assert child.exitcode == 0, kilobytes
