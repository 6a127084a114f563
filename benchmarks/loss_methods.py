"""The losses that are compared, and the rows they are compared on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax

from akl_viz.divergences import distillation_loss

MU = 0.5


@dataclass(frozen=True)
class Method:
    """One loss: mean over the positions of (N, V) logits, differentiable by the student's."""

    label: str
    loss: Callable[[Tensor, Tensor], Tensor]


def ours(teacher: Tensor, student: Tensor) -> Tensor:
    """AKL as this project computes it."""
    return distillation_loss("akl", teacher, student, mu=MU)


def sorted_akl(teacher: Tensor, student: Tensor) -> Tensor:
    """AKL as the paper writes it: sort the teacher's probabilities, sum the gaps on both sides of mu, mix the KLs."""
    teacher_logs, student_logs = log_softmax(teacher, -1), log_softmax(student, -1)
    p, q = teacher_logs.exp(), student_logs.exp()
    with torch.no_grad():
        falling, order = p.sort(dim=-1, descending=True)
        tail = falling.cumsum(-1) > MU
        tail[:, 0] = False
        gap = (falling - q.gather(-1, order)).abs()
        tail_gap, head_gap = (gap * tail).sum(-1), (gap * ~tail).sum(-1)
        weight = head_gap / (head_gap + tail_gap)
    forward = (p * (teacher_logs - student_logs)).sum(-1)
    reverse = (q * (student_logs - teacher_logs)).sum(-1)
    return (weight * forward + (1.0 - weight) * reverse).mean()


def forward_kl(teacher: Tensor, student: Tensor) -> Tensor:
    """KL(T‖S) through autograd."""
    return kl_div(log_softmax(student, -1), log_softmax(teacher, -1), reduction="batchmean", log_target=True)


def both_kl(teacher: Tensor, student: Tensor) -> Tensor:
    """KL(T‖S) + KL(S‖T) through autograd."""
    teacher_logs, student_logs = log_softmax(teacher, -1), log_softmax(student, -1)
    forward = kl_div(student_logs, teacher_logs, reduction="batchmean", log_target=True)
    return forward + kl_div(teacher_logs, student_logs, reduction="batchmean", log_target=True)


def trl_jsd(teacher: Tensor, student: Tensor) -> Tensor:
    """TRL's generalised JSD."""
    trainer = import_module("trl.experimental.gkd").GKDTrainer
    loss: Tensor = trainer.generalized_jsd_loss(student[None], teacher[None], beta=0.5)
    return loss


METHODS: dict[str, Method] = {
    "akl": Method("AKL", ours),
    "sorted": Method("sort-based AKL", sorted_akl),
    "forward_kl": Method("KL(T‖S)", forward_kl),
    "both_kl": Method("KL(T‖S) + KL(S‖T)", both_kl),
} | ({"trl_jsd": Method("TRL's JSD", trl_jsd)} if find_spec("trl") else {})


def logits(kind: str, count: int, vocabulary: int) -> tuple[Tensor, Tensor]:
    """Teacher and student logits (N, V), float32.

    "lm": Zipf-like rows with peaks, of differing sharpness: the likeliest token has a probability of about 0.4 on
    average, and half of the heads have one or two tokens; the student is off by half a logit. "flat": independent
    normal logits, a head of about a sixth of the vocabulary.
    """
    generator = torch.Generator().manual_seed(0)
    teacher = torch.randn(count, vocabulary, generator=generator)
    if kind == "flat":
        return teacher, torch.randn(count, vocabulary, generator=generator)
    falling = -torch.arange(1, vocabulary + 1, dtype=torch.float32).log()
    sharpness = 1.0 + torch.rand(count, generator=generator)
    for row, exponent in zip(teacher, sharpness, strict=True):
        row.mul_(0.5).add_(exponent * falling[torch.randperm(vocabulary, generator=generator)])
    peaks = torch.randint(vocabulary, (count, 3), generator=generator)
    teacher.scatter_add_(1, peaks, 6.0 + 6.0 * torch.rand(count, 3, generator=generator))
    student = torch.randn(count, vocabulary, generator=generator).mul_(0.5).add_(teacher)
    return teacher, student
