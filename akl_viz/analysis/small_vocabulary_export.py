"""A comparison over a small vocabulary as the JSON (schema 1) and the CSV of the command line and of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from akl_viz.analysis.export import inert_cell
from akl_viz.analysis.small_vocabulary import Comparison, HeadRow, LossRow
from akl_viz.records import FloatArray

SCHEMA = 1


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain JSON values at full double precision; "inf" and "-inf" where JSON has no number."""
    settings = comparison.settings
    return {
        "schema": SCHEMA,
        "mu": settings.mu,
        "boundary": settings.boundary,
        "temperature": settings.temperature,
        "target": comparison.target,
        "teacher": comparison.teacher.tolist(),
        "student": comparison.student.tolist(),
        "teacher_entropy": comparison.teacher_entropy,
        "student_entropy": comparison.student_entropy,
        "heads": {boundary: _head(head) for boundary, head in comparison.heads.items()},
        "losses": [_loss(row) for row in comparison.losses],
    }


def losses_csv(comparison: Comparison) -> str:
    """One row per divergence: what it is, its value, unit and bounds."""
    rows = [
        {
            "loss": str(row.spec),
            "label": row.divergence.label,
            "direction": row.divergence.direction,
            "value": row.value,
            "unit": row.unit,
            "lower": 0.0,
            "upper": math.inf if row.upper is None else row.upper,
            "formula": row.formula,
        }
        for row in comparison.losses
    ]
    return _csv(pd.DataFrame(rows))


def tokens_csv(comparison: Comparison, labels: Sequence[str]) -> str:
    """One row per token: both probabilities, both heads, and contribution and step for every divergence.

    A label that a spreadsheet could run as a formula is made inert by `inert_cell`.
    """
    frame = pd.DataFrame(
        {
            "token": range(len(labels)),
            "label": [inert_cell(label) for label in labels],
            "teacher": comparison.teacher,
            "student": comparison.student,
            **{f"head_{boundary}": head.mask for boundary, head in comparison.heads.items()},
        }
    )
    columns = {f"term {row.spec}": row.terms for row in comparison.losses}
    columns |= {f"step {row.spec}": row.step for row in comparison.losses}
    return _csv(pd.concat([frame, pd.DataFrame(columns)], axis=1))


def _csv(frame: pd.DataFrame) -> str:
    return frame.to_csv(index=False, lineterminator="\r\n")


def _head(head: HeadRow) -> dict[str, Any]:
    return {
        "tokens": [index for index, inside in enumerate(head.mask.tolist()) if inside],
        "mass": head.mass,
        "head_gap": head.head_gap,
        "tail_gap": head.tail_gap,
        "weight_forward": head.weight_forward,
        "weight_reverse": head.weight_reverse,
        "akl": number(head.akl),
    }


def _loss(row: LossRow) -> dict[str, Any]:
    return {
        "loss": str(row.spec),
        "key": row.spec.key,
        "label": row.divergence.label,
        "direction": row.divergence.direction,
        "params": row.params,
        "value": number(row.value),
        "unit": row.unit,
        "lower": 0.0,
        "upper": row.upper,
        "terms": _numbers(row.terms),
        "step": _numbers(row.step),
    }


def _numbers(values: FloatArray) -> list[float | str]:
    return [number(value) for value in values.tolist()]


def number(value: float) -> float | str:
    """The value, or its name where JSON cannot hold it."""
    return value if math.isfinite(value) else str(value)
