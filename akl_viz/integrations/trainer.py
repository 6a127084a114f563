"""Any divergence of the table as the loss of transformers' Trainer and of trainers built on it."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Trainer

from akl_viz.divergences import Divergence, distillation_loss, get
from akl_viz.errors import InvalidInput
from akl_viz.integrations.pairing import paired_models
from akl_viz.loss_spec import LossSpec
from akl_viz.models import load_checkpoint

IGNORED = -100
"""The label of a position that does not count, as in transformers."""


class DistillationMixin:
    """Makes a Trainer distil: `class MyTrainer(DistillationMixin, SFTTrainer)`.

    The loss is kd_ratio * D(T, S) + (1 - kd_ratio) * cross-entropy, in nats, both means over the labels
    that count (not -100) of the whole batch, gradient accumulation and processes included: position t predicts token
    t + 1. The teacher is frozen: in evaluation mode, without gradient, in no optimizer and in no checkpoint.

    Args (keywords beside those of the trainer):
        teacher: a model reference ("bundled:teacher", a folder, a hub id), a Checkpoint, or a causal language model.
        loss: KEY or KEY:NAME=VALUE,... of akl_viz.divergences.DIVERGENCES, e.g. "akl:mu=0.6".
        kd_ratio: share of the divergence, from 0 to 1; 0.5 as in the recipe of Wu et al. 2025 (MiniLLM's kd_base.sh).
        temperature: both models' logits are divided by it inside the divergence; no factor temperature squared.

    Raises:
        InvalidInput: an unknown loss or parameter, or a kd_ratio or temperature outside its range.
        CheckpointUnavailable: the teacher cannot be loaded.
        VocabularyMismatch: teacher and student do not number the same tokens in the same way.
    """

    def __init__(
        self,
        *args: Any,
        teacher: Any,
        loss: str = "akl",
        kd_ratio: float = 0.5,
        temperature: float = 1.0,
        **options: Any,
    ) -> None:
        """Check the loss, make the trainer, then put the teacher where the trainer's device is."""
        spec = LossSpec.parse(loss)
        self._divergence: Divergence = get(spec.key)
        self._params = self._divergence.checked(spec.params)
        if not 0.0 <= kd_ratio <= 1.0:
            raise InvalidInput(f"kd_ratio must be a number from 0 to 1, not {kd_ratio!r}.")
        if not 0.0 < temperature < float("inf"):
            raise InvalidInput(f"temperature must be a positive number, not {temperature!r}.")
        self.kd_ratio, self.temperature = float(kd_ratio), float(temperature)
        super().__init__(*args, **options)
        loaded = load_checkpoint(teacher) if isinstance(teacher, str) else teacher
        trainer = cast("Any", self)
        self._shared_rows, module = paired_models(loaded, trainer.model, trainer.processing_class)
        # In a list, so that no walk over attributes takes the teacher for a part of the student.
        self._teacher = [_frozen(module, trainer.args.device)]

    @property
    def teacher(self) -> nn.Module:
        """The frozen teacher."""
        return self._teacher[0]

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """The mixed loss of one micro-batch, its share of the whole batch where the trainer counted that.

        Raises:
            InvalidInput: the batch has no labels.
        """
        if "labels" not in inputs:
            raise InvalidInput("The batch has no labels: use a collator that makes them (-100 where none counts).")
        trainer = cast("Any", self)
        given = {name: value for name, value in inputs.items() if name not in {"labels", "shift_labels"}}
        outputs = model(**given, use_cache=False)
        targets = inputs["shift_labels"] if "shift_labels" in inputs else inputs["labels"][..., 1:]
        student = outputs.logits[..., : targets.shape[-1], : self._shared_rows]
        counted = targets != IGNORED
        # The trainer counts labels over all micro-batches and processes; outside training nobody does.
        total = counted.sum() if num_items_in_batch is None else torch.as_tensor(num_items_in_batch)
        trainer.loss_is_scaled_for_ga = num_items_in_batch is not None
        loss = self._summed(given, student, targets, counted) / total.to(student.device).clamp(min=1)
        if num_items_in_batch is not None and trainer.args.average_tokens_across_devices:
            loss = loss * trainer.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def _summed(self, given: dict[str, Any], student: Tensor, targets: Tensor, counted: Tensor) -> Tensor:
        """The loss summed over the positions that count, in nats."""
        loss = student.new_zeros((), dtype=torch.float32)
        if self.kd_ratio > 0.0:
            loss = loss + self.kd_ratio * distillation_loss(
                self._divergence.key,
                self._teacher_logits(given, student),
                student,
                mask=counted,
                target=targets if self._divergence.needs_target else None,
                temperature=self.temperature,
                reduction="sum",
                **self._params,
            )
        if self.kd_ratio < 1.0:
            loss = loss + (1.0 - self.kd_ratio) * functional.cross_entropy(
                student.flatten(0, -2).float(), targets.flatten(), ignore_index=IGNORED, reduction="sum"
            )
        return loss

    def _teacher_logits(self, given: dict[str, Any], student: Tensor) -> Tensor:
        """The teacher's logits at the student's positions, cut to the shared vocabulary."""
        known = ("input_ids", "attention_mask", "position_ids")
        with torch.no_grad():
            outputs = self.teacher(**{name: given[name] for name in known if name in given}, use_cache=False)
        logits: Tensor = outputs.logits[..., : student.shape[-2], : self._shared_rows]
        return logits.to(student.device)


class DistillationTrainer(DistillationMixin, Trainer):
    """transformers' Trainer that distils; see DistillationMixin."""


def _frozen(teacher: nn.Module, device: torch.device) -> nn.Module:
    """The teacher in evaluation mode, without gradients, where the student is (unless it is spread over devices)."""
    teacher = teacher.eval().requires_grad_(False)
    return teacher if hasattr(teacher, "hf_device_map") else teacher.to(device)
