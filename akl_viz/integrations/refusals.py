"""What a trainer is asked for that a distillation cannot give, refused before it trains."""

from __future__ import annotations

from typing import Any

from akl_viz.errors import InvalidInput


def refuse_spread(trainer: Any) -> None:
    """Refuse the student's own base as its teacher where no process holds all of it."""
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        raise InvalidInput(
            "Teacher and student share weights, which FSDP or DeepSpeed spreads over processes: load the teacher a "
            "second time."
        )


def refuse_other_losses(trainer: Any) -> None:
    """Refuse what asks the trainer for a loss of its own, which would silently not be used."""
    asked = {
        "label_smoothing_factor": trainer.label_smoother is not None,
        "compute_loss_func": trainer.compute_loss_func is not None,
        "loss_type": getattr(trainer.args, "loss_type", None) not in (None, "nll"),
    }
    for name, given in asked.items():
        if given:
            raise InvalidInput(f"{name} asks for another loss than the one distilled with: leave it out.")
    if getattr(trainer.model.config, "is_encoder_decoder", False):
        raise InvalidInput("Only causal language models are distilled, not an encoder-decoder.")


def refuse_fused(trainer: Any) -> None:
    """Refuse the form without logits where the output matrix is not whole, or somebody needs all logits."""
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled or trainer.get_tp_size() > 1:
        raise InvalidInput("fused needs the whole output matrix in every process: train with fused=False.")
    if trainer.compute_metrics is not None:
        raise InvalidInput("compute_metrics needs all logits, which fused never makes: train with fused=False.")
