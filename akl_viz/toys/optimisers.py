"""The updates of torch.optim on whole batches of runs, without a graph."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from akl_viz.toys.settings import Optimiser


class Update:
    """One optimiser's state for a batch of logits; `step` writes into the logits.

    sgd: z -= lr g. momentum: b = momentum b + g, z -= lr b. adam: bias-corrected as in torch.optim.Adam.
    adamw: z *= 1 - lr weight_decay first (Loshchilov & Hutter 2019).
    """

    def __init__(self, optimiser: Optimiser, like: Tensor) -> None:
        self.optimiser = optimiser
        self._steps = 0
        self._mean = torch.zeros_like(like) if optimiser.name != "sgd" else None
        self._square = torch.zeros_like(like) if optimiser.name in ("adam", "adamw") else None
        self._scratch = torch.empty_like(like)

    def step(self, logits: Tensor, gradient: Tensor) -> None:
        """Move the logits (..., V) by one step along the gradient (..., V)."""
        rule = self.optimiser
        self._steps += 1
        if self._mean is None:
            logits.add_(gradient, alpha=-rule.lr)
        elif self._square is None:
            self._mean.mul_(rule.momentum).add_(gradient)
            logits.add_(self._mean, alpha=-rule.lr)
        else:
            if rule.name == "adamw":
                logits.mul_(1.0 - rule.lr * rule.weight_decay)
            self._mean.lerp_(gradient, 1.0 - rule.beta1)
            self._square.mul_(rule.beta2).addcmul_(gradient, gradient, value=1.0 - rule.beta2)
            correction = math.sqrt(1.0 - rule.beta2**self._steps)
            torch.sqrt(self._square, out=self._scratch).div_(correction).add_(rule.eps)
            logits.addcdiv_(self._mean, self._scratch, value=-rule.lr / (1.0 - rule.beta1**self._steps))
