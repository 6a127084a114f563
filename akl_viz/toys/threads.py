"""How many cores a toy takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_core() -> Iterator[None]:
    """Within the block, torch works on one core in this thread.

    A toy's tensors are small: on a busy machine, threads that wait for each other at every operation made a run eight
    times slower.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
