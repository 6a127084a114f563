"""One core for a toy: the number of threads afterwards is what it was, also where two blocks overlap."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from akl_viz.models.warm import import_libraries, take_all_cores
from akl_viz.toys.threads import one_core

OUTSIDE = 3
PATIENCE_S = 30


@pytest.fixture
def threads():
    """Torch with a number of threads that no block sets."""
    import_libraries()
    before = torch.get_num_threads()
    torch.set_num_threads(OUTSIDE)
    yield
    torch.set_num_threads(before)


def in_a_new_thread(work):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result(PATIENCE_S)


def test_two_blocks_that_overlap_leave_what_was_there_before(threads):
    entered, leave = threading.Event(), threading.Event()

    def other():
        with one_core():
            within = torch.get_num_threads()
            entered.set()
            assert leave.wait(PATIENCE_S)
        return within, torch.get_num_threads()

    with ThreadPoolExecutor(1) as pool:
        with one_core():
            running = pool.submit(other)
            assert entered.wait(PATIENCE_S)
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == OUTSIDE
        leave.set()
        assert running.result(PATIENCE_S) == (1, OUTSIDE)
    assert in_a_new_thread(torch.get_num_threads) == OUTSIDE


def test_a_worker_that_begins_within_a_block_takes_its_cores_itself(threads):
    chosen = in_a_new_thread(lambda: (take_all_cores(), torch.get_num_threads())[1])
    with one_core():
        assert in_a_new_thread(torch.get_num_threads) == 1
        assert in_a_new_thread(lambda: (take_all_cores(), torch.get_num_threads())[1]) == chosen
    assert chosen >= 1
