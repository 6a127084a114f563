"""What a student is trained on: a divergence of the table, mixed with the language-model loss."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from akl_viz.distill.sequences import Batch
from akl_viz.divergences import distillation_loss, get
from akl_viz.loss_spec import LossSpec


def objective(
    spec: LossSpec, teacher_logits: Tensor, student_logits: Tensor, batch: Batch, *, temperature: float, kd_ratio: float
) -> Tensor:
    """kd_ratio times the divergence plus (1 - kd_ratio) times the cross-entropy of the tokens that follow.

    Both are means over the positions of the batch that count; the temperature is in the divergence alone, without a
    factor temperature squared (as MiniLLM's finetune.py).

    Args:
        spec: the divergence and its parameters.
        teacher_logits: (B, L, V).
        student_logits: (B, L, V).
        batch: the targets and which positions count.
        temperature: both models' logits are divided by it.
        kd_ratio: from 0 to 1.

    Returns:
        A scalar in nats; 0 where no position counts.
    """
    if kd_ratio == 0.0:
        return language_model_loss(student_logits, batch)
    divergence = distillation_loss(
        spec.key,
        teacher_logits,
        student_logits,
        mask=batch.mask,
        target=batch.targets if get(spec.key).needs_target else None,
        temperature=temperature,
        **spec.params,  # type: ignore[arg-type]
    )
    if kd_ratio == 1.0:
        return divergence
    return kd_ratio * divergence + (1.0 - kd_ratio) * language_model_loss(student_logits, batch)


def language_model_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Mean cross-entropy of the tokens that follow, over the positions that count: a scalar, nats."""
    if batch.mask is None:
        return functional.cross_entropy(logits.flatten(0, -2).float(), batch.targets.flatten())
    total = functional.cross_entropy(logits[batch.mask].float(), batch.targets[batch.mask], reduction="sum")
    return total / max(batch.count, 1)
