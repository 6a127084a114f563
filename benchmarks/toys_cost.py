"""What a hundred seeds of the paper's toy cost, beside the plain loop of its notebooks.

The plain loop trains one student at a time with autograd and torch.optim.Adam, as the notebooks do, and measures
nothing on the way; AKL is the paper's formula with its sort. The engine advances all runs as one tensor, and records
seven numbers of every run at every step. CPU time on one thread; both take turns in one process, ratios are formed
within a repeat. The loop is timed on a few seeds and counted per run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax

from akl_viz.toys import DiscreteConfig, discrete_config, run_discrete
from benchmarks.loss_methods import MU
from benchmarks.record import Result, finish, record

SEEDS = 100
LOOP_SEEDS = 1
REPEATS, QUICK_REPEATS = 5, 2
SECONDS = 3.0
ANSWER_SECONDS = 0.5
"""A page answers a change of a control within this."""
SHARE = 0.05
"""20 times as fast per run."""
SAME = 1e-6
"""How far both may lie apart after the last step, in probability."""


def forward_kl(teacher: Tensor, student: Tensor) -> Tensor:
    """KL(T‖S), the sum over the vocabulary."""
    return kl_div(student, teacher, reduction="sum", log_target=True)


def reverse_kl(teacher: Tensor, student: Tensor) -> Tensor:
    """KL(S‖T), the sum over the vocabulary."""
    return kl_div(teacher, student, reduction="sum", log_target=True)


def head_weight(teacher: Tensor, student: Tensor) -> Tensor:
    """The head's share of the gap, by the sort of the authors' code."""
    with torch.no_grad():
        falling, order = teacher.exp().sort(descending=True)
        tail = falling.cumsum(-1) > MU
        tail[0] = False
        gap = (falling - student.exp().gather(-1, order)).abs()
        return (gap * ~tail).sum() / gap.sum()


def akl(teacher: Tensor, student: Tensor) -> Tensor:
    """Both KLs, weighted by the gaps."""
    weight = head_weight(teacher, student)
    return weight * forward_kl(teacher, student) + (1.0 - weight) * reverse_kl(teacher, student)


def reversed_akl(teacher: Tensor, student: Tensor) -> Tensor:
    """The same with the weights swapped."""
    weight = head_weight(teacher, student)
    return (1.0 - weight) * forward_kl(teacher, student) + weight * reverse_kl(teacher, student)


PLAIN: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "forward_kl": forward_kl,
    "reverse_kl": reverse_kl,
    "akl": akl,
    "akl:direction=reversed": reversed_akl,
}
"""The default losses of the toy, written plainly."""


def plain_run(config: DiscreteConfig, loss: str, seed: int) -> Tensor:
    """The student's probabilities after one run of the notebooks' loop."""
    teacher = torch.from_numpy(config.teacher()).log()
    start = torch.rand(len(teacher), generator=torch.Generator().manual_seed(seed))
    logits = start.to(torch.float64).requires_grad_()
    optimiser = torch.optim.Adam([logits], lr=config.optimisers[0].lr)
    for _ in range(config.steps):
        optimiser.zero_grad()
        torch.autograd.backward(PLAIN[loss](teacher, log_softmax(logits, -1)))
        optimiser.step()
    return logits.detach().softmax(-1)


def largest_difference(config: DiscreteConfig) -> float:
    """Between the two ways' students of the first seed after the last step."""
    runs = run_discrete(discrete_config(config.preset, losses=config.losses, every=config.steps, frames=True))
    assert runs.frames is not None
    plain = torch.stack([plain_run(config, loss, config.first_seed) for loss in config.losses])
    return float((torch.from_numpy(runs.frames[:, 0, -1]) - plain).abs().max())


def one_repeat(config: DiscreteConfig) -> tuple[float, float]:
    """CPU seconds of the whole experiment in the engine, and of one run in the loop."""
    started = time.process_time()
    run_discrete(config)
    between = time.process_time()
    for loss in config.losses:
        for seed in range(1, LOOP_SEEDS + 1):
            plain_run(config, loss, seed)
    return between - started, (time.process_time() - between) / (LOOP_SEEDS * len(config.losses))


def page_seconds(config: DiscreteConfig) -> float:
    """CPU seconds of what the page computes where one seed is trained: every step with its distributions."""
    started = time.process_time()
    run_discrete(replace(config, seeds=1, frames=True))
    return time.process_time() - started


def run(*, quick: bool = False) -> bool:
    """Measure, print and record; returns whether the bars are met."""
    torch.set_num_threads(1)
    config = discrete_config("paper-longtail", losses=tuple(PLAIN), seeds=SEEDS)
    apart = largest_difference(config)
    one_repeat(discrete_config("paper-longtail", losses=tuple(PLAIN), steps=20))
    repeats = [one_repeat(config) for _ in range(QUICK_REPEATS if quick else REPEATS)]
    page = [page_seconds(config) for _ in repeats]
    engine = [whole for whole, _ in repeats]
    loop = [single * config.runs for _, single in repeats]
    size = f"{SEEDS} seeds x {len(PLAIN)} losses x {config.steps} steps x {len(config.teacher())} tokens"
    results = [
        Result.of("engine", engine, "CPU s", bar=SECONDS, note=size),
        Result.of("the page's default", page, "CPU s", bar=ANSWER_SECONDS, note="one seed, every step with frames"),
        Result.of("engine / plain loop", [a / b for a, b in zip(engine, loop, strict=True)], "share", bar=SHARE),
        Result.of("plain loop", loop, "CPU s", note=f"counted up from {LOOP_SEEDS * len(PLAIN)} of {config.runs} runs"),
        Result.of("largest difference of probabilities", [apart], "prob.", bar=SAME, note="after the last step"),
    ]
    return record("toys_cost", results, quick=quick)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two repeats")
    finish(run(quick=parser.parse_args().quick))
