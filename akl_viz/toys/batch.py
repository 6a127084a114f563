"""The students of several losses beside their one teacher: what the losses share is computed once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from akl_viz.divergences import Head, Pair
from akl_viz.divergences.head import find_head
from akl_viz.divergences.side import Side, side_of
from akl_viz.records import Boundary

_Result = TypeVar("_Result")
_SHARED = {"teacher", "student", "p", "q", "excess", "absolute_gap", "log_ratio"}
"""Rows of a pair that a batch makes for all its parts as soon as one of them asks."""
HeadKey = tuple[float, Boundary]
"""mu and boundary."""


class Teacher:
    """One teacher repeated for a batch of students: its rows, and its heads found once however many steps follow."""

    def __init__(self, probabilities: Tensor, students: torch.Size) -> None:
        """Args: probabilities (V,) above 0, float64; students: shape (L, ...) of the batch, a loss along L."""
        rows = probabilities.log().expand(*students, len(probabilities))
        self.side = side_of(rows, 1.0, "teacher", str, None)
        self.target = torch.full(students, int(probabilities.argmax()))
        """(L, ...) the likeliest token, for divergences that look at the token that followed."""
        self._heads: dict[tuple[HeadKey, int], Head] = {}

    def head(self, key: HeadKey, *, part: bool) -> Head:
        """The head for every student of the batch, or for those of one loss."""
        rows = self.side.p[0] if part else self.side.p
        if (key, rows.dim()) not in self._heads:
            self._heads[key, rows.dim()] = find_head(rows, *key)
        return self._heads[key, rows.dim()]


class Batch(Pair):
    """The pair of all students (L, ..., V) with the teacher; `part` is that of one loss."""

    def __init__(self, teacher: Teacher, logits: Tensor, heads: set[HeadKey]) -> None:
        """Take the students' probabilities.

        Args:
            teacher: of all students.
            logits: (L, ..., V) of the students.
            heads: those that are asked for of the whole batch.

        Raises:
            InvalidInput: a logit is NaN or infinite.
        """
        sides: tuple[Side, Side] = teacher.side, side_of(logits, 1.0, "student", str, None)
        self.target, self._buffers, self._sides = teacher.target, None, sides
        self._kept: dict[Hashable, Any] = {"p": sides[0].p, "q": sides[1].p, "target": teacher.target}
        self._kept |= {("head", *key): teacher.head(key, part=False) for key in heads}
        self._teacher = teacher
        self._losses = logits.shape[0]
        self._shares: dict[Hashable, Sequence[Any]] = {}

    def part(self, number: int, heads: set[HeadKey]) -> Pair:
        """The pair of one loss's students (..., V), the named heads already known to it."""
        kept: dict[Hashable, Any] = {("head", *key): self._teacher.head(key, part=True) for key in heads}
        return _Part(self, number, kept)

    def share(self, key: Hashable, number: int) -> Any:
        """What was computed for all under this key, for one loss; None where it was not.

        A head is no tensor that could be taken apart: each loss finds its own, unless `part` was given it.
        """
        if isinstance(key, tuple) and key[0] == "head":
            return None
        shares = self._shares.get(key)
        if shares is None:
            if key in _SHARED:
                getattr(self, str(key))
            if key not in self._kept:
                return None
            shares = self._shares[key] = _shares(self._kept[key], self._losses)
        return shares[number]


class _Part(Pair):
    """The students of one loss: takes from the batch what is there, and computes the rest by itself."""

    def __init__(self, batch: Batch, number: int, kept: dict[Hashable, Any]) -> None:
        self.target, self._buffers, self._sides = batch.share("target", number), None, None
        self._kept, self._batch, self._number = kept, batch, number

    def once(self, key: Hashable, compute: Callable[[], _Result]) -> _Result:
        """The result of `compute`, or the batch's result for these students."""
        found = self._kept.get(key)
        if found is None:
            found = self._batch.share(key, self._number)
            found = self._kept[key] = compute() if found is None else found
        result: _Result = found
        return result


def _shares(value: Any, losses: int) -> Sequence[Any]:
    """Every loss's share of tensors (L, ...), alone or in a tuple; what has no such axis belongs to all."""
    if isinstance(value, tuple):
        return list(zip(*(_shares(one, losses) for one in value), strict=True))
    return value.unbind(0) if isinstance(value, Tensor) else [value] * losses
