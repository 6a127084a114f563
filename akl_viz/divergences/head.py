"""The teacher's head: its likeliest tokens up to a given probability mass, found without sorting the vocabulary."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from akl_viz.divergences.base import Param
from akl_viz.divergences.pair import Pair
from akl_viz.divergences.select import descending, largest, running_mass
from akl_viz.records import BOUNDARIES, Boundary

MU = Param("mu", 0.5, "probability mass of the teacher's head", open_ends=True)
BOUNDARY = Param("boundary", "below", "whether the token that crosses mu is left out or taken in", choices=BOUNDARIES)

_STAGES = (16, 256)
"""How many of the largest entries to look at first: 16 hold the head of most language-model positions."""


@dataclass(frozen=True)
class Head:
    """The head tokens of every position."""

    ids: Tensor
    """(..., K) token ids; the first `size` of a row are its head, the slots after them repeat the first."""
    size: Tensor
    """(...) number of head tokens, at least 1."""
    vocabulary: int

    def mask(self) -> Tensor:
        """(..., V) bool, true on head tokens."""
        mask = torch.zeros(*self.ids.shape[:-1], self.vocabulary, dtype=torch.bool, device=self.ids.device)
        return mask.scatter_(-1, self.ids, True)

    def split(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Sums of (..., V) values over the head and over the tail, each (...)."""
        inside = torch.arange(self.ids.shape[-1], device=self.ids.device) < self.size.unsqueeze(-1)
        head = (values.gather(-1, self.ids) * inside).sum(-1)
        # The tail is summed on its own: total minus head would leave rounding in place of a tiny tail.
        return head, values.scatter(-1, self.ids, 0.0).sum(-1)

    def mass(self, probabilities: Tensor) -> Tensor:
        """(...) probability of the head under (..., V) probabilities."""
        inside = torch.arange(self.ids.shape[-1], device=self.ids.device) < self.size.unsqueeze(-1)
        return (probabilities.gather(-1, self.ids) * inside).sum(-1)


def head_of(pair: Pair, mu: float = 0.5, boundary: Boundary = "below") -> Head:
    """The pair's head at (mu, boundary), found once however many statistics ask for it."""
    return pair.once(("head", mu, boundary), lambda: find_head(pair.p.detach(), mu, boundary))


def find_head(probabilities: Tensor, mu: float = 0.5, boundary: Boundary = "below") -> Head:
    """The head by the rule of `head_mask`, from probabilities (..., V)."""
    mu = float(MU.check(mu))
    BOUNDARY.check(boundary)
    vocabulary = probabilities.shape[-1]
    rows = probabilities.reshape(-1, vocabulary)
    ids, size = _search(rows, mu, boundary, _STAGES)
    lead = probabilities.shape[:-1]
    return Head(ids.reshape(*lead, ids.shape[-1]), size.reshape(lead), vocabulary)


def _search(rows: Tensor, mu: float, boundary: Boundary, stages: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Head ids (R, K) and sizes (R,): look at the largest few, and deeper only in rows that need it."""
    if not stages or stages[0] >= rows.shape[-1]:
        return _search_all(rows, mu, boundary)
    values, ids = largest(rows, stages[0])
    size = _count(values, mu, boundary)
    # A head that fills the whole view may go on behind it, and so may the ties at its end.
    deeper = (size == values.shape[-1]).nonzero().squeeze(-1)
    ids = _trimmed(_lowest_ids_among_ties(rows, values, ids, size), size)
    if len(deeper):
        more, found = _search(rows[deeper], mu, boundary, stages[1:])
        width = max(ids.shape[-1], more.shape[-1])
        ids = _widened(ids, width).index_copy(0, deeper, _widened(more, width))
        size = size.index_copy(0, deeper, found)
        ids = ids[:, : int(size.max())]
    return ids, size


def _search_all(rows: Tensor, mu: float, boundary: Boundary) -> tuple[Tensor, Tensor]:
    """Head ids and sizes from all values of every row: for flat rows and small vocabularies."""
    values = descending(rows)
    size = _count(values, mu, boundary)
    last = values.gather(-1, (size - 1).unsqueeze(-1))
    above = rows > last
    tied = rows == last
    needed = size.unsqueeze(-1) - above.sum(-1, keepdim=True)
    inside = above | (tied & (tied.cumsum(-1) <= needed))
    width = int(size.max()) if len(size) else 1
    row, token = inside.nonzero(as_tuple=True)
    slot = torch.arange(len(row), device=rows.device) - (size.cumsum(0) - size)[row]
    ids = token.new_zeros(len(rows), width)
    ids[row, slot] = token
    return _trimmed(ids, size), size


def _count(values: Tensor, mu: float, boundary: Boundary) -> Tensor:
    """(R,) head sizes from the largest probabilities (R, k), descending, at most k."""
    mass = running_mass(values)
    count = (mass <= mu).sum(-1).clamp_min(1) if boundary == "below" else (mass < mu).sum(-1) + 1
    return count.clamp_max(values.shape[-1]).to(values.device)


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


def _trimmed(ids: Tensor, size: Tensor) -> Tensor:
    """Ids cut to the largest head, with the slots past each head repeating its first token."""
    width = int(size.max()) if len(size) else 1
    inside = torch.arange(width, device=ids.device) < size.unsqueeze(-1)
    return torch.where(inside, ids[:, :width], ids[:, :1])


def _widened(ids: Tensor, width: int) -> Tensor:
    """Ids with more slots, filled like the other empty ones."""
    return torch.cat([ids, ids[:, :1].expand(-1, width - ids.shape[-1])], dim=-1)


def head_mask(teacher: Tensor, mu: float = 0.5, boundary: Boundary = "below") -> Tensor:
    """Which tokens are the teacher's head: its likeliest ones, up to probability mass mu.

    Tokens are taken in order of falling probability, the lowest id first among equals.
    boundary "below": the longest such prefix whose mass is <= mu, and at least one token (the authors' code).
    boundary "reach": the shortest such prefix whose mass is >= mu (DSKD, KDFlow, ToDi).

    Masses are float64 running sums of the probabilities exp(teacher) as they are in the given dtype, compared
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
