"""Every value and gradient against the plain-Python oracle run in forty digits, at the ends of parameters too."""

from __future__ import annotations

import random
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import mpmath
import pytest
import torch

from akl_viz.divergences import DIVERGENCES, Pair
from tests import reference, reference_rows
from tests.divergences.settings import SETTINGS

TWELVE_DIGITS = 1e-12
"""Absolute, as the project promises it for float64, or relative where a value or a slope is above 1."""
STEP = mpmath.mpf(10) ** -13
"""A central difference is off by the square of it, and by 1e-40 over it: both far below the twelve digits."""
TOKENS = 9

ENDS: list[tuple[str, dict[str, Any]]] = [
    *(("jsd", {"beta": beta, "scaled": "yes"}) for beta in (1e-9, 0.01, 0.99, 1.0 - 1e-6)),
    *((key, {"alpha": alpha}) for key in ("skew_forward_kl", "skew_reverse_kl") for alpha in (1e-9, 0.999)),
    *(("amid", {"alpha": alpha}) for alpha in (-5.0, 0.99, 1.0 + 1e-6, 5.0)),
    ("amid", {"alpha": 1.0 - 1e-6, "lam": 0.999, "between": "student_assistant"}),
    ("alpha_beta", {"alpha": 1e-2, "beta": 2.0}),
    ("alpha_beta", {"alpha": 2.0, "beta": 1e-2}),
    ("todi", {"beta": 20.0}),
    ("bdkd", {"gain": 20.0}),
    ("drkl", {"gamma": 10.0}),
]
"""Parameters near an end, where a formula that is right elsewhere loses its digits."""
KINDS = {"apart": (0.0, 2.0), "near": (0.0, 1e-5), "confident": (25.0, 1.0)}
"""Name -> logit by which one token leads, spread of the student's errors."""


@pytest.fixture
def forty_digits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The oracle's functions of `math`, in forty digits."""
    names = ("exp", "log", "sqrt", "fsum", "isinf", "inf")
    precise = SimpleNamespace(**{name: getattr(mpmath.mp, name) for name in names})
    for module in (reference, reference_rows):
        monkeypatch.setattr(module, "math", precise)
    with mpmath.workdps(40):
        yield


def logits(kind: str, seed: int) -> tuple[list[float], list[float]]:
    """Teacher and student of one position."""
    lead, spread = KINDS[kind]
    draw = random.Random(seed)
    teacher = [draw.gauss(0.0, 3.0) + lead * (token == 0) for token in range(TOKENS)]
    return teacher, [logit + draw.gauss(0.0, spread) for logit in teacher]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("key", "params"), SETTINGS + ENDS, ids=str)
@pytest.mark.usefixtures("forty_digits")
def test_value_and_gradient_are_exact_to_twelve_digits(key: str, params: dict[str, Any], kind: str):
    teacher, student = logits(kind, seed=sum(map(ord, key)))
    target = TOKENS // 2
    rows = (torch.tensor(row, dtype=torch.float64) for row in (teacher, student))
    value, gradient = DIVERGENCES[key].value_and_grad(Pair.from_logits(*rows, target=torch.tensor(target)), **params)

    exact = [mpmath.mpf(logit) for logit in student]
    p = reference.softmax([mpmath.mpf(logit) for logit in teacher])
    q = reference.softmax(exact)
    extra = {"target": target} if key == "drkl" else {}
    # In forty digits too: 1.0 - beta would round.
    given = {name: mpmath.mpf(part) if isinstance(part, float) else part for name, part in params.items()}
    expected = reference_rows.ORACLES[key](p, q, **given, **extra)
    held = reference_rows.frozen(key, given, p, q, target)

    def moved(token: int, by: Any) -> Any:
        return held(p, reference.softmax([logit + by * (other == token) for other, logit in enumerate(exact)]))

    slope = [(moved(token, STEP) - moved(token, -STEP)) / (2 * STEP) for token in range(TOKENS)]
    assert abs(float(value) - expected) <= TWELVE_DIGITS * max(1.0, expected)
    scale = max(1.0, *(abs(part) for part in slope))
    assert max(abs(found - part) for found, part in zip(gradient.tolist(), slope, strict=True)) <= TWELVE_DIGITS * scale
