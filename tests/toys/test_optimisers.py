"""The batched updates are those of torch.optim, step by step."""

import pytest
import torch

from akl_viz.toys.optimisers import Update
from akl_viz.toys.settings import Optimiser
from tests.tolerances import AUTOGRAD

STEPS = 60


def reference(rule: Optimiser, parameter: torch.Tensor) -> torch.optim.Optimizer:
    betas = (rule.beta1, rule.beta2)
    if rule.name == "adam":
        return torch.optim.Adam([parameter], lr=rule.lr, betas=betas, eps=rule.eps)
    if rule.name == "adamw":
        return torch.optim.AdamW([parameter], lr=rule.lr, betas=betas, eps=rule.eps, weight_decay=rule.weight_decay)
    return torch.optim.SGD([parameter], lr=rule.lr, momentum=rule.momentum if rule.name == "momentum" else 0.0)


@pytest.mark.parametrize(
    "rule",
    [
        Optimiser("sgd", 1.0),
        Optimiser("momentum", 0.1),
        Optimiser("momentum", 0.1, momentum=0.5),
        Optimiser("adam", 0.2),
        Optimiser("adam", 0.2, beta1=0.5, beta2=0.9, eps=1e-3),
        Optimiser("adamw", 0.2, weight_decay=0.3),
    ],
    ids=lambda rule: rule.label,
)
def test_every_step_is_torchs(rule):
    generator = torch.Generator().manual_seed(3)
    ours = torch.randn(4, 7, generator=generator, dtype=torch.float64)
    theirs = ours.clone().requires_grad_()
    update, optimiser = Update(rule, ours), reference(rule, theirs)
    for _ in range(STEPS):
        gradient = torch.randn(ours.shape, generator=generator, dtype=torch.float64)
        update.step(ours, gradient)
        theirs.grad = gradient.clone()
        optimiser.step()
        torch.testing.assert_close(ours, theirs.detach(), **AUTOGRAD)


def test_each_update_keeps_its_own_state():
    ours = torch.zeros(2, 3, dtype=torch.float64)
    first, second = Update(Optimiser("adam", 0.1), ours[:1]), Update(Optimiser("adam", 0.1), ours[1:])
    gradient = torch.ones(1, 3, dtype=torch.float64)
    for _ in range(3):
        first.step(ours[:1], gradient)
    second.step(ours[1:], gradient)
    assert ours[0, 0] < ours[1, 0] < 0.0
