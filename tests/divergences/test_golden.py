"""Values worked out by hand, with their derivation, and numbers published about the toy teacher."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from akl_viz.divergences import DIVERGENCES, Pair, distillation_loss, gaps, head_mass, head_size
from tests.tolerances import GOLDEN, PUBLISHED_3_DIGITS, PUBLISHED_4_DIGITS

GOLDEN_FILE = Path(__file__).parents[1] / "golden" / "divergences.json"
CASES = [
    pytest.param(case["p"], case["q"], entry, id=f"{case['name']}-{entry['key']}-{entry.get('params', {})}")
    for case in json.loads(GOLDEN_FILE.read_text(encoding="utf-8"))["cases"]
    for entry in case["expect"]
]


@pytest.mark.parametrize(("p", "q", "entry"), CASES)
def test_a_divergence_has_the_value_and_gradient_worked_out_by_hand(p: list[float], q: list[float], entry: Any):
    target = torch.tensor(entry.get("target", 0))
    pair = Pair(torch.tensor(p, dtype=torch.float64).log(), torch.tensor(q, dtype=torch.float64).log(), target=target)
    row = DIVERGENCES[entry["key"]]
    value, gradient = row.value_and_grad(pair, **entry.get("params", {}))
    assert float(value) == pytest.approx(float(entry["value"]), rel=GOLDEN["rtol"], abs=GOLDEN["atol"]), entry["why"]
    if "gradient" in entry:
        torch.testing.assert_close(gradient, torch.tensor(entry["gradient"], dtype=torch.float64), **GOLDEN)


def test_the_hand_worked_file_covers_every_divergence():
    assert {case.values[2]["key"] for case in CASES} == set(DIVERGENCES)


def toy_teacher() -> torch.Tensor:
    """Log-probabilities of the toy of FR_compare.ipynb: half a Gaussian of width 16 on 80 points, with 1 % noise."""
    points = np.arange(0.0, 100.0, 1.25)
    density = np.exp(-0.5 * (points / 16.0) ** 2) * (1.0 + 0.01 * np.random.default_rng(0).random(80))
    return torch.from_numpy(density / density.sum()).log()


@pytest.mark.parametrize(("boundary", "size", "mass"), [("below", 8, 0.459), ("reach", 9, 0.509)])
def test_the_toy_teacher_has_the_published_head(boundary: Any, size: int, mass: float):
    teacher = toy_teacher()
    assert int(head_size(teacher, 0.5, boundary)) == size
    assert float(head_mass(teacher, 0.5, boundary)) == pytest.approx(mass, abs=PUBLISHED_3_DIGITS["atol"])


TOY_STEPS = (0, 1, 5, 10, 20, 50)
TOY_TABLE = {
    "forward_kl": (
        {},
        [(0.3596, 0.9315), (0.3298, 0.7901), (0.1811, 0.3180), (0.0668, 0.1290), (0.0505, 0.0644), (0.0073, 0.0160)],
    ),
    "reverse_kl": (
        {},
        [(0.3596, 0.9315), (0.3438, 0.8543), (0.2809, 0.6019), (0.2007, 0.3569), (0.0459, 0.0449), (0.0118, 0.0485)],
    ),
    "akl": (
        {},
        [(0.3596, 0.9315), (0.3427, 0.8491), (0.2741, 0.5780), (0.1826, 0.3089), (0.0289, 0.0361), (0.0061, 0.0409)],
    ),
    "akl reversed": (
        {"direction": "reversed"},
        [(0.3596, 0.9315), (0.3376, 0.8243), (0.2419, 0.4692), (0.1247, 0.1739), (0.0440, 0.1008), (0.0086, 0.0279)],
    ),
}
"""(head gap, tail gap) at TOY_STEPS: Adam at 0.2 on the notebook's toy, from an independent NumPy re-run of it."""


@pytest.mark.parametrize("name", TOY_TABLE)
def test_training_on_the_toy_leaves_the_published_gaps(name: str):
    params, table = TOY_TABLE[name]
    teacher = toy_teacher()
    student = torch.rand(80, generator=torch.Generator().manual_seed(1)).double().requires_grad_()
    adam = torch.optim.Adam([student], lr=0.2)
    seen = []
    for step in range(TOY_STEPS[-1] + 1):
        if step in TOY_STEPS:
            seen.append([float(gap) for gap in gaps(teacher, student.detach().log_softmax(-1))])
        adam.zero_grad()
        (distillation_loss(name.split()[0], teacher, student, **params) / 80).backward()
        adam.step()
    np.testing.assert_allclose(seen, table, **PUBLISHED_4_DIGITS)
