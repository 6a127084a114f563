"""A student too small for its teacher: logits of limited rank over many contexts, all seeds at once."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from akl_viz.divergences import Head, Pair
from akl_viz.divergences.head import find_head
from akl_viz.divergences.kl import forward_value, reverse_value
from akl_viz.toys.descent import Loss, Progress, Stop, tell
from akl_viz.toys.lowrank_results import LOWRANK_FIELDS, LowRankConfig, LowRankResult
from akl_viz.toys.optimisers import Update
from akl_viz.toys.settings import Optimiser

_TOP = 5
_SPREAD = 2.0
_START = 0.3
"""Standard deviation of the student's factors at the start."""
_REPORT = 20


def teacher_logits(config: LowRankConfig) -> Tensor:
    """(S, contexts, tokens) float64 logits of every seed's teacher."""
    rows = []
    for seed in range(config.first_seed, config.first_seed + config.seeds):
        generator = np.random.default_rng(seed)
        left = generator.standard_normal((config.contexts, config.teacher_rank))
        right = generator.standard_normal((config.teacher_rank, config.tokens))
        prior = np.log(np.arange(1.0, config.tokens + 1.0))
        rows.append(left @ right / math.sqrt(config.teacher_rank) * _SPREAD - prior)
    return torch.from_numpy(np.stack(rows))


def run_lowrank(
    config: LowRankConfig, *, progress: Progress | None = None, cancelled: Stop | None = None
) -> LowRankResult:
    """Train the students of every loss, rank and seed and measure where they end.

    Args:
        config: the experiment.
        progress: told the share done, 0 to 1; may raise to stop.
        cancelled: asked now and then; true ends the run.

    Raises:
        InvalidInput: an unknown loss or parameter.
        Cancelled: `cancelled` said so.
    """
    losses = [Loss.of(text) for text in config.losses]
    teacher = Pair.from_logits(logits := teacher_logits(config), logits)
    order = teacher.teacher.argsort(dim=-1, stable=True)
    rare = torch.zeros_like(teacher.p).scatter_(-1, order[..., : config.tokens // 2], 1.0)
    top = torch.zeros_like(teacher.p).scatter_(-1, order[..., -_TOP:], 1.0)
    shape = (len(losses), len(config.ranks), config.seeds)
    values = {name: np.empty(shape) for name in LOWRANK_FIELDS}
    parts = len(losses) * len(config.ranks)
    with torch.no_grad():
        for number, loss in enumerate(losses):
            for place, rank in enumerate(config.ranks):
                done = number * len(config.ranks) + place
                student = _Student(config, rank, teacher.teacher, loss)
                for step in range(config.steps):
                    student.step(step / config.steps)
                    if step % _REPORT == 0:
                        tell((done + step / config.steps) / parts, progress, cancelled)
                for name, found in student.measured(top, rare).items():
                    values[name][number, place] = found.numpy()
        tell(1.0, progress, cancelled)
    own = {
        "entropy": teacher.teacher_entropy.mean(-1),
        "top5": (teacher.p * top).sum(-1).mean(-1),
        "bottom_half": (teacher.p * rare).sum(-1).mean(-1),
    }
    return LowRankResult(config, values, {name: found.numpy() for name, found in own.items()})


class _Student:
    """The students of one loss and one rank, all seeds at once: logits C D + b."""

    def __init__(self, config: LowRankConfig, rank: int, log_teacher: Tensor, loss: Loss) -> None:
        self._loss, self._teacher, self._lr = loss, log_teacher, config.lr
        self._target = log_teacher.argmax(-1) if loss.row.needs_target else None
        left, right = [], []
        for seed in range(config.first_seed, config.first_seed + config.seeds):
            generator = torch.Generator().manual_seed(seed)
            left.append(torch.randn(config.contexts, rank, generator=generator, dtype=torch.float64) * _START)
            right.append(torch.randn(rank, config.tokens, generator=generator, dtype=torch.float64) * _START)
        bias = log_teacher.mean(1, keepdim=True) - log_teacher.mean((1, 2), keepdim=True)
        self._factors = [torch.stack(left), torch.stack(right), bias.clone()]
        self._updates = [Update(Optimiser("adam", config.lr), factor) for factor in self._factors]
        self._head: Head | None = None

    def pair(self) -> Pair:
        """The pair with the teacher; the teacher's head is found at the first step and kept."""
        left, right, bias = self._factors
        pair = Pair.from_logits(self._teacher, left @ right + bias, target=self._target)
        params = self._loss.params
        if {"mu", "boundary"} <= params.keys():
            key = (float(params["mu"]), params["boundary"])
            if self._head is None:
                self._head = find_head(pair.p, *key)  # type: ignore[arg-type]
            pair.once(("head", *key), lambda: self._head)
        return pair

    def step(self, share: float) -> None:
        """One step on the mean over contexts; the learning rate falls as half a cosine."""
        left, right, _ = self._factors
        _, gradient = self._loss.row.value_and_grad(self.pair(), **self._loss.params)
        gradient = gradient / left.shape[1]
        by_factor = (gradient @ right.mT, left.mT @ gradient, gradient.sum(1, keepdim=True))
        lr = self._lr * 0.5 * (1.0 + math.cos(math.pi * share))
        for update, factor, slope in zip(self._updates, self._factors, by_factor, strict=True):
            update.optimiser = replace(update.optimiser, lr=max(lr, 1e-12))
            update.step(factor, slope)

    def measured(self, top: Tensor, rare: Tensor) -> dict[str, Tensor]:
        """field -> (S,), means over contexts; fields are LOWRANK_FIELDS."""
        pair = self.pair()
        found = {
            "forward_kl": forward_value(pair),
            "reverse_kl": reverse_value(pair),
            "tvd": 0.5 * pair.absolute_gap.sum(-1),
            "entropy": pair.student_entropy,
            "top5": (pair.q * top).sum(-1),
            "bottom_half": (pair.q * rare).sum(-1),
            "loss_value": self._loss.row.value(pair, **self._loss.params),
        }
        return {name: values.mean(-1) for name, values in found.items()}
