"""The optimiser of one student: which parameters decay, the learning rate at a step, and the state as plain tensors."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from akl_viz.distill.config import OptimiserConfig
from akl_viz.errors import InvalidInput


def make_optimiser(parameters: Iterable[Parameter], config: OptimiserConfig) -> torch.optim.Optimizer:
    """AdamW, Adam or SGD with weight decay on matrices only."""
    trained = list(parameters)
    groups = [
        {"params": [one for one in trained if one.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [one for one in trained if one.dim() <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    # One fused pass over all parameters: with small students the optimiser is otherwise a tenth of a step.
    if config.name == "sgd":
        return torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum, fused=True)
    kind = torch.optim.AdamW if config.name == "adamw" else torch.optim.Adam
    return kind(groups, lr=config.lr, betas=(config.beta1, config.beta2), fused=True)


def learning_rate(config: OptimiserConfig, step: int, steps: int) -> float:
    """The learning rate of a step, 1 to steps: up to lr over the warm-up, then by the schedule.

    cosine: lr (floor + (1 - floor) (1 + cos(pi x)) / 2), linear: lr (floor + (1 - floor) (1 - x)), where x runs from 0
    at the first step after the warm-up to 1 at the last.
    """
    if step <= config.warmup:
        return config.lr * step / config.warmup
    share = (step - config.warmup - 1) / max(1, steps - config.warmup - 1)
    if config.schedule == "constant":
        return config.lr
    falling = 0.5 * (1.0 + math.cos(math.pi * share)) if config.schedule == "cosine" else 1.0 - share
    return config.lr * (config.floor + (1.0 - config.floor) * falling)


def state_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state as "NUMBER.NAME" -> tensor on the CPU; on a CPU these are the optimiser's own."""
    state: dict[int, dict[str, Any]] = optimiser.state_dict()["state"]
    return {
        f"{number}.{name}": value.detach().cpu().contiguous()
        for number, entries in state.items()
        for name, value in entries.items()
        if isinstance(value, Tensor)
    }


def restore_state(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Give an optimiser over the same parameters the state `state_tensors` took.

    Raises:
        InvalidInput: the tensors are not those of this optimiser.
    """
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        if not number.isdecimal() or not name:
            raise InvalidInput("The checkpoint's optimiser state is not of this optimiser: start a new run.")
        state.setdefault(int(number), {})[name] = value
    shapes = [tuple(one.shape) for group in optimiser.param_groups for one in group["params"]]
    for place, entries in state.items():
        good = place < len(shapes) and all(tuple(value.shape) in {shapes[place], ()} for value in entries.values())
        if not good:
            raise InvalidInput("The checkpoint's optimiser state is not of this optimiser: start a new run.")
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def gradient_norm(parameters: Iterable[Parameter]) -> Tensor:
    """Euclidean norm of all gradients together, a scalar."""
    return torch.nn.utils.get_total_norm([one.grad for one in parameters if one.grad is not None])
