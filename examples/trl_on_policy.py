"""Any divergence on what the student itself writes: TRL's GKDTrainer with its generalised JSD replaced.

    pip install trl
    python examples/trl_on_policy.py --loss akl --steps 20

GKD lets the student continue half of the prompts (lmbda=0.5) and compares both models on that text. It takes its loss
from one static method, so a short subclass is all it needs.
"""

from __future__ import annotations

from typing import Any

import torch
from austen import token_windows
from before_and_after import before_and_after
from datasets import Dataset
from trl.experimental.gkd import GKDConfig, GKDTrainer

from akl_viz.divergences import distillation_loss, get
from akl_viz.loss_spec import LossSpec
from akl_viz.models import load_checkpoint

PROMPT, LENGTH = 32, 64


def gkd_with(loss: str) -> type[GKDTrainer]:
    """GKDTrainer whose loss is a row of the table, e.g. "akl:mu=0.6"; its beta is then not used."""
    spec = LossSpec.parse(loss)
    params = get(spec.key).checked(spec.params)

    class OnPolicyTrainer(GKDTrainer):
        @staticmethod
        def generalized_jsd_loss(
            student_logits: Any, teacher_logits: Any, labels: Any, num_items_in_batch: Any = None, **_: Any
        ) -> torch.Tensor:
            """Sum over the labels that count, divided by their number in the whole batch."""
            mask = labels != -100
            total = distillation_loss(
                spec.key, teacher_logits, student_logits, mask=mask, target=labels, reduction="sum", **params
            )
            count = mask.sum() if num_items_in_batch is None else torch.as_tensor(num_items_in_batch)
            return total / count.to(total.device).clamp(min=1)

    return OnPolicyTrainer


def collate(rows: list[dict]) -> dict[str, torch.Tensor]:
    """Windows of equal length: the first PROMPT tokens are the prompt, the rest is learnt from."""
    ids = torch.tensor([row["input_ids"] for row in rows])
    labels = ids.clone()
    labels[:, :PROMPT] = -100
    prompts = ids[:, :PROMPT]
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "labels": labels,
        "prompts": prompts,
        "prompt_attention_mask": torch.ones_like(prompts),
    }


def make_trainer(loss: str, steps: int, folder: str) -> GKDTrainer:
    """A trainer on windows of the bundled novel."""
    trainer_class = gkd_with(loss)
    student = load_checkpoint("bundled:start")
    parts = [Dataset.from_dict({"input_ids": part[:256].tolist()}) for part in token_windows(student.tokenizer, LENGTH)]
    arguments = GKDConfig(
        folder,
        max_steps=steps,
        per_device_train_batch_size=4,
        learning_rate=2e-3,
        lmbda=0.5,
        max_new_tokens=LENGTH - PROMPT,
        logging_steps=10,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=False,
        bf16=False,
    )
    return trainer_class(
        model=student.model.float().requires_grad_(True),
        teacher_model=load_checkpoint("bundled:teacher").model.float(),
        args=arguments,
        data_collator=collate,
        train_dataset=parts[0],
        eval_dataset=parts[1].select(range(16)),
        processing_class=student.tokenizer,
    )


if __name__ == "__main__":
    before_and_after(make_trainer, __doc__, steps=20)
