"""The fixed held-out positions on which every student of `students.py` is measured, and the measurement.

Windows of held-out text, evenly spaced over all six novels. The value at a token scores the prediction *of* that
token, so a window of n tokens gives n - 1 positions. Everything is in nats; the head is the teacher's, with
mu = 0.5 and boundary "below" (the defaults of `akl_viz.divergences`).
"""

from __future__ import annotations

import math

import torch
from transformers import LlamaForCausalLM

from akl_viz.divergences import akl_weights, forward_kl, gaps, head_mask, reverse_kl

WINDOWS = 16
LENGTH = 256
MU = 0.5
BOUNDARY = "below"


def log_probs(model: LlamaForCausalLM, ids: torch.Tensor) -> torch.Tensor:
    """Log-probabilities (positions, V) of the prediction of every token of one window but its first."""
    return model(ids[None]).logits[0, :-1].log_softmax(dim=-1)


class Probe:
    """The probe windows (windows, length) with the teacher's log-probabilities computed once."""

    def __init__(self, teacher: LlamaForCausalLM, held_out: torch.Tensor, count: int = WINDOWS) -> None:
        starts = torch.linspace(0, len(held_out) - LENGTH, count).long().tolist()
        self.ids = torch.stack([held_out[start : start + LENGTH] for start in starts])
        with torch.no_grad():
            self.teacher = [log_probs(teacher, window) for window in self.ids]

    def teacher_facts(self) -> dict[str, float | int | str]:
        """What does not depend on a student: how many positions, and how sharp the teacher is on them."""
        teacher = torch.cat(self.teacher)
        heads = head_mask(teacher, mu=MU, boundary=BOUNDARY).sum(-1).double()
        labels = self.ids[:, 1:].reshape(-1, 1)
        return {
            "positions": len(teacher),
            "windows": len(self.ids),
            "mu": MU,
            "boundary": BOUNDARY,
            "perplexity": math.exp(-teacher.gather(-1, labels).double().mean().item()),
            "entropy": -(teacher.exp() * teacher).sum(-1).double().mean().item(),
            "mean_top_probability": teacher.max(-1).values.exp().double().mean().item(),
            "mean_head_size": heads.mean().item(),
            "one_token_heads": (heads == 1).double().mean().item(),
        }

    @torch.no_grad()
    def measure(self, student: LlamaForCausalLM) -> dict[str, float]:
        """Means over all positions; `weight_forward_sd` is the spread of that weight over positions."""
        student.eval()
        parts = [
            _position_values(teacher, log_probs(student, window), window[1:])
            for teacher, window in zip(self.teacher, self.ids, strict=True)
        ]
        student.train()
        values = {name: torch.cat([part[name] for part in parts]).double() for name in parts[0]}
        row = {name: value.mean().item() for name, value in values.items()}
        row["perplexity"] = math.exp(row.pop("loss"))
        row["weight_forward_sd"] = values["weight_forward"].std().item()
        return row


def _position_values(teacher: torch.Tensor, student: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    """Every metric at every position of one window, each (positions,)."""
    head_gap, tail_gap = gaps(teacher, student, mu=MU, boundary=BOUNDARY)
    return {
        "forward_kl": forward_kl(teacher, student),
        "reverse_kl": reverse_kl(teacher, student),
        "head_gap": head_gap,
        "tail_gap": tail_gap,
        "weight_forward": akl_weights(teacher, student, mu=MU, boundary=BOUNDARY)[0],
        "top1_agreement": (teacher.argmax(-1) == student.argmax(-1)).double(),
        "loss": -student.gather(-1, labels[:, None])[:, 0],
        "entropy": -(student.exp() * student).sum(-1),
    }
