"""Where a person starts: teacher and student over a few tokens, invented or taken from a real position."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from akl_viz.records import FloatArray, TokenTrace

MIN_TOKENS, MAX_TOKENS = 5, 50
DIGITS = 4
"""Significant digits of a weight: what stands in the address and in the command is what is computed with."""
REAL = "real"
OTHERS = "all others"


@dataclass(frozen=True)
class Start:
    """Two distributions over the same tokens, as weights; p and q are the weights divided by their sums."""

    labels: tuple[str, ...]
    teacher: tuple[float, ...]
    student: tuple[float, ...]


@dataclass(frozen=True)
class Preset:
    """One invented pair."""

    key: str
    label: str
    note: str
    """One sentence: what it is for."""
    teacher: Callable[[FloatArray], FloatArray]
    """Ranks 1..V -> positive weights."""
    student: Callable[[FloatArray], FloatArray]


def _bump(rank: FloatArray, centre: float, width: float) -> FloatArray:
    """A Gaussian over the tokens in their order; centre and width as shares of the vocabulary."""
    share = (rank - 0.5) / len(rank)
    return np.exp(-0.5 * ((share - centre) / width) ** 2)


_ROWS = (
    Preset(
        "bimodal",
        "Two modes",
        "The teacher has two modes, the student sits between them.",
        lambda rank: 0.6 * _bump(rank, 0.22, 0.09) + 0.4 * _bump(rank, 0.78, 0.09) + 0.004,
        lambda rank: _bump(rank, 0.5, 0.2) + 0.004,
    ),
    Preset(
        "peaked",
        "Peaked",
        "The teacher is nearly sure, the student spreads its mass.",
        lambda rank: np.exp(-1.6 * (rank - 1)) + 1e-4,
        lambda rank: np.exp(-0.35 * (rank - 1)),
    ),
    Preset(
        "flat",
        "Flat",
        "The teacher is undecided, the student is not.",
        lambda rank: np.ones_like(rank),
        lambda rank: np.exp(-6.0 * (rank - 1) / len(rank)) + 1e-3,
    ),
    Preset(
        "zipf",
        "Zipf",
        "The teacher follows 1/rank, the student falls faster and misses the tail.",
        lambda rank: 1.0 / rank,
        lambda rank: rank**-2.0,
    ),
)
PRESETS: dict[str, Preset] = {row.key: row for row in _ROWS}


def rounded(weights: Sequence[float] | FloatArray) -> tuple[float, ...]:
    """The weights at DIGITS significant digits."""
    return tuple(float(f"{weight:.{DIGITS}g}") for weight in weights)


def invented(preset: Preset, size: int) -> Start:
    """The preset over `size` tokens named t1, t2, ... in their order."""
    rank = np.arange(1, size + 1, dtype=np.float64)
    sides = [rounded(weights / weights.sum()) for weights in (preset.teacher(rank), preset.student(rank))]
    return Start(tuple(f"t{number}" for number in range(1, size + 1)), *sides)


def real(trace: TokenTrace, position: int, size: int) -> Start:
    """A scored position of a trace: the teacher's likeliest tokens the trace keeps, and one bin for all others.

    Nothing is renormalised: the last bin holds what the shown tokens leave of each model's mass, so a divergence here
    is that of the folded distributions and never exceeds that over the whole vocabulary (for f-divergences).

    Args:
        trace: a record with K kept tokens per position.
        position: index of a scored token: the prediction of it is shown.
        size: tokens in all, the bin included; fewer where the trace keeps fewer.
    """
    table = trace.table
    kept = np.flatnonzero(table.ids[position] >= 0)[: size - 1]
    labels = tuple(trace.vocabulary[int(token)] for token in table.ids[position][kept])
    sides = []
    for masses in (table.teacher[position], table.student[position]):
        shown = masses[kept].astype(np.float64)
        sides.append(rounded([*shown, max(0.0, 1.0 - float(shown.sum()))]))
    return Start((*labels, OTHERS), *sides)


def positions(trace: TokenTrace) -> list[tuple[int, str]]:
    """(index, the words before it and the token itself) of every scored token."""
    found = []
    for index in np.flatnonzero(trace.scored).tolist():
        before = "".join(trace.pieces[max(0, index - 6) : index])[-24:]
        found.append((index, f"{before}[{trace.pieces[index] or trace.labels[index]}]"))
    return found


def default_position(trace: TokenTrace) -> int:
    """The scored token with the largest finite AKL."""
    akl = trace.columns["akl"]
    return int(np.where(np.isfinite(akl), akl, -np.inf).argmax())
