"""Distil the bundled student for 40 steps with a bare PyTorch loop, and see what became of head and tail.

    python examples/train_with_akl.py --loss akl --steps 40

Works offline, on the CPU, in well under a minute.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
from austen import token_windows

from akl_viz.divergences import distillation_loss, gaps, log_probs
from akl_viz.errors import AklVizError
from akl_viz.loss_spec import LossSpec
from akl_viz.models import Checkpoint, load_checkpoint

LENGTH, ROWS, HELD_OUT_ROWS, LEARNING_RATE = 256, 1, 8, 2e-3


def logits(model: Any, ids: torch.Tensor) -> torch.Tensor:
    """(B, L - 1, V): the prediction of every token but the first, from the tokens before it."""
    return model(ids, use_cache=False).logits[:, :-1]


@torch.no_grad()
def held_out_gaps(teacher: Any, student: Any, ids: torch.Tensor) -> tuple[float, float]:
    """Mean head gap and tail gap on text that was not trained on: sums of |p - q|."""
    head, tail = gaps(log_probs(logits(teacher, ids)), log_probs(logits(student, ids)))
    return float(head.mean()), float(tail.mean())


def main() -> None:
    """Train and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loss", default="akl", help="any row of the table, e.g. forward_kl or akl:mu=0.6")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    try:
        spec = LossSpec.parse(chosen.loss)
        teacher, student = (load_checkpoint(f"bundled:{name}") for name in ("teacher", "start"))
        train(spec, teacher, student, chosen.steps, chosen.seed)
    except AklVizError as error:
        parser.error(str(error))


def train(spec: LossSpec, teacher: Checkpoint, student: Checkpoint, steps: int, seed: int) -> None:
    """The loop: teacher logits without gradient, one call for the loss, backward, step."""
    rows, held_out = token_windows(teacher.tokenizer, LENGTH)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    model = student.model.float().train().requires_grad_(True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.95), weight_decay=0.1)
    before = held_out_gaps(teacher.model, model.eval(), held_out[:HELD_OUT_ROWS])
    model.train()
    for step in range(steps):
        ids = rows[order[(step * ROWS) % len(rows)]].unsqueeze(0)
        with torch.no_grad():
            teacher_logits = logits(teacher.model, ids)
        loss = distillation_loss(spec.key, teacher_logits, logits(model, ids), target=ids[:, 1:], **spec.params)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1) % 10 == 0 or step + 1 == steps:
            print(f"step {step + 1:>4}  {spec} {loss.item():.4f} nats")
    after = held_out_gaps(teacher.model, model.eval(), held_out[:HELD_OUT_ROWS])
    for name, was, is_now in zip(("head gap", "tail gap"), before, after, strict=True):
        print(f"{name}  before {was:.4f}  after {is_now:.4f}  ({is_now - was:+.4f})")


if __name__ == "__main__":
    main()
