"""What the inspector draws, packed for the browser: pure data, the same for the same trace."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from akl_viz.figures.theme import LEVELS
from akl_viz.metrics import METRICS
from akl_viz.records import GRADIENT_LOSSES, TOKEN_FIELDS, FloatArray, IntArray, TokenTrace
from akl_viz.ui.components.scale import Range, colour_range, gap_axis

PAGE = 2048
"""Tokens drawn at once; longer texts get a pager."""
ROWS = 12
"""Tokens shown on a position card before the bar of the rest."""
TOP = 10
"""Leading slots of a position that are the teacher's likeliest tokens without a gap: as far as the curve of the
cumulative mass is drawn."""
FAVOURITES = 3
"""The student's likeliest tokens that a card shows even where the teacher ranks them low."""
PUSHES = 6
"""Tokens shown in the gradient bars."""
MAX_PINS = 12
"""Positions pinned at most: the oldest goes."""
_NOT_SENT = {"teacher_logprob", "student_logprob", "top1_agree"}
"""Fields the browser draws from nothing: it gets the two probabilities instead."""
COLUMNS = tuple(name for name in TOKEN_FIELDS if name not in _NOT_SENT)
_KINDS = {"f8": "<f8", "f4": "<f4", "i4": "<i4", "i2": "<i2", "i1": "i1", "u1": "u1"}


def pack(values: npt.NDArray[Any], kind: str) -> dict[str, str]:
    """An array as little-endian bytes in base64 with its kind: exact for "f8", infinities and NaN included."""
    data = np.ascontiguousarray(values, dtype=_KINDS[kind]).tobytes()
    return {"kind": kind, "data": base64.b64encode(data).decode("ascii")}


def static_payload(trace: TokenTrace) -> dict[str, Any]:
    """Everything that follows from the trace alone, with `ver`, the hash of it.

    Scalars per token keep full double precision (float64); the (T, K) tables are float32. Every number the browser
    shows is in here: it draws and formats, and computes nothing but geometry.

    Args:
        trace: the record of one text under one pair; T tokens, K slots per position.

    Returns:
        A dict that `json.dumps` accepts with `allow_nan=False`.
    """
    body: dict[str, Any] = {
        "schema": 1,
        "n": len(trace),
        "n_scored": trace.n_scored,
        "page": PAGE,
        "levels": LEVELS,
        "max_pins": MAX_PINS,
        "mu": trace.settings.mu,
        "boundary": trace.settings.boundary,
        "temperature": trace.settings.temperature,
        "vocabulary_size": trace.shared.size,
        "teacher": trace.teacher.reference,
        "student": trace.student.reference,
        "pieces": list(trace.pieces),
        "labels": list(trace.labels),
        "scored": pack(trace.scored, "u1"),
        "columns": _columns(trace),
        "metrics": _metrics(trace),
        "losses": [[key, METRICS[key].short] for key in GRADIENT_LOSSES],
        "table": _table(trace),
        "chart": _chart(trace),
    }
    canonical = json.dumps(body, allow_nan=False, sort_keys=True).encode()
    return {"ver": hashlib.sha256(canonical).hexdigest()[:16], **body}


def default_pins(trace: TokenTrace) -> list[int]:
    """The position to open with: the largest finite AKL; none where nothing is scored."""
    akl = trace.columns["akl"]
    finite = np.where(np.isfinite(akl), akl, -np.inf)
    return [int(finite.argmax())] if np.isfinite(finite).any() else []


def valid_pins(pins: Iterable[Any], trace: TokenTrace) -> list[int]:
    """The pins that name scored tokens, in their order, without repeats: what came from a link may be anything."""
    kept: list[int] = []
    for pin in pins:
        whole = isinstance(pin, int) and not isinstance(pin, bool)
        if whole and 0 <= pin < len(trace) and trace.scored[pin] and pin not in kept:
            kept.append(pin)
    return kept[-MAX_PINS:]


def _columns(trace: TokenTrace) -> dict[str, dict[str, str]]:
    packed = {name: pack(trace.columns[name], "f8") for name in COLUMNS}
    for model in ("teacher", "student"):
        packed[f"{model}_probability"] = pack(np.exp(trace.columns[f"{model}_logprob"]), "f8")
    return packed


def _metrics(trace: TokenTrace) -> list[dict[str, Any]]:
    rows = []
    for metric in METRICS.values():
        values = metric.values(trace)
        rows.append(
            {
                "key": metric.key,
                "label": metric.label,
                "short": metric.short,
                "unit": metric.unit,
                "meaning": metric.meaning,
                "signed": metric.signed,
                "values": pack(values, "f8"),
                "locked": _range(colour_range(metric, values, fit=False)),
                "fit": _range(colour_range(metric, values, fit=True)),
            }
        )
    return rows


