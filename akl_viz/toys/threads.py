"""How many cores a toy takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_LOCK = threading.Lock()
_outside: list[int] = []
"""Torch's number of threads before the first of the blocks that are open now, once per block."""


@contextmanager
def one_core() -> Iterator[None]:
    """Within the block, torch works on one core in this thread.

    A toy's tensors are small: on a busy machine, threads that wait for each other at every operation made a run eight
    times slower. Torch's number is the thread's own and also what new threads begin with: of two blocks that overlap,
    the second must not take the first one's for what was there before.
    """
    with _LOCK:
        _outside.append(_outside[0] if _outside else torch.get_num_threads())
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _LOCK:
            torch.set_num_threads(_outside.pop())
