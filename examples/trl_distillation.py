"""Any divergence in TRL's SFTTrainer: put DistillationMixin before it.

    pip install trl
    python examples/trl_distillation.py --loss akl --steps 20

TRL's SFTTrainer prepares the data (chat templates, completion-only loss, packing off) and the mixin computes the
loss from its batches: labels of -100 do not count. TRL's own GKD trainer knows generalised JSD only and would need its
loss replaced; this needs nothing of TRL replaced.
"""

from __future__ import annotations

from austen import token_windows
from before_and_after import before_and_after
from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from akl_viz.integrations.hf import DistillationMixin
from akl_viz.models import load_checkpoint


class DistillationSFTTrainer(DistillationMixin, SFTTrainer):
    """TRL's SFTTrainer with a divergence from a frozen teacher as its loss."""


def make_trainer(loss: str, steps: int, folder: str) -> DistillationSFTTrainer:
    """A trainer on prompt-completion pairs of the bundled novel: only the completion counts."""
    student = load_checkpoint("bundled:start")
    parts = []
    for part in token_windows(student.tokenizer, 128):
        texts = [student.tokenizer.decode(row) for row in part[:64]]
        # Words begin with their space, so a cut before one is a cut between tokens.
        cuts = [text.index(" ", 120) for text in texts]
        rows = [{"prompt": text[:cut], "completion": text[cut:]} for text, cut in zip(texts, cuts, strict=True)]
        parts.append(Dataset.from_list(rows))
    arguments = SFTConfig(
        folder,
        max_steps=steps,
        per_device_train_batch_size=2,
        per_device_eval_batch_size=4,
        learning_rate=2e-3,
        max_length=256,
        completion_only_loss=True,
        logging_steps=10,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=False,
        bf16=False,
    )
    return DistillationSFTTrainer(
        model=student.model.float().requires_grad_(True),
        args=arguments,
        train_dataset=parts[0],
        eval_dataset=parts[1].select(range(min(8, len(parts[1])))),
        processing_class=student.tokenizer,
        teacher="bundled:teacher",
        loss=loss,
        kd_ratio=1.0,
    )


if __name__ == "__main__":
    before_and_after(make_trainer, __doc__, steps=20)
