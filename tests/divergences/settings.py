"""Which divergences are tested with which parameters, and the pairs they are tested on."""

from __future__ import annotations

from typing import Any

from akl_viz.divergences import DIVERGENCES, Pair
from tests.strategies import LogitPair

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("mixed_kl", {"weight": 0.2}),
    ("jsd", {"beta": 0.1}),
    ("jsd", {"beta": 0.9}),
    ("jsd", {"beta": 0.25, "scaled": "yes"}),
    ("akl", {"mu": 0.8, "boundary": "reach"}),
    ("akl", {"direction": "reversed"}),
    ("akl", {"direction": "fixed", "weight": 0.3}),
    ("akl", {"gap": "squared"}),
    ("skew_forward_kl", {"alpha": 0.7}),
    ("skew_reverse_kl", {"alpha": 0.7}),
    ("alpha_beta", {"alpha": 1.0, "beta": 0.0}),
    ("alpha_beta", {"alpha": 0.0, "beta": 1.0}),
    ("alpha_beta", {"alpha": 0.0, "beta": 0.5}),
    ("alpha_beta", {"alpha": 0.5, "beta": 0.0}),
    ("alpha_beta", {"alpha": 0.0, "beta": 0.0}),
    ("alpha_beta", {"alpha": 1.0, "beta": 1.0}),
    ("alpha_beta", {"alpha": 1.7, "beta": 0.4}),
    ("todi", {"beta": 0.0}),
    ("todi", {"beta": 3.0}),
    ("amid", {"alpha": -1.0, "lam": 0.3}),
    ("amid", {"alpha": 1.0, "lam": 0.6}),
    ("amid", {"alpha": 3.0, "lam": 0.5}),
    *(
        ("amid", {"alpha": alpha, "between": between})
        for alpha in (0.0, 1.0)
        for between in ("student_assistant", "assistant_teacher", "assistant_student")
    ),
    ("drkl", {"gamma": 0.0}),
    ("drkl", {"gamma": 2.0}),
    ("bdkd", {"gain": 2.0}),
    ("taid", {"t": 0.0}),
    ("taid", {"t": 0.9}),
    ("taid", {"t": 1.0}),
]
SETTINGS: list[tuple[str, dict[str, Any]]] = [*((key, {}) for key in DIVERGENCES), *VARIANTS]
"""Every divergence at its defaults, and at the parameters that take another path through its formula."""


def paired(logits: LogitPair) -> Pair:
    """The pair of these logits, with the first token that both models allow (else the teacher's first) as target."""
    teacher, student = logits
    both = teacher.isfinite() & student.isfinite()
    allowed = both if bool(both.any()) else teacher.isfinite()
    return Pair.from_logits(teacher, student, target=allowed.int().argmax(-1))


def target_of(pair: Pair) -> int:
    """The target of a single row."""
    assert pair.target is not None
    return int(pair.target)
