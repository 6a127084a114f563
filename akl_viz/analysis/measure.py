"""All statistics of a block of positions, from the logits of both models to plain arrays.

The logits are walked a few rows at a time, so that the working set stays in the cache and does not grow with the
text; the quantities the divergences share are computed once per chunk (`divergences.Pair`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from akl_viz.divergences import (
    DIVERGENCES,
    Pair,
    forward_terms,
    gaps_of,
    head_of,
    reverse_terms,
    rows_per_block,
    weights_of,
)
from akl_viz.divergences.buffers import Buffers, borrowed_buffers
from akl_viz.divergences.select import largest
from akl_viz.records import GRADIENT_LOSSES, TOKEN_FIELDS, BoolArray, FloatArray, IntArray, PositionTable, Settings

TEACHER_SLOTS = 16
STUDENT_SLOTS = 4
GRADIENT_SLOTS = 5


@dataclass(frozen=True)
class Slots:
    """Unsorted candidates of one chunk: what becomes rows of a PositionTable. Arrays (B, K) and (B, K, 3)."""

    ids: IntArray
    teacher: FloatArray
    student: FloatArray
    forward_terms: FloatArray
    reverse_terms: FloatArray
    in_head: BoolArray
    gradients: FloatArray


@dataclass(frozen=True)
class Block:
    """Statistics of B scored positions."""

    columns: dict[str, FloatArray]
    """field -> (B,)"""
    slots: Slots
    head_mass: FloatArray
    """(B,)"""


def measure(teacher: Tensor, student: Tensor, observed: Tensor, settings: Settings) -> list[Block]:
    """Statistics of every row of two logit blocks.

    Args:
        teacher: (B, V) logits.
        student: (B, V) logits over the same vocabulary.
        observed: (B,) id of the token that followed.
        settings: mu, boundary and temperature.

    Returns:
        One Block per chunk of rows, in order.

    Raises:
        InvalidInput: a logit is NaN, or a row has no finite logit.
    """
    dtype = torch.promote_types(torch.promote_types(teacher.dtype, student.dtype), torch.float32)
    rows = rows_per_block(teacher.shape[-1], dtype, teacher.device.type)
    # Chunks of nearly equal size: a remainder of one row would cost as many calls as a full chunk.
    count = max(1, round(len(teacher) / rows))
    chunks = zip(*(torch.tensor_split(part, count) for part in (teacher, student, observed)), strict=True)
    with borrowed_buffers() as buffers:
        return [_measure_chunk(t, s, o, settings, buffers) for t, s, o in chunks]


def _measure_chunk(teacher: Tensor, student: Tensor, observed: Tensor, settings: Settings, buffers: Buffers) -> Block:
    pair = Pair.from_logits(teacher, student, settings.temperature, buffers=buffers)
    head = head_of(pair, settings.mu, settings.boundary)
    gradients = _gradients(pair, settings)
    ids = _candidates(pair, observed, gradients)
    columns = _divergence_columns(pair, settings) | _token_columns(teacher, student, observed, pair)
    columns["head_size"] = head.size
    # The terms of the drawn tokens only; a row keeps a finite entry, as both models' likeliest tokens are drawn.
    drawn = pair.taken(ids)
    # The closed forms are with respect to logits / temperature.
    pushes = [_array(gradient.gather(-1, ids)) / settings.temperature for gradient in gradients]
    slots = Slots(
        ids=ids.cpu().numpy(),
        teacher=_array(drawn.p),
        student=_array(drawn.q),
        forward_terms=_array(forward_terms(drawn)),
        reverse_terms=_array(reverse_terms(drawn)),
        in_head=head.contains(ids).cpu().numpy(),
        gradients=np.stack(pushes, axis=-1),
    )
    return Block(
        {name: _array(columns[name]) for name in TOKEN_FIELDS}, slots, _array(head.mass(pair.p, pair.room("scratch")))
    )


def _divergence_columns(pair: Pair, settings: Settings) -> dict[str, Tensor]:
    """The fields that compare the two whole distributions: each (B,)."""
    columns = {key: DIVERGENCES[key].value(pair) for key in ("forward_kl", "reverse_kl", "jsd", "tvd")}
    columns["akl"] = DIVERGENCES["akl"].value(pair, mu=settings.mu, boundary=settings.boundary)
    columns["head_gap"], columns["tail_gap"] = gaps_of(pair, settings.mu, settings.boundary)
    columns["weight_forward"], columns["weight_reverse"] = weights_of(pair, settings.mu, settings.boundary)
    columns["teacher_entropy"], columns["student_entropy"] = pair.teacher_entropy, pair.student_entropy
    return columns


def _token_columns(teacher: Tensor, student: Tensor, observed: Tensor, pair: Pair) -> dict[str, Tensor]:
    """The fields about the token that followed: each (B,). Rank = 1 + number of tokens with a larger logit."""
    place = observed.unsqueeze(-1)
    followed = pair.taken(place)
    columns = {}
    for side, logits, logprobs in (("teacher", teacher, followed.teacher), ("student", student, followed.student)):
        columns[f"{side}_logprob"] = logprobs.squeeze(-1)
        columns[f"{side}_rank"] = 1 + _larger(logits, logits.gather(-1, place))
    columns["top1_agree"] = _likeliest(teacher) == _likeliest(student)
    return columns


def _larger(logits: Tensor, bound: Tensor) -> Tensor:
    """(B,) how many of (B, V) logits exceed the bound (B, 1).

    NumPy counts flags as bytes; torch would convert every one to int64 first, at many times the cost.
    """
    if logits.device.type != "cpu":
        return (logits > bound).sum(-1)
    rows, bounds = _plain(logits), _plain(bound)
    return torch.tensor([np.count_nonzero(row > least) for row, least in zip(rows, bounds, strict=True)])


def _likeliest(logits: Tensor) -> Tensor:
    """(B,) id of the largest of (B, V) logits, the lowest among equals. NumPy takes an eighth of torch's time."""
    return logits.argmax(-1) if logits.device.type != "cpu" else torch.from_numpy(_plain(logits).argmax(-1))


