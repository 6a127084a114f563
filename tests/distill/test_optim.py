"""Learning rates worked out by hand, and an optimiser whose state travels through plain tensors."""

import pytest
import torch

from akl_viz.distill import OptimiserConfig
from akl_viz.distill.optim import gradient_norm, learning_rate, make_optimiser, restore_state, state_tensors
from akl_viz.errors import InvalidInput

NAMES = ["adamw", "adam", "sgd"]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        # warm-up of 2 steps to 1, then x = 0, 1/3, 2/3, 1 over the last four; floor 0.2
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]),
        ("linear", [0.5, 1.0, 1.0, 0.2 + 0.8 * 2 / 3, 0.2 + 0.8 / 3, 0.2]),
        ("cosine", [0.5, 1.0, 1.0, 0.2 + 0.8 * 0.75, 0.2 + 0.8 * 0.25, 0.2]),
    ],
)
def test_the_learning_rate_of_every_step(schedule, expected):
    config = OptimiserConfig(lr=1.0, schedule=schedule, warmup=2, floor=0.2)
    assert [learning_rate(config, step, 6) for step in range(1, 7)] == pytest.approx(expected)


def model() -> torch.nn.Module:
    layer = torch.nn.Linear(3, 2)
    draws = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draws))
    return layer


def take_steps(layer, optimiser, count, first=0):
    for step in range(first, first + count):
        optimiser.zero_grad()
        inputs = torch.randn(4, 3, generator=torch.Generator().manual_seed(step))
        layer(inputs).square().sum().backward()
        optimiser.step()


@pytest.mark.parametrize("name", NAMES)
def test_a_restored_state_goes_on_bit_by_bit(name):
    config = OptimiserConfig(name=name, lr=0.01, momentum=0.9)
    whole, first = model(), model()
    take_steps(whole, make_optimiser(whole.parameters(), config), 6)
    early = make_optimiser(first.parameters(), config)
    take_steps(first, early, 3)
    tensors = state_tensors(early)
    late = make_optimiser(first.parameters(), config)
    restore_state(late, tensors)
    take_steps(first, late, 3, first=3)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), first.parameters(), strict=True))


@pytest.mark.parametrize("tensors", [{"x": torch.zeros(1)}, {"9.exp_avg": torch.zeros(2, 3)}, {"0.a": torch.zeros(5)}])
def test_a_foreign_state_is_refused(tensors):
    with pytest.raises(InvalidInput, match="not of this optimiser"):
        restore_state(make_optimiser(model().parameters(), OptimiserConfig()), tensors)


def test_only_matrices_decay():
    layer = model()
    before = layer.bias.detach().clone()
    optimiser = make_optimiser(layer.parameters(), OptimiserConfig(lr=0.1, weight_decay=0.5))
    weight = layer.weight.detach().clone()
    for parameter in layer.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    assert torch.equal(layer.bias, before)
    assert torch.allclose(layer.weight, weight * (1 - 0.1 * 0.5))


def test_the_norm_is_over_all_gradients_together():
    layer = model()
    layer.weight.grad, layer.bias.grad = torch.full((2, 3), 2.0), torch.tensor([1.0, 0.0])
    assert float(gradient_norm(layer.parameters())) == pytest.approx(5.0)
