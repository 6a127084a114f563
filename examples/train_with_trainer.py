"""The same distillation with transformers' Trainer: only the class and three keywords are new.

python examples/train_with_trainer.py --loss akl --steps 40
"""

from __future__ import annotations

from austen import token_windows
from before_and_after import before_and_after
from transformers import TrainingArguments

from akl_viz.integrations.hf import DistillationTrainer
from akl_viz.models import load_checkpoint


def make_trainer(loss: str, steps: int, folder: str) -> DistillationTrainer:
    """A trainer on the bundled novel; labels are the tokens themselves."""
    student = load_checkpoint("bundled:start")
    train, held_out = token_windows(student.tokenizer, 256)
    rows = [[{"input_ids": row, "labels": row} for row in part] for part in (train, held_out[:8])]
    arguments = TrainingArguments(
        folder,
        max_steps=steps,
        per_device_train_batch_size=1,
        learning_rate=2e-3,
        lr_scheduler_type="constant",
        logging_steps=10,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    return DistillationTrainer(
        model=student.model.float().requires_grad_(True),
        args=arguments,
        train_dataset=rows[0],
        eval_dataset=rows[1],
        processing_class=student.tokenizer,
        teacher="bundled:teacher",
        loss=loss,
        kd_ratio=1.0,
    )


if __name__ == "__main__":
    before_and_after(make_trainer, __doc__, steps=40)
