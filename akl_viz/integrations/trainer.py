"""Any divergence of the table as the loss of transformers' Trainer and of trainers built on it."""

from __future__ import annotations

import logging
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import Trainer, TrainingArguments

from akl_viz.divergences import Divergence, get
from akl_viz.errors import InvalidInput
from akl_viz.integrations.batches import (
    asked_of,
    beside_longer,
    limits_together,
    longest_row,
    positions_of,
    refuse_long,
    shared_batch,
)
from akl_viz.integrations.gap_log import GapLog
from akl_viz.integrations.own_base import OwnBase, is_own_base
from akl_viz.integrations.packing import refuse_joined
from akl_viz.integrations.pairing import paired
from akl_viz.integrations.refusals import refuse_fused, refuse_other_losses, refuse_spread
from akl_viz.integrations.scored import IGNORED, FromHidden, FromLogits, Scored
from akl_viz.loss_spec import LossSpec
from akl_viz.models import load_checkpoint
from akl_viz.models.positions import position_limit

LOG = logging.getLogger(__name__)


class DistillationMixin:
    """Makes a Trainer distil: `class MyTrainer(DistillationMixin, SFTTrainer)`.

    The loss is kd_ratio * D(T, S) + (1 - kd_ratio) * cross-entropy, in nats, both means over the labels
    that count (not -100) of the whole batch, gradient accumulation and processes included: position t predicts token
    t + 1. The teacher is frozen: in evaluation mode, without gradient, in no optimizer and in no checkpoint. A loss
    that a mixture-of-experts model adds for its router is left out.

    Args (keywords beside those of the trainer):
        teacher: a model reference ("bundled:teacher", a folder, a hub id), a Checkpoint, or a causal language model;
            also the base of a PEFT student (student.get_base_model()), which then runs with the adapter switched off:
            one copy of the weights. It is given every key of a batch that its forward takes.
        loss: KEY or KEY:NAME=VALUE,... of akl_viz.divergences.DIVERGENCES, e.g. "akl:mu=0.6".
        kd_ratio: share of the divergence, from 0 to 1; 0.5 as in the recipe of Wu et al. 2025 (MiniLLM's kd_base.sh).
        temperature: both models' logits are divided by it inside the divergence; no factor temperature squared.
        fused: make the loss from hidden states and output matrices, so that full logits never exist. Not under FSDP,
            DeepSpeed or tensor parallelism, and not with compute_metrics, since the outputs then hold the logits of
            the last position only.
        log_gaps: log forward_kl, reverse_kl, head_gap and tail_gap (temperature 1) beside the loss: means since the
            last log, over at most 64 positions per micro-batch, of the first process.

    Raises:
        InvalidInput: an unknown loss or parameter, a kd_ratio or temperature outside its range, another loss asked of
            the trainer at once, an encoder-decoder, a teacher that is the student or shares weights with it, rows
            longer than a model has positions, or fused where it cannot be.
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
        fused: bool = False,
        log_gaps: bool = False,
        **options: Any,
    ) -> None:
        """Check the loss, load the teacher, make the trainer, then put the teacher where the trainer's device is."""
        spec = LossSpec.parse(loss)
        self._divergence: Divergence = get(spec.key)
        self._params = self._divergence.checked(spec.params)
        if not 0.0 <= kd_ratio <= 1.0:
            raise InvalidInput(f"kd_ratio must be a number from 0 to 1, not {kd_ratio!r}.")
        if not 0.0 < temperature < float("inf"):
            raise InvalidInput(f"temperature must be a positive number, not {temperature!r}.")
        self.kd_ratio, self.temperature = float(kd_ratio), float(temperature)
        self._form = FromHidden if fused else FromLogits
        self._gap_log = GapLog() if log_gaps else None
        settings = next((one for one in (*args, options.get("args")) if isinstance(one, TrainingArguments)), None)
        # Before the trainer, which may spend minutes on its data, and on this process's device.
        loaded = _loaded(teacher, "auto" if settings is None else str(settings.device))
        super().__init__(*args, **options)
        trainer = cast("Any", self)
        refuse_other_losses(trainer)
        if fused:
            refuse_fused(trainer)
        given, _, self._shared_rows = paired(loaded, trainer.model, trainer.processing_class)
        # In a list, so that no walk over attributes takes the teacher for a part of the student.
        if is_own_base(given.model, trainer.model):
            refuse_spread(trainer)
            self._teacher: list[nn.Module] = [OwnBase(trainer.model)]
        else:
            self._teacher = [_frozen(given.model, trainer.args.device)]
        self._positions = {"teacher": position_limit(given.model), "student": position_limit(trainer.model)}
        for dataset in (trainer.train_dataset, trainer.eval_dataset):
            for one in dataset.values() if isinstance(dataset, dict) else (dataset,):
                refuse_long(longest_row(one), self._positions)
        spread = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
        self._together = limits_together({"teacher": given.model, "student": trainer.model}, spread=spread)
        self._evaluated: list[tuple[Tensor, Tensor]] | None = None
        self._blank: Tensor | None = None
        self._warned = False
        # The trainer then counts the labels of the whole batch whatever the student's forward takes, without those
        # of first tokens, which nothing predicts.
        trainer.model_accepts_loss_kwargs = trainer._loss_shifts_labels = True

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
            InvalidInput: the batch has no labels, rows longer than a model has positions, or something that only one
                of the two models takes.
        """
        if "labels" not in inputs and "shift_labels" not in inputs:
            raise InvalidInput("The batch has no labels: use a collator that makes them (-100 where none counts).")
        trainer = cast("Any", self)
        given = asked_of(inputs)
        targets = inputs["shift_labels"] if "shift_labels" in inputs else inputs["labels"][..., 1:]
        if any(self._positions.values()):
            refuse_long(positions_of(given), self._positions)
        self._warn_of_neighbours(given)
        counted = targets != IGNORED
        if self._evaluated is not None:
            counted = self._without_repeats(counted)
            targets = targets.masked_fill(~counted, IGNORED)
        self._count_blank(counted)
        logged = self._gap_log if model.training else None
        # The trainer puts autocast around its own model only; the teacher and the loss take part in it.
        with trainer.accelerator.autocast():
            scored = self._form(model, given, targets.shape[-1], self._shared_rows)
            if self.kd_ratio > 0.0 or logged is not None:
                scored.run_teacher(self.teacher, self._for_teacher(given, model))
            loss = self._summed(scored, targets, counted)
            if self._evaluated is not None:
                self._evaluated.append((loss.detach(), counted.sum()))
            if logged is not None:
                logged.add(scored, counted)
        # The trainer counts labels over all micro-batches and processes; outside training somebody may not.
        total = torch.as_tensor(counted.sum() if num_items_in_batch is None else num_items_in_batch)
        trainer.loss_is_scaled_for_ga = num_items_in_batch is not None
        loss = loss / total.to(loss.device).clamp(min=1)
        if num_items_in_batch is not None and trainer.args.average_tokens_across_devices:
            # The mean over processes that follows must be a sum; tensor-parallel ones hold the same batch.
            loss = loss * (trainer.accelerator.num_processes // trainer.get_tp_size())
        return (loss, scored.outputs) if return_outputs else loss

    def _for_teacher(self, batch: dict[str, Any], model: nn.Module) -> dict[str, Any]:
        """What the teacher is given of a batch: all of it where it is the student's own base."""
        if isinstance(self.teacher, OwnBase):
            return batch
        refuse_joined(batch, model, self.teacher)
        return shared_batch(batch, model, self.teacher)

    def evaluation_loop(
        self,
        dataloader: Any,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> Any:
        """As the trainer's, but its loss is the mean over all labels that count, whatever the batches hold."""
        self._evaluated = []
        try:
            output = cast("Any", super()).evaluation_loop(
                dataloader, description, prediction_loss_only, ignore_keys, metric_key_prefix
            )
            found = self._evaluated
        finally:
            self._evaluated = None
        accelerator = cast("Any", self).accelerator
        # Added up on the CPU: Apple's GPUs have no float64.
        total, count = (sum(float(batch[part]) for batch in found) for part in (0, 1))
        if accelerator.num_processes > 1:
            own = torch.tensor([total, count], dtype=torch.float64, device=accelerator.device)
            total, count = accelerator.reduce(own, "sum").tolist()
        # Metrics of somebody's own may end in _loss too.
        name = f"{metric_key_prefix}_loss"
        if name in output.metrics and count:
            output.metrics[name] = total / count
        return output

    def _without_repeats(self, counted: Tensor) -> Tensor:
        """Without the rows that several processes repeat to share the last batch of an evaluation evenly."""
        accelerator = cast("Any", self).accelerator
        state = accelerator.gradient_state
        if accelerator.num_processes == 1 or not state.end_of_dataloader or state.remainder <= 0:
            return counted
        own = max(int(state.remainder) - int(accelerator.process_index) * len(counted), 0)
        first: Tensor = torch.arange(len(counted), device=counted.device) < own
        return counted & first.unsqueeze(-1)

    def _count_blank(self, counted: Tensor) -> None:
        """Note a batch without a label that counts; nobody waits for the device here."""
        blank = ~counted.any()
        self._blank = blank if self._blank is None else self._blank | blank.to(self._blank.device)

    def _warn_of_blank(self) -> None:
        """Say once that a batch had no label that counts."""
        if not self._warned and self._blank is not None and bool(self._blank):
            self._warned = True
            LOG.warning(
                "A batch had no label that counts (all are -100), so its loss is 0 and nothing is learnt from it: "
                "check what is masked, and whether rows are cut before their response."
            )
        self._blank = None

    def _warn_of_neighbours(self, batch: dict[str, Any]) -> None:
        """Say once that the loss depends on which rows stand beside each other."""
        for side, most in list(self._together.items()):
            if beside_longer(batch, most):
                self._together.clear()
                LOG.warning(
                    "The logits of the %s for a row depend on the longest row of its batch where that has more than "
                    "%d positions, so the loss, also that of evaluate(), depends on how rows are batched: use batches "
                    "of one row, or of rows of one length.",
                    side,
                    most,
                )
                return

    def log(self, logs: dict[str, float], *args: Any, **options: Any) -> None:
        """Put directions and gaps beside the training loss, where they are wanted."""
        self._warn_of_blank()
        if self._gap_log is not None and "loss" in logs:
            logs = logs | self._gap_log.taken()
        cast("Any", super()).log(logs, *args, **options)

    def _summed(self, scored: Scored, targets: Tensor, counted: Tensor) -> Tensor:
        """The loss summed over the positions that count, in nats."""
        parts = []
        if self.kd_ratio > 0.0:
            divergence = scored.divergence(
                self._divergence.key,
                mask=counted,
                target=targets if self._divergence.needs_target else None,
                temperature=self.temperature,
                reduction="sum",
                **self._params,
            )
            parts.append(self.kd_ratio * divergence)
        if self.kd_ratio < 1.0:
            parts.append((1.0 - self.kd_ratio) * scored.cross_entropy(targets))
        return torch.stack(parts).sum()


class DistillationTrainer(DistillationMixin, Trainer):
    """transformers' Trainer that distils; see DistillationMixin."""


def _loaded(teacher: Any, device: str) -> Any:
    """The teacher as it was given, or the checkpoint it names."""
    return load_checkpoint(teacher, device=device) if isinstance(teacher, str) else teacher


def _frozen(teacher: nn.Module, device: torch.device) -> nn.Module:
    """The teacher in evaluation mode, without gradients, where the student is (unless it is spread over devices)."""
    teacher = teacher.eval().requires_grad_(False)
    return teacher if hasattr(teacher, "hf_device_map") else teacher.to(device)
