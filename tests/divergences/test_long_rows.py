"""AKL on rows as long as real vocabularies: float64 against NumPy written from the formula, float32 against float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from akl_viz.divergences import Pair, distillation_loss, weights_of
from benchmarks.loss_methods import logits

ABSOLUTE = 1e-12
"""Loss, weights and gradient in float64: some roundings of 1e-16 on sums of 50,000 terms that add up to order 1."""
WEIGHT_ERROR, GRADIENT_ERROR = 2e-6, 3e-5
"""float32, as the project promises them."""


def akl_by_sorting(
    teacher: np.ndarray, student: np.ndarray, boundary: str, gap: str, mu: float
) -> dict[str, np.ndarray]:
    """Loss, weight of KL(T‖S) and gradient of one row (V,) by the formula, head found by a stable sort."""
    log_p, log_q = (row - row.max() - np.log(np.exp(row - row.max()).sum()) for row in (teacher, student))
    p, q = np.exp(log_p), np.exp(log_q)
    order = np.argsort(-p, kind="stable")
    mass = np.cumsum(p[order])
    size = max(int((mass <= mu).sum()), 1) if boundary == "below" else int((mass < mu).sum()) + 1
    eps = np.abs(p - q) if gap == "absolute" else (p - q) ** 2
    head, tail = eps[order[:size]].sum(), eps[order[size:]].sum()
    weight = head / (head + tail)
    forward, reverse = (p * (log_p - log_q)).sum(), (q * (log_q - log_p)).sum()
    gradient = weight * (q - p) + (1 - weight) * q * (log_q - log_p - reverse)
    return {"loss": weight * forward + (1 - weight) * reverse, "weight": weight, "gradient": gradient}


@pytest.mark.parametrize("kind", ["lm", "flat"])
@pytest.mark.parametrize("boundary", ["below", "reach"])
@pytest.mark.parametrize("gap", ["absolute", "squared"])
def test_double_precision_is_the_formula_to_twelve_digits(kind: str, boundary: Any, gap: str):
    teacher, student = (rows.double() for rows in logits(kind, 6, 50_257))
    student.requires_grad_()
    losses = distillation_loss("akl", teacher, student, reduction="none", boundary=boundary, gap=gap)
    (gradient,) = torch.autograd.grad(losses.sum(), student)
    weights = weights_of(Pair.from_logits(teacher, student.detach()), 0.5, boundary, gap)[0]
    for row in range(len(teacher)):
        exact = akl_by_sorting(teacher[row].numpy(), student[row].detach().numpy(), boundary, gap, 0.5)
        assert abs(float(losses[row].detach()) - exact["loss"]) <= ABSOLUTE
        assert abs(float(weights[row]) - exact["weight"]) <= ABSOLUTE
        assert float(np.abs(gradient[row].numpy() - exact["gradient"]).max()) <= ABSOLUTE


@pytest.mark.parametrize("kind", ["lm", "flat"])
def test_single_precision_keeps_its_promise_on_the_longest_rows(kind: str):
    rows = logits(kind, 4, 128_256)
    wide = [row.double() for row in rows]
    single, double = (weights_of(Pair.from_logits(*pair))[0].double() for pair in (rows, wide))
    assert float((single - double).abs().max()) <= WEIGHT_ERROR
    found = []
    for teacher, student in (rows, wide):
        leaf = student.detach().requires_grad_()
        loss = distillation_loss("akl", teacher, leaf, reduction="sum")
        found.append(torch.autograd.grad(loss, leaf)[0].double())
    assert float((found[0] - found[1]).abs().max()) <= GRADIENT_ERROR * float(found[1].abs().max())
