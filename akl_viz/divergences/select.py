"""The largest entries of long rows, found without sorting them."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

_SHALLOWEST = 4
"""Below this many entries per group, grouping saves nothing."""
_LEANING = 2
"""Groups are this much smaller than selection alone would have them: maxima over few entries come faster on CPU."""


def largest(rows: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest entries of every row, descending, with their ids.

    Rows are cut into groups of half of sqrt(V/k) entries, and no fewer than four. The k largest entries lie in the
    k groups with the largest maxima, so only those are selected from: one cheap pass over the vocabulary in place of a
    selection over all of it.

    Args:
        rows: (R, V) numbers.
        k: at most V.

    Returns:
        (values, ids), each (R, k). The values are exact. Entries equal to the k-th largest may have been left out in
        favour of equal ones with a higher id.
    """
    count, vocabulary = rows.shape
    depth = math.isqrt(vocabulary // k)
    if depth < _SHALLOWEST:
        values, ids = rows.topk(k, dim=-1)
        return values, ids
    depth = max(depth // _LEANING, _SHALLOWEST)
    groups = vocabulary // depth
    best = rows[:, : groups * depth].reshape(count, depth, groups).amax(1).topk(k, dim=-1, sorted=False).indices
    members = torch.arange(depth, device=rows.device) * groups
    rest = torch.arange(groups * depth, vocabulary, device=rows.device)
    candidates = torch.cat([(best.unsqueeze(-1) + members).flatten(1), rest.expand(count, -1)], dim=-1)
    values, places = rows.gather(-1, candidates).topk(k, dim=-1)
    return values, candidates.gather(-1, places)


def descending(rows: Tensor) -> Tensor:
    """Every row's values (R, V) in falling order, without their places.

    NumPy sorts plain numbers with vector instructions, about fifteen times as fast as torch on CPU.
    """
    if rows.device.type == "cpu":
        return torch.from_numpy(np.sort(rows.numpy(), axis=-1)[:, ::-1].copy())
    return rows.sort(dim=-1, descending=True).values


def running_mass(values: Tensor) -> Tensor:
    """Float64 running sums (R, k) of every row, added in order (a GPU adds in an order of its own).

    Apple's GPUs have no float64: there the sums are made, and returned, on the CPU.
    """
    host = values.cpu() if values.device.type == "mps" else values
    if host.device.type == "cpu":
        return torch.from_numpy(np.cumsum(host.numpy(), axis=-1, dtype=np.float64))
    return host.to(torch.float64).cumsum(-1)
