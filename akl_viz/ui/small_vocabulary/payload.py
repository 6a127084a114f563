"""What the page draws, packed for the browser: pure data. Every number is Python's; the browser only draws."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from akl_viz.ui.components.payload import pack
from akl_viz.ui.small_vocabulary.presets import MAX_TOKENS, MIN_TOKENS, PRESETS, REAL, positions
from akl_viz.ui.small_vocabulary.scene import Scene
from akl_viz.ui.tracing import stored_trace

if TYPE_CHECKING:
    from akl_viz.analysis.small_vocabulary import Comparison, LossRow


def payload(found: Scene, numbers: dict[str, Any] | None, seq: int) -> dict[str, Any]:
    """Everything the browser needs: choices, bars and numbers; equal input gives an equal dict.

    Args:
        found: the scene to draw.
        numbers: what `packed` made of its comparison, None while it is computed.
        seq: number of the browser's message this answers.
    """
    state, trace = found.state, stored_trace()
    return {
        "seq": seq,
        "labels": list(found.start.labels),
        "note": found.note,
        "start": {"teacher": list(found.start.teacher), "student": list(found.start.student)},
        "state": {
            "preset": state.preset,
            "size": state.size,
            "position": state.position,
            "teacher": list(found.teacher),
            "student": list(found.student),
            "loss": state.loss.key,
            "params": state.loss.params,
            "target": state.target,
            "scale": state.scale,
            **asdict(state.settings),
        },
        "presets": [[row.key, row.label] for row in PRESETS.values()]
        + ([] if trace is None else [[REAL, "A real position"]]),
        "positions": [] if trace is None or state.preset != REAL else [list(one) for one in positions(trace)],
        "sizes": [MIN_TOKENS, MAX_TOKENS],
        "numbers": numbers,
    }


def packed(comparison: Comparison) -> dict[str, Any]:
    """The comparison for the browser: arrays as float64, exact, infinities included."""
    losses = comparison.losses
    return {
        "p": pack(comparison.teacher, "f8"),
        "q": pack(comparison.student, "f8"),
        "target": comparison.target,
        "order": pack(comparison.order, "i4"),
        "kl": pack(np.array([comparison.forward_kl, comparison.reverse_kl]), "f8"),
        "heads": [
            {
                "boundary": head.boundary,
                "mask": pack(head.mask, "u1"),
                "size": head.size,
                "mass": head.mass,
                "head_gap": head.head_gap,
                "tail_gap": head.tail_gap,
                "weight": head.weight_forward,
                "rest": head.weight_reverse,
                "akl": pack(np.array([head.akl]), "f8"),
            }
            for head in comparison.heads.values()
        ],
        "losses": [_facts(row) for row in losses],
        "values": pack(np.array([row.value for row in losses]), "f8"),
        "terms": pack(np.stack([row.terms for row in losses]), "f8"),
        "steps": pack(np.stack([row.step for row in losses]), "f8"),
    }


def _facts(row: LossRow) -> dict[str, Any]:
    """What the table says about a divergence beside its numbers."""
    divergence = row.divergence
    return {
        "key": divergence.key,
        "label": divergence.label,
        "direction": "T↔S" if divergence.direction == "both" else divergence.direction,
        "formula": row.formula,
        "source": divergence.source,
        "unit": row.unit,
        "upper": row.upper,
        "finite": divergence.finite,
        "target": divergence.needs_target,
        "constant": divergence.constant_weights,
        "params": [
            {
                "name": param.name,
                "symbol": param.symbol,
                "only": list(param.only) if param.only else None,
                "meaning": param.meaning,
                "lower": param.lower,
                "upper": param.upper,
                "open": param.open_ends,
                "choices": list(param.choices),
                "value": row.params[param.name],
            }
            for param in divergence.params
            if param.name not in ("mu", "boundary")
        ],
    }
