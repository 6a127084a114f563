"""What a run will cost, before it starts: an estimate from the sizes of the models, not a promise. Loads no torch."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from akl_viz.distill.config import DistillConfig

_MATRIX = 384
_TRIES = 20
_EFFICIENCY = 0.35
"""Share of a plain matrix product's speed that training a small model reaches, measured on the bundled pair."""
_LOSS_FLOPS = 60
"""Arithmetic per logit and loss, in multiply-adds of the same speed."""
_STEP_OVERHEAD = 0.004
"""Seconds of Python and dispatch per loss and step."""
_TOKEN_OVERHEAD = 0.004
"""Seconds per sampled token: one forward pass of a small model, whatever its size."""


@dataclass(frozen=True)
class Sizes:
    """What the estimate needs to know of the two models."""

    teacher_parameters: int
    student_parameters: int
    vocabulary: int


@dataclass(frozen=True)
class Estimate:
    """Time and memory of a run."""

    seconds: float
    bytes: int


def machine_flops() -> float:
    """Multiply-adds per second of this machine's matrix product in float32 on the CPU: the best of some tries."""
    rng = np.random.default_rng(0)
    matrix = rng.random((_MATRIX, _MATRIX), dtype=np.float32)
    best = math.inf
    for _ in range(_TRIES):
        started = time.perf_counter()
        np.matmul(matrix, matrix)
        best = min(best, time.perf_counter() - started)
    return float(_MATRIX**3 / best)


def estimate(config: DistillConfig, sizes: Sizes, flops: float) -> Estimate:
    """Seconds and bytes of a run on the CPU.

    Per step and token a forward pass takes one multiply-add per parameter and a training step three; a loss takes
    about sixty per logit. Sampling adds a forward pass per token. Memory is the teacher, and per loss the student
    with gradient and optimiser state, the logits in work, and the cache of the teacher's logits.

    Args:
        config: the run.
        sizes: of the two models.
        flops: multiply-adds per second of the machine; see `machine_flops`.
    """
    losses, data, probe = len(config.losses), config.data, config.probe
    tokens = data.window * data.rows * data.accumulate
    useful = flops * _EFFICIENCY
    logits = sizes.vocabulary * _LOSS_FLOPS
    step = tokens * (sizes.teacher_parameters + losses * (3 * sizes.student_parameters + logits)) / useful
    step += losses * _STEP_OVERHEAD * data.accumulate
    if data.source != "text":
        step += (1 if data.source == "teacher" else losses) * (data.window - data.prompt_tokens) * _TOKEN_OVERHEAD
    probed = probe.windows * data.window * (sizes.student_parameters + 2 * logits) / useful
    probed += probe.sample_tokens * max(len(probe.prompts), probe.samples) * _TOKEN_OVERHEAD
    seconds = config.steps * step + len(config.probe_steps) * losses * probed
    state = {"adamw": 2, "adam": 2, "sgd": 1 if config.optimiser.momentum else 0}[config.optimiser.name]
    block = data.window * data.rows * sizes.vocabulary
    held = sizes.teacher_parameters + losses * sizes.student_parameters * (2 + state) + 4 * block
    return Estimate(seconds, 4 * held + config.cache_mb * 1_000_000)
