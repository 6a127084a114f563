"""The student's logits before the first step."""

from __future__ import annotations

import torch
from torch import Tensor

from akl_viz.toys.settings import Start


def start_logits(start: Start, teacher: Tensor, seeds: range) -> Tensor:
    """(S, V) float64 logits, one row per seed.

    "uniform" draws float32 numbers and widens them, as the notebooks' `torch.rand(V).to(float)` does: a generator
    seeded with 1 gives the numbers that `torch.manual_seed(1)` gave there.

    Args:
        start: the kind of start.
        teacher: (V,) log-probabilities, nats.
        seeds: one generator is made from each.
    """
    if start.kind == "zeros":
        return torch.zeros(len(seeds), len(teacher), dtype=torch.float64)
    if start.kind == "missing-mode":
        first, last = start.dropped or (0, len(teacher) // 2)
        lowered = teacher.clone()
        lowered[first:last] -= start.depth
        return lowered.repeat(len(seeds), 1)
    rows = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        if start.kind == "uniform":
            rows.append(torch.rand(len(teacher), generator=generator).to(torch.float64))
        else:
            noise = torch.randn(len(teacher), generator=generator, dtype=torch.float64)
            rows.append(teacher + start.noise * noise)
    return torch.stack(rows)
