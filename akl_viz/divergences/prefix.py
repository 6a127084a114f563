"""The search for the prefix of a given mass in every row's falling order, deep only in the rows that need it.

Three depths: the 16 largest entries hold the head of most language-model positions; the 256 largest that of nearly all;
for what is left (flat rows, as under an untrained model) the boundary's value is bracketed and only the entries in
the bracket are sorted. Equal entries are taken in order of their ids at every depth.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from akl_viz.divergences.select import descending, largest, running_mass

_STAGES = (16, 256)
_SAMPLE_STRIDE = 32
"""One entry in this many of a flat row is sorted, to learn where the boundary may lie."""
_SPREAD = 1.5
"""Half a first bracket in units of the root of the sample's size: three standard deviations of the boundary's place."""
_BRACKET_SHARE = 32
"""A bracket is narrowed to one entry in this many: then sorting it costs less than another pass over the row."""
_MARGIN = 2e-6
"""How far a mass summed in the rows' own precision must be from mu to be relied on."""
_LEAST_TO_BRACKET = 8192
"""Shorter rows are sorted."""


@dataclass(frozen=True)
class Rule:
    """Where the head ends."""

    mu: float
    reach: bool
    """Whether the entry that crosses mu is taken in."""

    def count(self, mass: Tensor) -> Tensor:
        """How many entries of running masses (R, k) are inside, at most k."""
        inside = (mass < self.mu).sum(-1) + 1 if self.reach else (mass <= self.mu).sum(-1)
        return inside.clamp_max(mass.shape[-1])


def short_heads(rows: Tensor, rule: Rule) -> tuple[Tensor, Tensor, Tensor]:
    """The heads that end among the largest entries.

    Args:
        rows: (R, V) probabilities.
        rule: where the head ends.

    Returns:
        ids (R, K), the slots past each head repeating its first token; sizes (R,); and the rows (W,), ascending, whose
        heads were not found: their ids and sizes mean nothing.
    """
    every = torch.arange(len(rows), device=rows.device)
    if rows.shape[-1] <= _STAGES[0]:
        return rows.new_zeros(len(rows), 1, dtype=torch.int64), torch.ones_like(every), every
    ids, size, deeper, promising = _stage(rows, _STAGES[0], rule)
    if len(promising) == 0 or rows.shape[-1] <= _STAGES[1]:
        return ids, size, deeper
    more, found, left, _ = _stage(rows.index_select(0, promising), _STAGES[1], rule)
    width = max(ids.shape[-1], more.shape[-1])
    ids = _widened(ids, width).index_copy(0, promising, _widened(more, width))
    lost = torch.zeros_like(size, dtype=torch.bool).index_fill_(0, deeper, True)
    lost.index_fill_(0, promising, False).index_fill_(0, promising[left], True)
    return ids, size.index_copy(0, promising, found), lost.nonzero().squeeze(-1)


def _stage(rows: Tensor, k: int, rule: Rule) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Ids, sizes, the rows whose head is not found, and those among them that the next stage may find.

    A head that fills the k largest entries may go on behind them, and so may the ties at its end. It surely goes on
    behind the next stage's where that many entries as large as the k-th would not complete it.
    """
    values, ids = largest(rows, k)
    mass = running_mass(values)
    size = rule.count(mass).clamp_min(1).to(rows.device)
    filled = size == k
    most = mass[:, -1] + (_STAGES[-1] - k) * values[:, -1].to(mass.device, torch.float64)
    promising = filled & (most > rule.mu).to(rows.device)
    ids = _lowest_ids_among_ties(rows, values, ids, size)
    size = torch.where(filled, 1, size)
    width = int(size.max()) if len(size) else 1
    inside = torch.arange(width, device=ids.device) < size.unsqueeze(-1)
    ids = torch.where(inside, ids[:, :width], ids[:, :1])
    return ids, size, filled.nonzero().squeeze(-1), promising.nonzero().squeeze(-1)


def _lowest_ids_among_ties(rows: Tensor, values: Tensor, ids: Tensor, size: Tensor) -> Tensor:
    """The ids with the lowest ones inside where equal probabilities stand on both sides of the boundary."""
    view = values.shape[-1]
    last = values.gather(-1, (size - 1).unsqueeze(-1))
    after = values.gather(-1, size.clamp_max(view - 1).unsqueeze(-1))
    tied = ((last == after).squeeze(-1) & (size < view)).nonzero().squeeze(-1)
    for row in tied.tolist():
        inside = int(size[row])
        first = int((values[row] > last[row]).sum())
        equal = (rows[row] == last[row]).nonzero().squeeze(-1)
        ids[row, first:inside] = equal[: inside - first]
    return ids


def _widened(ids: Tensor, width: int) -> Tensor:
    """Ids with more slots, filled like the other empty ones."""
    return torch.cat([ids, ids[:, :1].expand(-1, width - ids.shape[-1])], dim=-1)


def first_rows(room: Tensor | None, like: Tensor) -> Tensor | None:
    """As many rows (R, V) of a room as `like` has."""
    return None if room is None else room.view(-1, like.shape[-1])[: len(like)]


def wide_heads(
    rows: Tensor, rule: Rule, members: Tensor | None = None, scratch: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Heads of any size.

    Args:
        rows: (R, V) probabilities.
        rule: where the head ends.
        members: room for the result, (R, V).
        scratch: another room of that shape.

    Returns:
        members (R, V), 1 on head tokens and else 0, in the rows' dtype; sizes (R,).
    """
    if len(rows) == 0:
        return torch.empty_like(rows), torch.zeros(0, dtype=torch.int64, device=rows.device)
    if rows.device.type != "cpu" or rows.shape[-1] < _LEAST_TO_BRACKET:
        return _by_sorting(rows, rule)
    members = torch.empty_like(rows) if members is None else members
    return members, _by_bracket(rows, rule, members, torch.empty_like(rows) if scratch is None else scratch)


