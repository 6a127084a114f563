"""Importing the heavy libraries ahead of the first use."""

from __future__ import annotations

import gc
import os
import threading
from functools import cache

_LOCK = threading.Lock()


def import_libraries() -> None:
    """Import torch and transformers' model classes, one thread at a time: two at once see half-made modules."""
    with _LOCK:
        _import()


@cache
def _import() -> int:
    """Returns the number of threads that torch chose."""
    import torch
    import transformers

    # transformers imports a class when it is first asked for; ask now rather than under a user's first click.
    _ = transformers.AutoModelForCausalLM, transformers.LlamaForCausalLM, transformers.AutoTokenizer
    # A full collection of garbage holds the interpreter: over the half million objects of these libraries for 0.2 s, in
    # which neither a page nor a training in another thread goes on. They live as long as the process.
    gc.collect()
    gc.freeze()
    return torch.get_num_threads()


def take_all_cores() -> None:
    """Let torch use as many cores in this thread as it chose at first.

    A thread begins with the number that another one happens to have set, for itself, at that moment.
    """
    with _LOCK:
        threads = _import()
    import torch

    torch.set_num_threads(threads)


def leave_a_core() -> None:
    """Let torch use all cores but one: long work in a server must leave one for its pages.

    Threads of a matrix product wait for each other actively, so one that shares its core with a page holds up all.
    """
    import torch

    torch.set_num_threads(max(1, (os.cpu_count() or 1) - 1))
