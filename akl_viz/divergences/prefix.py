"""The search for the prefix of a given mass in every row's falling order, deep only in the rows that need it.

Three depths: the 16 largest entries hold the head of most language-model positions; the 256 largest that of nearly all;
for what is left (flat rows, as under an untrained model) the boundary's value is bracketed and only the entries in
the bracket are sorted. Equal entries are taken in order of their ids at every depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from akl_viz.divergences.select import descending, largest, running_mass

_STAGES = (16, 256)
_SAMPLE_STRIDE = 32
"""One entry in this many of a flat row is sorted, to learn where the boundary may lie."""
_SPREAD = 3.0
"""Margin of a bracket in units of the root of its length in the sample: more than three standard deviations."""
_LEAST_TO_BRACKET = 8192
"""Shorter rows are sorted."""

_Ids = NDArray[np.int64]
_Flags = NDArray[np.bool_]
_Values = NDArray[Any]
_Masses = TypeVar("_Masses", Tensor, _Values)


@dataclass(frozen=True)
class Rule:
    """Where the head ends."""

    mu: float
    reach: bool
    """Whether the entry that crosses mu is taken in."""

    def count(self, mass: _Masses) -> _Masses:
        """How many entries of running masses (R, k) are inside, at most k."""
        inside: _Masses = (mass < self.mu).sum(-1) + 1 if self.reach else (mass <= self.mu).sum(-1)
        return inside.clip(max=mass.shape[-1])


def short_heads(rows: Tensor, rule: Rule) -> tuple[Tensor, Tensor, Tensor]:
    """The heads that end among the largest entries.

    The few entries that are looked at are counted in NumPy on the CPU, where a call on so little costs less; an
    accelerator must be waited for.

    Args:
        rows: (R, V) probabilities.
        rule: where the head ends.

    Returns:
        ids (R, K), the slots past each head repeating its first token; sizes (R,); and the rows (W,), ascending, whose
        heads were not found: their ids and sizes mean nothing.
    """
    count, vocabulary = rows.shape
    if vocabulary <= _STAGES[0]:
        every = torch.arange(count, device=rows.device)
        return rows.new_zeros(count, 1, dtype=torch.int64), torch.ones_like(every), every
    ids, size, lost, promising = _stage(rows, _STAGES[0], rule)
    if promising.any() and vocabulary > _STAGES[1]:
        again = np.flatnonzero(promising)
        more, found, left, _ = _stage(rows.index_select(0, torch.from_numpy(again).to(rows.device)), _STAGES[1], rule)
        width = max(ids.shape[-1], more.shape[-1])
        ids = _widened(ids, width)
        ids[again], size[again], lost[again] = _widened(more, width), found, left
    ids_there, size_there, wide = (torch.from_numpy(part).to(rows.device) for part in (ids, size, np.flatnonzero(lost)))
    return ids_there, size_there, wide


def _stage(rows: Tensor, k: int, rule: Rule) -> tuple[_Ids, _Ids, _Flags, _Flags]:
    """Ids, sizes, whether a row's head is not found, and whether the next stage may find it.

    A head that fills the k largest entries may go on behind them, and so may the ties at its end. It surely goes on
    behind the next stage's where that many entries as large as the k-th would not complete it.
    """
    values, ids = (found.cpu() for found in largest(rows, k))
    entries, tokens, mass = values.numpy(), ids.numpy(), running_mass(values).numpy()
    size = np.maximum(rule.count(mass), 1)
    filled = size == k
    most = mass[:, -1] + (_STAGES[-1] - k) * entries[:, -1].astype(np.float64)
    _put_lowest_ids_first(tokens, rows, entries, size)
    size[filled] = 1
    width = int(size.max(initial=1))
    tokens = np.where(np.arange(width) < size[:, None], tokens[:, :width], tokens[:, :1])
    return tokens, size, filled, filled & (most > rule.mu)


def _put_lowest_ids_first(ids: _Ids, rows: Tensor, values: _Values, size: _Ids) -> None:
    """Writes the lowest ids inside where equal probabilities stand on both sides of the boundary."""
    every, view = np.arange(len(values)), values.shape[-1]
    last, after = values[every, size - 1], values[every, np.minimum(size, view - 1)]
    for row in np.flatnonzero((last == after) & (size < view)).tolist():
        inside, first = int(size[row]), int((values[row] > last[row]).sum())
        equal = (rows[row] == float(last[row])).nonzero().squeeze(-1)
        ids[row, first:inside] = equal[: inside - first].cpu().numpy()


def _widened(ids: _Ids, width: int) -> _Ids:
    """Ids with more slots, filled like the other empty ones."""
    return np.concatenate([ids, np.repeat(ids[:, :1], width - ids.shape[-1], axis=-1)], axis=-1)


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
    """Sizes; fills members.

    A sample says where the boundary may lie. The mass above that place, summed in full, says on which side of it the
    boundary is and about how far away: the entries between are looked at one by one. A row in which they turn out not
    to hold it is sorted.
    """
    sample = descending(rows[:, ::_SAMPLE_STRIDE].contiguous())
    running = running_mass(sample).numpy()
    start = (running <= rule.mu * running[:, -1:]).sum(-1).clip(1) - 1
    entry = sample.gather(-1, torch.from_numpy(start).unsqueeze(-1))
    torch.gt(rows, entry, out=members)
    mass = torch.mul(rows, members, out=scratch).sum(-1, dtype=torch.float64).numpy()
    size = members.sum(-1).to(torch.int64)
    missed = []
    for row, bracket in enumerate(_brackets(sample.numpy(), running, start, rule.mu - mass)):
        more = _settle(rows[row].numpy(), members[row].numpy(), float(mass[row]), bracket, rule)
        if more is None:
            missed.append(row)
        else:
            size[row] += more
    if missed:
        members[missed], size[missed] = _by_sorting(rows[missed], rule)
    return size


def _brackets(sample: _Values, running: _Values, start: _Ids, short: _Values) -> list[tuple[Any, Any]]:
    """(least, most) of the entries that likely hold each row's boundary, both ends included.

    Args:
        sample: (R, k) values in falling order.
        running: (R, k) their running sums.
        start: (R,) a place in the sample; the mass above its value is known.
        short: (R,) how much that mass lacks to reach mu; negative where it is beyond.
    """
    every, most = np.arange(len(sample)), sample.shape[-1]
    wanted = running[every, start] + short / _SAMPLE_STRIDE
    place = (running <= wanted[:, None]).sum(-1) - 1
    margin = (_SPREAD * np.sqrt(np.abs(place - start) + 1.0)).astype(np.int64) + 2
    below = short >= 0.0
    end = np.where(below, place + margin, place - margin)
    bound = np.where(end < 0, np.inf, np.where(end < most, sample[every, end.clip(0, most - 1)], -1.0))
    entry = sample[every, start]
    return list(zip(np.where(below, bound, np.nextafter(entry, np.inf)), np.where(below, entry, bound), strict=True))


def _settle(values: _Values, marks: _Values, mass: float, bracket: tuple[Any, Any], rule: Rule) -> int | None:
    """By how much the head grows when the marks of one row (V,) are made right within the bracket, which this does.

    None, and nothing done, where the boundary is not there. `mass` is that of the marked entries.
    """
    ids = np.flatnonzero((values >= bracket[0]) & (values <= bracket[1]))
    found, before = values[ids], marks[ids]
    base = mass - float((found * before).sum(dtype=np.float64))
    falling = np.sort(found)[::-1]
    running = np.cumsum(falling, dtype=np.float64) + base
    if not (len(running) and base < rule.mu < running[-1]):
        return None
    count = int(rule.count(running))
    if count == 0:
        return None
    chosen = found > falling[count - 1]
    equal = np.flatnonzero(found == falling[count - 1])
    chosen[equal[: count - int(chosen.sum())]] = True
    marks[ids] = chosen
    return count - int(before.sum())
