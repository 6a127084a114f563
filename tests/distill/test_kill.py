"""kill -9 at any moment: every folder left behind opens, and the resumed run ends as if nothing had happened."""

import os
import random
import signal
import time

import pytest
import torch

from akl_viz.distill import open_run
from akl_viz.errors import InvalidInput
from tests.distill.conftest import digests, no_file_of_main, numbers, run, toy

CONFIG = toy(steps=20, checkpoint_every=4, losses=("reverse_kl", "akl"), keep=2)
KILLS = int(os.environ.get("AKL_VIZ_KILLS", "20"))
"""At random moments, in all."""


def work(folder, resume):
    """The child's part: run to the end. One thread, as in the run it is compared with."""
    torch.set_num_threads(1)
    run(None if resume else CONFIG, folder, resume=resume)


@pytest.fixture(scope="module")
def whole(nursery, tmp_path_factory):
    """An undisturbed run, and how long a child takes for one."""
    reference = tmp_path_factory.mktemp("whole") / "run"
    run(CONFIG, reference)
    folder = tmp_path_factory.mktemp("timed") / "run"
    before = time.monotonic()
    with no_file_of_main():
        assert not killed_after(nursery, folder, None)
    duration = time.monotonic() - before
    assert_same(folder, reference)
    return reference, duration


def started(folder) -> bool:
    return (folder / "run.json").exists()


def killed_after(children, folder, seconds) -> bool:
    """Run or resume in a child, kill it after some time; return whether it was still at work."""
    child = children.Process(target=work, args=(folder, started(folder)))
    child.start()
    child.join(seconds)
    alive = child.is_alive()
    child.kill()
    child.join()
    return alive


@pytest.mark.slow
def test_a_killed_run_is_resumed_to_the_same_end(children, whole, tmp_path):
    reference, duration = whole
    draws = random.Random(0)
    made, folder, ended = 0, tmp_path / "0", 0
    while made < KILLS:
        # From before the first write to after the last.
        at_work = killed_after(children, folder, draws.uniform(0.05, 1.0) * duration)
        made += at_work
        # The machine may be busier, or less busy, than when a whole run was timed.
        duration *= 0.8 if not at_work else 1.0 if started(folder) else 1.2
        if started(folder):
            found = open_run(folder)
            # A child whose last write was made is still alive for a moment.
            assert found.status in ({"interrupted", "finished"} if at_work else {"finished"})
            for loss in CONFIG.losses:
                assert found.done[loss] <= CONFIG.steps
        else:
            with pytest.raises(InvalidInput, match="no run folder"):
                open_run(folder)
        if not at_work:
            ended += 1
            assert_same(folder, reference)
            folder = tmp_path / str(ended)
    work(folder, started(folder))
    assert_same(folder, reference)


def assert_same(folder, reference):
    assert open_run(folder).status == "finished"
    assert numbers(folder).equals(numbers(reference))
    assert digests(folder) == digests(reference)


def work_until(folder, resume, write):
    """The child's part: die at the n-th write to the disk, before it is safe there."""
    from akl_viz.distill import atomic

    sync, left = atomic._sync, [write]

    def dying(path):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        sync(path)

    atomic._sync = dying
    work(folder, resume)


@pytest.mark.slow
@pytest.mark.parametrize("write", [0, 2, 5, 11, 19, 32, 47])
def test_a_run_killed_within_a_write_is_resumed_to_the_same_end(children, whole, tmp_path, write):
    """Killed at that write, and again at that write of what is left, until a child comes through."""
    folder = tmp_path / "run"
    for _ in range(40):
        child = children.Process(target=work_until, args=(folder, started(folder), write * 3 + 1))
        child.start()
        child.join(120)
        if child.exitcode == 0:
            break
        assert child.exitcode == -signal.SIGKILL
        if started(folder):
            open_run(folder)
        write += 7
    assert_same(folder, whole[0])