def _by_sorting(rows: Tensor, rule: Rule) -> tuple[Tensor, Tensor]:
    """Heads from all values in falling order."""
    values = descending(rows)
    size = rule.count(running_mass(values)).clamp_min(1).to(rows.device)
    last = values.gather(-1, (size - 1).unsqueeze(-1))
    above = rows > last
    tied = rows == last
    needed = size.unsqueeze(-1) - above.sum(-1, keepdim=True)
    return (above | (tied & (tied.cumsum(-1) <= needed))).to(rows.dtype), size


def _by_bracket(rows: Tensor, rule: Rule, members: Tensor, scratch: Tensor) -> Tensor:
    """Sizes; fills members: entries above a bracket are inside, those in it are looked at one by one."""
    low, high = _brackets(rows, rule.mu, scratch)
    torch.gt(rows, high, out=members)
    base = torch.mul(rows, members, out=scratch).sum(-1, dtype=torch.float64).tolist()
    size = members.sum(-1).to(torch.int64)
    bounds = zip(low.flatten().tolist(), high.flatten().tolist(), strict=True)
    for row, (least, most) in enumerate(bounds):
        values = rows[row].numpy()
        ids = np.flatnonzero((values > least) & (values <= most))
        values = values[ids]
        falling = np.sort(values)[::-1]
        running = np.cumsum(np.concatenate([base[row : row + 1], falling], dtype=np.float64))[1:]
        count = max(int(rule.count(torch.from_numpy(running))), 0 if size[row] else 1)
        if count:
            last = falling[count - 1]
            above, equal = ids[values > last], ids[values == last]
            members[row].numpy()[np.concatenate([above, equal[: count - len(above)]])] = 1.0
            size[row] += count
    return size


def _brackets(rows: Tensor, mu: float, scratch: Tensor) -> tuple[Tensor, Tensor]:
    """Values (R, 1) low and high: the mass above high is below mu and that above low is beyond it, both surely.

    Masses are summed in full; the sorted sample only says where to look.
    """
    count = len(rows)
    sample = descending(rows[:, ::_SAMPLE_STRIDE].contiguous())
    size = sample.shape[-1]
    window = int(_SPREAD * size**0.5)
    running = sample.cumsum(-1, dtype=torch.float64)
    likely = (running <= mu * running[:, -1:]).sum(-1, keepdim=True)
    every = torch.cat([rows.new_full((count, 1), torch.inf), sample, rows.new_full((count, 1), -1.0)], dim=-1)
    high, low = torch.zeros_like(likely), torch.full_like(likely, size + 1)
    probes = itertools.chain([likely - window, likely + window], itertools.repeat(None))
    undecided = torch.ones_like(likely, dtype=torch.bool)
    while bool(undecided.any()):
        guess = next(probes)
        probe = ((high + low) // 2 if guess is None else guess).clamp(high + 1, low - 1)
        mass = torch.gt(rows, every.gather(-1, probe), out=scratch).mul_(rows).sum(-1, keepdim=True)
        high = torch.where(mass < mu - _MARGIN, probe, high)
        low = torch.where(mass > mu + _MARGIN, probe, low)
        undecided &= ((mass - mu).abs() > _MARGIN) & (low - high > size // _BRACKET_SHARE)
    return every.gather(-1, low), every.gather(-1, high)
