"""The per-token metrics a person can colour a text by: one row each, computed from a trace alone.

Add a metric: one function of a TokenTrace that returns (T,) values, NaN where not scored, and one row in METRICS.
Pickers, legends, tables and the tests over this table follow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from akl_viz.records import FloatArray, TokenTrace

Scale = Literal["sqrt", "log"]


@dataclass(frozen=True)
class Metric:
    """One row: what a number says, in which unit, and the fixed range its colours use."""

    key: str
    label: str
    unit: str
    meaning: str
    """One sentence: which direction is which."""
    values: Callable[[TokenTrace], FloatArray]
    limit: float
    """The value at which the colour is full: a fixed range, so that two texts can be compared."""
    signed: bool = False
    """Whether zero is the middle: positive leans to the teacher, negative to the student."""
    name: str = ""
    """What it is called where there is no room for the label; empty for the label itself."""
    scale: Scale = "sqrt"
    """How value becomes colour: sqrt for bounded and nats-valued metrics, log for ranks."""

    @property
    def short(self) -> str:
        """The shortest name: a column's heading, a loss in a legend."""
        return self.name or self.label


def column(name: str, trace: TokenTrace) -> FloatArray:
    """The trace's own column of that name: (T,)."""
    return trace.columns[name]


def probability_difference(trace: TokenTrace) -> FloatArray:
    """Teacher minus student probability of the token that stands in the text: (T,), -1 to 1."""
    return np.exp(trace.columns["teacher_logprob"]) - np.exp(trace.columns["student_logprob"])


def rank_difference(trace: TokenTrace) -> FloatArray:
    """Student rank minus teacher rank of the token in the text: (T,), positive where the teacher ranks it higher."""
    return trace.columns["student_rank"] - trace.columns["teacher_rank"]


_ROWS = (
    Metric(
        "probability_difference",
        "Probability, teacher − student",
        "probability",
        "Blue: the teacher gives the token more probability; orange: the student does.",
        probability_difference,
        limit=0.6,
        signed=True,
    ),
    Metric(
        "rank_difference",
        "Rank, student − teacher",
        "ranks",
        "Blue: the teacher ranks the token higher (closer to 1); orange: the student does.",
        rank_difference,
        limit=1000.0,
        signed=True,
        scale="log",
    ),
    Metric(
        "forward_kl",
        "Forward KL(T‖S)",
        "nats",
        "Large where the student misses mass the teacher has.",
        partial(column, "forward_kl"),
        limit=4.0,
        name="KL(T‖S)",
    ),
    Metric(
        "reverse_kl",
        "Reverse KL(S‖T)",
        "nats",
        "Large where the student puts mass the teacher does not have.",
        partial(column, "reverse_kl"),
        limit=4.0,
        name="KL(S‖T)",
    ),
    Metric(
        "jsd",
        "Jensen-Shannon (T, S)",
        "nats",
        "Symmetric, 0 to ln 2.",
        partial(column, "jsd"),
        limit=float(np.log(2)),
        name="JSD",
    ),
    Metric(
        "tvd",
        "Total variation (T, S)",
        "probability",
        "Symmetric, 0 to 1: the mass that would have to move.",
        partial(column, "tvd"),
        limit=1.0,
        name="TVD",
    ),
    Metric(
        "akl",
        "Adaptive KL (AKL)",
        "nats",
        "Forward and reverse KL, weighted by the share of the gap in the head and in the tail.",
        partial(column, "akl"),
        limit=4.0,
        name="AKL",
    ),
    Metric(
        "head_gap",
        "Head gap",
        "sum of |p − q|",
        "How far the student is from the teacher on the teacher's head.",
        partial(column, "head_gap"),
        limit=1.0,
        name="head gap",
    ),
    Metric(
        "tail_gap",
        "Tail gap",
        "sum of |p − q|",
        "How far the student is from the teacher outside the head.",
        partial(column, "tail_gap"),
        limit=1.0,
        name="tail gap",
    ),
    Metric(
        "weight_forward",
        "AKL weight of KL(T‖S)",
        "share",
        "Head gap / (head gap + tail gap): how much AKL weighs the forward term here.",
        partial(column, "weight_forward"),
        limit=1.0,
        name="w",
    ),
    Metric(
        "teacher_entropy",
        "Teacher entropy",
        "nats",
        "How undecided the teacher is.",
        partial(column, "teacher_entropy"),
        limit=8.0,
    ),
    Metric(
        "student_entropy",
        "Student entropy",
        "nats",
        "How undecided the student is.",
        partial(column, "student_entropy"),
        limit=8.0,
    ),
)

METRICS: dict[str, Metric] = {row.key: row for row in _ROWS}
DEFAULT_METRIC = "probability_difference"
_VARIANTS = {"akl:direction=reversed": "reversed AKL", "mixed_kl": "mixed KL"}


def loss_name(loss: str) -> str:
    """The shortest name of a loss as sentences and legends have it; one without a name is its own specification."""
    return METRICS[loss].short if loss in METRICS else _VARIANTS.get(loss, loss)
