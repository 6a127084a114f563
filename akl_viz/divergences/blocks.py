"""How many rows to treat at once."""

from __future__ import annotations

import torch

_BLOCK_BYTES_CPU = 1 << 21
"""Bytes of one buffer: at 2 MiB the half-dozen buffers of a block stay near a core's cache, and calls cost little."""
_BLOCK_BYTES_ACCELERATOR = 1 << 26
"""Bytes of one buffer where a launch costs more than a cache miss."""


def rows_per_block(vocabulary: int, dtype: torch.dtype = torch.float32, device: str = "cpu") -> int:
    """Rows of a Pair that are cheapest to compute together, at least 1.

    Args:
        vocabulary: V.
        dtype: what the rows are computed in.
        device: kind of device, e.g. "cpu" or "cuda".
    """
    budget = _BLOCK_BYTES_CPU if device == "cpu" else _BLOCK_BYTES_ACCELERATOR
    return max(1, budget // (vocabulary * dtype.itemsize))
