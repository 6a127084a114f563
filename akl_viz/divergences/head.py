"""The teacher's head: its likeliest tokens up to a given probability mass, found without sorting the vocabulary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from akl_viz.divergences.base import Param
from akl_viz.divergences.pair import Pair
from akl_viz.divergences.prefix import Rule, first_rows, short_heads, wide_heads
from akl_viz.records import BOUNDARIES, Boundary

MU = Param("mu", 0.5, "probability mass of the teacher's head", open_ends=True)
BOUNDARY = Param("boundary", "below", "whether the token that crosses mu is left out or taken in", choices=BOUNDARIES)


@dataclass(frozen=True)
class Head:
    """The head tokens of every position: by id where they are few, as a mask where they are many."""

    ids: Tensor
    """(R, K) token ids of the flattened positions; the first `size` of a row are its head, the slots after them repeat
    the first. Meaningless in wide rows."""
    filled: Tensor
    """(R, K) bool, which slots are no repetition."""
    size: Tensor
    """(...) number of head tokens, at least 1."""
    wide: Tensor
    """(W,) the flat rows that have a mask, ascending."""
    members: Tensor
    """(W, V) 1 on the head tokens of the wide rows, else 0; in the dtype of the probabilities."""

    def mask(self) -> Tensor:
        """(..., V) bool, true on head tokens."""
        mask = torch.zeros(len(self.ids), self.members.shape[-1], dtype=torch.bool, device=self.ids.device)
        mask.scatter_(-1, self.ids, True).index_copy_(0, self.wide, self.members.to(torch.bool))
        return mask.view(*self.size.shape, mask.shape[-1])

    def contains(self, ids: Tensor) -> Tensor:
        """(..., K) bool, which of K tokens per position (..., K), by id, are head tokens."""
        rows = ids.reshape(-1, ids.shape[-1])
        inside = (rows.unsqueeze(-1) == self.ids.unsqueeze(-2)).any(-1)
        if len(self.wide):
            inside.index_copy_(0, self.wide, self.members.gather(-1, rows.index_select(0, self.wide)) > 0.0)
        return inside.view(ids.shape)

    def mass(self, values: Tensor, room: Tensor | None = None) -> Tensor:
        """(...) sums of (..., V) values over the head; of probabilities, the mass it holds."""
        rows = values.reshape(-1, values.shape[-1])
        sums = (rows.gather(-1, self.ids) * self.filled).sum(-1)
        if len(self.wide):
            sums.index_copy_(
                0, self.wide, torch.mul(self._wide(rows), self.members, out=first_rows(room, self.members)).sum(-1)
            )
        return sums.view(self.size.shape)

    def split(self, values: Tensor, room: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Sums of (..., V) values over the head and over the tail, each (...); values and room are used up.

        The tail is summed on its own: total minus head would leave rounding in place of a tiny tail.
        """
        head = self.mass(values, room)
        rows = values.view(-1, values.shape[-1])
        if len(self.wide) == len(rows):
            return head, rows.addcmul_(rows, self.members, value=-1.0).sum(-1).view(self.size.shape)
        many = self._wide(rows) if len(self.wide) else None
        tail = rows.scatter_(-1, self.ids, 0.0).sum(-1)
        if many is not None:
            tail.index_copy_(0, self.wide, many.addcmul_(many, self.members, value=-1.0).sum(-1))
        return head, tail.view(self.size.shape)

    def _wide(self, rows: Tensor) -> Tensor:
        """The wide ones among the rows (R, V), without a copy where all are."""
        return rows if len(self.wide) == len(rows) else rows.index_select(0, self.wide)


def head_of(pair: Pair, mu: float = 0.5, boundary: Boundary = "below") -> Head:
    """The pair's head at (mu, boundary), found once however many statistics ask for it."""

    def compute() -> Head:
        return find_head(pair.p.detach(), mu, boundary, pair.room)

    return pair.once(("head", mu, boundary), compute)


def find_head(
    probabilities: Tensor,
    mu: float = 0.5,
    boundary: Boundary = "below",
    room: Callable[[str], Tensor | None] = lambda _name: None,
) -> Head:
    """The head by the rule of `head_mask`, from probabilities (..., V); `room` lends memory of that shape by name."""
    rule = Rule(float(MU.check(mu)), BOUNDARY.check(boundary) == "reach")
    rows = probabilities.reshape(-1, probabilities.shape[-1])
    ids, filled, size, wide = short_heads(rows, rule)
    if len(wide) == 0:
        return Head(ids, filled, size.view(probabilities.shape[:-1]), wide, rows[:0])
    many = rows if len(wide) == len(rows) else rows.index_select(0, wide)
    members, scratch = (first_rows(room(name), many) for name in (f"head {mu} {boundary}", "scratch"))
    found, sizes = wide_heads(many, rule, members, scratch)
    return Head(ids, filled, size.index_copy(0, wide, sizes).view(probabilities.shape[:-1]), wide, found)


def head_mask(teacher: Tensor, mu: float = 0.5, boundary: Boundary = "below") -> Tensor:
    """Which tokens are the teacher's head: its likeliest ones, up to probability mass mu.

    Tokens are taken in order of falling probability, the lowest id first among equals.
    boundary "below": the longest such prefix whose mass is <= mu, and at least one token (the authors' code).
    boundary "reach": the shortest such prefix whose mass is >= mu (DSKD, KDFlow, ToDi).

    Masses are float64 sums of the probabilities exp(teacher) as they are in the given dtype, compared
    with mu plainly: ten equal tokens at mu 0.5 keep five or four, as the rounding of 0.1 has it. If rounding
    keeps the whole row below mu, the head is the whole row.

    Args:
        teacher: (..., V) log-probabilities, nats.
        mu: between 0 and 1, ends excluded.
        boundary: "below" or "reach".

    Returns:
        (..., V) bool, at least one true per row.

    Raises:
        InvalidInput: mu or boundary outside its range, or rows no divergence accepts (see Pair).

    Source:
        Wu et al. 2025 (arXiv 2404.02657); wutaiqiang/LLM_KD_AKL AKL.py, which leaves the order of ties open.
    """
    return head_of(Pair(teacher, teacher), mu, boundary).mask()


def head_size(teacher: Tensor, mu: float = 0.5, boundary: Boundary = "below") -> Tensor:
    """Number of tokens in the head of `head_mask`.

    Args:
        teacher: (..., V) log-probabilities, nats.
        mu: between 0 and 1, ends excluded.
        boundary: "below" or "reach".

    Returns:
        (...) int64, from 1 to V.

    Raises:
        InvalidInput: as head_mask.
    """
    return head_of(Pair(teacher, teacher), mu, boundary).size


def head_mass(teacher: Tensor, mu: float = 0.5, boundary: Boundary = "below") -> Tensor:
    """Teacher probability of the head of `head_mask`: at most mu for "below" with two or more tokens.

    Args:
        teacher: (..., V) log-probabilities, nats.
        mu: between 0 and 1, ends excluded.
        boundary: "below" or "reach".

    Returns:
        (...) a probability.

    Raises:
        InvalidInput: as head_mask.
    """
    pair = Pair(teacher, teacher)
    return head_of(pair, mu, boundary).mass(pair.p)
