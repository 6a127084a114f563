"""Memory for the intermediate results of a block of rows, used again for the next block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

ROOM_FOR_GRADIENT = "gradient"
"""Name of the tensor for a gradient that no pair keeps: a loss lends the place where it is to stand in the end."""
_MOST_KEPT = 1 << 25
"""Bytes that may stay allocated between two losses: a dozen blocks of 1.5 MiB, and not the rows of a giant."""


class Buffers:
    """Tensors by name, each as large as the largest block that asked for it.

    Fresh memory of a block's size costs as much as the arithmetic on it (the system hands out zeroed pages one fault
    at a time), so a walk over many blocks keeps what it has. A tensor handed out under a name is overwritten by
    whoever asks for that name next: one walk, one Buffers, one block at a time.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, torch.dtype, torch.device], Tensor] = {}
        self._last: dict[str, Tensor] = {}
        """What is handed out again where it fits: most blocks are of one size."""

    def take(self, name: str, shape: torch.Size, dtype: torch.dtype, device: torch.device) -> Tensor:
        """An uninitialised contiguous tensor of that name."""
        last = self._last.get(name)
        if last is not None and last.shape == shape and last.dtype == dtype and last.device == device:
            return last
        key, count = (name, dtype, device), shape.numel()
        flat = self._kept.get(key)
        if flat is None or flat.numel() < count:
            flat = self._kept[key] = torch.empty(count, dtype=dtype, device=device)
        self._last[name] = flat[:count].view(shape)
        return self._last[name]

    def lend(self, name: str, tensor: Tensor | None) -> None:
        """Hand out the caller's own tensor under that name if one like it is asked for; None for one of ours again."""
        self._last.pop(name, None)
        if tensor is not None:
            self._last[name] = tensor

    @property
    def size(self) -> int:
        """Bytes held in main memory; accelerators have allocators that keep memory themselves."""
        return sum(kept.nbytes for kept in self._kept.values() if kept.device.type == "cpu")


_idle: list[Buffers] = []


@contextmanager
def borrowed_buffers() -> Iterator[Buffers]:
    """Buffers for one walk, those of the last one where nobody else has them.

    A training step on a small batch would otherwise spend a third of its time on page faults.
    """
    try:
        buffers = _idle.pop()
    except IndexError:
        buffers = Buffers()
    yield buffers
    buffers.lend(ROOM_FOR_GRADIENT, None)
    if not _idle and 0 < buffers.size <= _MOST_KEPT:
        _idle.append(buffers)