def _range(colours: Range) -> dict[str, Any]:
    ticks = [list(tick) for tick in colours.ticks]
    return {"limit": colours.limit, "levels": pack(colours.levels, "i1"), "ticks": ticks}


def _table(trace: TokenTrace) -> dict[str, Any]:
    table = trace.table
    tokens = sorted(trace.vocabulary)
    number = np.searchsorted(tokens, table.ids) if tokens else np.zeros_like(table.ids)
    slots = _card_slots(trace)
    return {
        "width": table.ids.shape[1],
        "top": TOP,
        "labels": [trace.vocabulary[token] for token in tokens],
        "tokens": pack(np.where(table.ids >= 0, number, -1), "i4"),
        "teacher": pack(table.teacher, "f4"),
        "student": pack(table.student, "f4"),
        "forward": pack(table.forward_terms, "f4"),
        "reverse": pack(table.reverse_terms, "f4"),
        "cumulative": pack(np.cumsum(table.teacher, axis=1), "f4"),
        "in_head": pack(table.in_head, "u1"),
        "gradients": pack(table.gradients, "f4"),
        "head_mass": pack(table.head_mass, "f8"),
        "observed": pack(_observed(trace), "i2"),
        "rows": slots.shape[1],
        "slots": pack(slots, "i2"),
        "pushes": pack(_push_slots(trace), "i2"),
        **_rest(trace, slots),
    }


def _observed(trace: TokenTrace) -> IntArray:
    """(T,) slot of the token that stands in the text, -1 where the table lacks it."""
    hit = trace.table.ids == trace.ids[:, None]
    return np.where(hit.any(axis=1) & trace.scored, hit.argmax(axis=1), -1).astype(np.int64)


def _card_slots(trace: TokenTrace) -> IntArray:
    """(T, R) slots a card shows, in the teacher's order: its likeliest, the student's favourites, the token itself."""
    table = trace.table
    count, width = table.ids.shape
    order = np.broadcast_to(np.arange(width), (count, width)).copy()
    favourite = np.argsort(np.argsort(-table.student, axis=1, kind="stable"), axis=1) < FAVOURITES
    order[favourite | (np.arange(width) == _observed(trace)[:, None])] -= width
    order[table.ids < 0] = 2 * width
    slots = np.sort(np.argsort(order, axis=1, kind="stable")[:, :ROWS], axis=1)
    return np.where(np.take_along_axis(table.ids, slots, axis=1) >= 0, slots, -1)


def _push_slots(trace: TokenTrace) -> IntArray:
    """(T, PUSHES) slots with the largest gradient under any of the losses, largest first; -1 where empty."""
    table = trace.table
    size = np.where(table.ids >= 0, np.nan_to_num(np.abs(table.gradients), nan=0.0).max(axis=2), -1.0)
    slots = np.argsort(-size, axis=1, kind="stable")[:, :PUSHES]
    return np.where(np.take_along_axis(table.ids, slots, axis=1) >= 0, slots, -1)


def _rest(trace: TokenTrace, slots: IntArray) -> dict[str, Any]:
    """What the shown rows leave over: number of tokens, both masses, both contributions (whole minus shown)."""
    table = trace.table
    shown = slots >= 0

    def total(values: FloatArray) -> FloatArray:
        return np.asarray(np.where(shown, np.take_along_axis(values, np.maximum(slots, 0), axis=1), 0.0).sum(axis=1))

    with np.errstate(invalid="ignore"):
        forward = trace.columns["forward_kl"] - total(table.forward_terms)
        reverse = trace.columns["reverse_kl"] - total(table.reverse_terms)
    return {
        "others": pack(trace.shared.size - shown.sum(axis=1), "i4"),
        "rest_teacher": pack(np.maximum(1.0 - total(table.teacher), 0.0), "f8"),
        "rest_student": pack(np.maximum(1.0 - total(table.student), 0.0), "f8"),
        "rest_forward": pack(forward, "f8"),
        "rest_reverse": pack(reverse, "f8"),
    }


def _chart(trace: TokenTrace) -> dict[str, Any]:
    head, tail = trace.columns["head_gap"], trace.columns["tail_gap"]
    limit, ticks = gap_axis(head, tail)
    name = f"Head gap (up) and tail gap (down) along the text, {trace.n_scored} scored tokens, sums of |p − q|."
    if trace.n_scored:
        name += f" Mean head gap {np.nanmean(head):.3f}, mean tail gap {np.nanmean(tail):.3f}."
    return {"limit": limit, "ticks": list(ticks), "name": name}
