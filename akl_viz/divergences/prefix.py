"""The search for the prefix of a given mass in every row's falling order, sorting only what may be in it.

The entries above a floor, few in a row, hold the head of most language-model positions: they alone are sorted. For
what is left (flat rows, as under an untrained model) the boundary's value is bracketed and only the entries in the
bracket are sorted. Equal entries are taken in order of their ids either way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from akl_viz.divergences.select import descending, running_mass

_LEAST, _SHARE = 2.0**-10, 16.0
"""The floor: the larger of the first and of so many times the mean probability 1/V. A row has at most 1,024 entries
above it, and at most a sixteenth of its own."""
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
        return inside.clip(max=mass.shape[-1]) if self.reach else inside


def short_heads(rows: Tensor, rule: Rule) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The heads that end among the entries above the floor.

    The few entries are looked at in NumPy, where a call on so little costs less; an accelerator must be waited for.

    Args:
        rows: (R, V) probabilities.
        rule: where the head ends.

    Returns:
        ids (R, K), the slots past each head repeating its first token; which slots do not (R, K); sizes (R,); and the
        rows (W,), ascending, whose heads were not found: they count as one token, 0.
    """
    count, vocabulary = rows.shape
    flat, floor = rows.reshape(-1), max(_LEAST, _SHARE / vocabulary)
    if rows.device.type == "cpu":
        # Several times as fast as torch's own.
        places = np.flatnonzero(flat.numpy() > floor)
        entries = flat.numpy()[places]
    else:
        found = (flat > floor).nonzero().squeeze(-1)
        places, entries = found.cpu().numpy(), flat[found].cpu().numpy()
    every = np.arange(count)[:, None]
    above = np.bincount(places // vocabulary, minlength=count)[:, None]
    there = np.arange(above.max(initial=1)) < above
    values: _Values = np.zeros(there.shape, entries.dtype)
    ids: _Ids = np.zeros(there.shape, np.int64)
    values[there], ids[there] = entries, places
    # Stable, and the entries came in the order of their ids: so do equal ones.
    order = np.argsort(-values, axis=-1, kind="stable")
    mass = np.cumsum(values[every, order], axis=-1, dtype=np.float64)
    lost = mass[:, -1] <= rule.mu
    size = np.maximum(rule.count(mass), 1)
    size[lost] = 1
    ids = ids[every, order[:, : size.max(initial=1)]] - every * vocabulary
    ids[lost] = 0
    filled = np.arange(ids.shape[-1]) < size[:, None]
    ids = np.where(filled, ids, ids[:, :1])

    def back(found: _Values) -> Tensor:
        return torch.from_numpy(found).to(rows.device)

    return back(ids), back(filled), back(size), back(lost.nonzero()[0])


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