def _plain(rows: Tensor) -> FloatArray:
    """The rows for NumPy, which has no bf16: fp32 holds the same numbers."""
    array: FloatArray = rows.to(torch.promote_types(rows.dtype, torch.float32)).numpy()
    return array


def _gradients(pair: Pair, settings: Settings) -> list[Tensor]:
    """d loss / d (student logit / temperature) for GRADIENT_LOSSES: each (B, V), nats."""
    params = {"akl": {"mu": settings.mu, "boundary": settings.boundary}}
    return [DIVERGENCES[key].value_and_grad(pair, **params.get(key, {}))[1] for key in GRADIENT_LOSSES]


def _candidates(pair: Pair, observed: Tensor, gradients: list[Tensor]) -> Tensor:
    """Ids worth drawing, (B, K) with repeats: likeliest of either model, the observed one, most pushed of each loss."""
    size = pair.p.shape[-1]
    found = [
        largest(pair.p, min(TEACHER_SLOTS, size))[1],
        largest(pair.q, min(STUDENT_SLOTS, size))[1],
        observed.unsqueeze(-1),
        *(largest(torch.abs(one, out=pair.room("scratch")), min(GRADIENT_SLOTS, size))[1] for one in gradients),
    ]
    return torch.cat(found, dim=-1)


def position_table(blocks: list[Block], length: int, first: int) -> PositionTable:
    """The slots of all blocks as a table of `length` positions, the first `first` of which are not scored.

    Repeats within a row are dropped; a row is sorted by teacher probability, ties by the lowest id; the table is
    as wide as its fullest row.
    """
    joined = {name: np.concatenate([getattr(b.slots, name) for b in blocks]) for name in Slots.__dataclass_fields__}
    ids = joined["ids"]
    by_id = np.argsort(ids, axis=1, kind="stable")
    repeated = np.zeros(ids.shape, dtype=bool)
    ordered = np.take_along_axis(ids, by_id, axis=1)
    np.put_along_axis(repeated, by_id[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    width = int((~repeated).sum(axis=1).max())
    order = np.lexsort((ids, -joined["teacher"], repeated), axis=1)[:, :width]
    empty = np.take_along_axis(repeated, order, axis=1)

    def placed(values: np.ndarray, blank: float) -> np.ndarray:
        index = order if values.ndim == 2 else order[..., None]
        kept = np.take_along_axis(values, index, axis=1)
        kept[empty] = blank
        table = np.full((length, *kept.shape[1:]), blank, dtype=kept.dtype)
        table[first:] = kept
        return table

    head_mass = np.full(length, np.nan)
    head_mass[first:] = np.concatenate([block.head_mass for block in blocks])
    columns = {name: placed(values, -1 if name == "ids" else 0) for name, values in joined.items()}
    return PositionTable(**columns, head_mass=head_mass)


def _array(values: Tensor) -> FloatArray:
    return values.cpu().double().numpy()
