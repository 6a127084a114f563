"""A trace as the JSON (schema 1) and the CSV of the command line and of the page's downloads."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import pandas as pd

from akl_viz.analysis.statistics import summarise
from akl_viz.records import FLAG_FIELDS, TOKEN_FIELDS, WHOLE_FIELDS, TokenTrace

SCHEMA = 1
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""First characters of what spreadsheet programs run: the four signs, whitespace they skip, the wide forms."""


def trace_json(trace: TokenTrace) -> dict[str, Any]:
    """The trace as plain JSON values: nats, null where not scored, "inf" for an infinite divergence.

    JSON has no infinity, so the string "inf" stands for it: a teacher probability above zero that the student
    gives exactly zero. Everything else is a number at full double precision.
    """
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "teacher": asdict(trace.teacher),
        "student": asdict(trace.student),
        "mu": trace.settings.mu,
        "boundary": trace.settings.boundary,
        "temperature": trace.settings.temperature,
        "n_scored": trace.n_scored,
        "cut": asdict(trace.cut) if trace.cut else None,
        "vocabulary": asdict(trace.shared),
        "tokens": [_token(trace, index) for index in range(len(trace))],
        "summary": {
            name: {"mean": _number(row.mean), "se": row.se, "n": row.n} for name, row in summarise(trace).items()
        },
    }
    return document | ({"notes": list(trace.notes)} if trace.notes else {})


def trace_csv(trace: TokenTrace) -> str:
    """The trace as CSV, one row per token, empty where not scored; numbers at full double precision.

    Lines end as RFC 4180 has it, which also makes a token that is a lone carriage return a quoted field. A text
    that a spreadsheet could run as a formula is made inert by `inert_cell`; numbers are not touched. Parquet and
    JSON hold the texts as they are.
    """
    frame = trace.frame()
    frame["text"] = list(trace.pieces)
    return table_csv(frame)


def table_csv(frame: pd.DataFrame) -> str:
    """A table as CSV: lines end as RFC 4180 has it, texts and names of columns are inert, numbers at full precision."""
    inert = frame.rename(columns=lambda name: inert_cell(str(name)))
    for place, kind in enumerate(inert.dtypes):
        if not (pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind)):
            inert.isetitem(
                place, [inert_cell(cell) if isinstance(cell, str) else cell for cell in inert.iloc[:, place]]
            )
    return str(inert.to_csv(index=False, lineterminator="\r\n"))


def inert_cell(text: str) -> str:
    """The text with an apostrophe in front where a spreadsheet program could take it for a formula.

    These start with one of FORMULA_STARTS. A text that starts with an apostrophe gets one more, so that taking one
    leading apostrophe away always gives the text back (`cell_text`).
    Source: OWASP, "CSV Injection".
    """
    return f"'{text}" if text.startswith((*FORMULA_STARTS, "'")) else text


def cell_text(cell: str) -> str:
    """The text that `inert_cell` was given."""
    return cell.removeprefix("'")


def _token(trace: TokenTrace, index: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "index": index,
        "id": int(trace.ids[index]),
        "text": trace.pieces[index],
        "scored": bool(trace.scored[index]),
    }
    for name in TOKEN_FIELDS:
        row[name] = _field(name, float(trace.columns[name][index]))
    return row


def _field(name: str, value: float) -> float | int | bool | str | None:
    if math.isnan(value):
        return None
    if name in FLAG_FIELDS:
        return bool(value)
    return int(value) if name in WHOLE_FIELDS else _number(value)


def _number(value: float) -> float | str | None:
    """The value where JSON can hold it."""
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else ("inf" if value > 0 else "-inf")
