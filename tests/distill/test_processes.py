"""Two processes that share one run: the numbers are those of one, and a stop never leaves one of them waiting."""

import dataclasses
import os
import socket

import pytest
import torch

from akl_viz.distill import Control, distill, open_run
from tests.distill.conftest import PROBE, run, toy

pytest.importorskip("accelerate", reason="accelerate is not installed")
pytestmark = pytest.mark.slow

PATIENCE_S = 120
NUMBERS = ["step", "tokens", "train_loss", "forward_kl", "reverse_kl", "head_gap", "tail_gap", "perplexity", "entropy"]


def work(rank, port, part, config, folder):
    """One of the two processes, in the environment accelerate's launcher gives it."""
    torch.set_num_threads(1)
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in place.items()})
    part(rank, config, folder)


def together(children, part, config, folder) -> list[int | None]:
    """Exit codes of the two; None for one that had to be killed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pair = [children.Process(target=work, args=(rank, port, part, config, folder)) for rank in (0, 1)]
    for child in pair:
        child.start()
    for child in pair:
        child.join(PATIENCE_S)
    codes = [child.exitcode for child in pair]
    for child in pair:
        child.kill()
        child.join()
    return codes


def to_the_end(rank, config, folder):
    run(config, folder)


def test_two_processes_sample_learn_and_measure_as_one(children, tmp_path):
    """Sequences sampled from the teacher, an odd number of held-out ones, and a divided batch."""
    config = toy(source="teacher", prompt_tokens=5, accumulate=2, steps=3, device="cpu")
    config = dataclasses.replace(config, probe=dataclasses.replace(PROBE, windows=3))
    assert together(children, to_the_end, config, tmp_path / "two") == [0, 0]
    run(config, tmp_path / "one")
    one, two = (open_run(tmp_path / name) for name in ("one", "two"))
    expected, found = (each.history()[NUMBERS] for each in (one, two))
    assert ((expected - found).abs().max() <= 1e-5 * expected.abs().max()).all()
    assert two.detail("akl", 0).weight_counts.tolist() == one.detail("akl", 0).weight_counts.tolist()
    assert two.detail("akl", 3).watched.shape == one.detail("akl", 3).watched.shape
    assert two.detail("akl", 3).samples


def stopped_midway(rank, config, folder):
    """The main process is told to stop while it measures, the other one while it samples."""
    from akl_viz.distill.probes import Probe
    from akl_viz.distill.sampling import Sampler

    control, measure, continued = Control(), Probe.measure, Sampler.continued
    calls = []

    def measuring(self, student, **options):
        calls.append(1)
        if rank == 0 and len(calls) == 4:
            control.stop()
        return measure(self, student, **options)

    def sampling(self, *words):
        if rank == 1:
            control.stop()
        return continued(self, *words)

    Probe.measure, Sampler.continued = measuring, sampling
    for _ in distill(config, folder, control=control):
        pass


def test_a_stop_while_measuring_is_heard_by_all(children, tmp_path):
    config = toy(source="student", prompt_tokens=5, steps=500, device="cpu")
    folder = tmp_path / "run"
    assert together(children, stopped_midway, config, folder) == [0, 0]
    found = open_run(folder)
    assert found.status == "stopped"
    assert found.resumable
    # The fourth measurement is that of the second loss at step 1 or 2: the start is measured once.
    assert set(found.done.values()) == {2}
    assert list(found.checkpoints("akl")) == [2]
    run(dataclasses.replace(config, steps=3), folder, resume=True)
    assert open_run(folder).status == "finished"


def stopped_before(rank, config, folder):
    """The main process is told to stop while it prepares."""
    from akl_viz.errors import Cancelled

    control = Control()
    if rank == 0:
        control.stop()
    with pytest.raises(Cancelled):
        list(distill(config, folder, control=control))


def test_a_stop_while_preparing_is_heard_by_all(children, tmp_path):
    assert together(children, stopped_before, toy(device="cpu"), tmp_path / "run") == [0, 0]
    assert open_run(tmp_path / "run").status == "stopped"


def one_fails(rank, config, folder):
    """The main process cannot write any more; the other one hears of it in a sentence."""
    from akl_viz.distill.store import RunStore
    from akl_viz.errors import AklVizError, InvalidInput

    def full(self, *words, **options):
        raise InvalidInput("the disk is full")

    RunStore.row = full
    said = "the disk is full" if rank == 0 else "Another process of this run has ended"
    with pytest.raises(AklVizError, match=said):
        list(distill(config, folder))
    # As at the end of the command: the connection to the others is gone.
    os._exit(0)


def test_a_process_whose_companion_has_ended_says_so(children, tmp_path):
    assert together(children, one_fails, toy(device="cpu"), tmp_path / "run") == [0, 0]
