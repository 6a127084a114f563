"""Head and tail gap of an ordinary fine-tuning, measured while it goes on: add one callback to any Trainer.

    python examples/watch_training.py --steps 20

The student learns the text alone, without any teacher in its loss. The callback measures it against the bundled teacher
at steps 0, 1, 2, 5, 10, 20, ... and writes a run folder. It lies where the app keeps its runs, so that `akl-viz app`
shows it on the race page, also while the training goes on.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from austen import token_windows
from transformers import Trainer, TrainingArguments

from akl_viz.distill import open_run
from akl_viz.errors import AklVizError
from akl_viz.integrations.hf import HeadTailCallback
from akl_viz.models import load_checkpoint
from akl_viz.paths import runs_root


def main() -> None:
    """Train, and print what the callback wrote."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--folder", type=Path, default=runs_root() / "fine-tuning", help="of the run: a new one")
    chosen = parser.parse_args()
    try:
        train(chosen.steps, chosen.folder)
        history = open_run(chosen.folder).history()
    except AklVizError as error:
        parser.error(str(error))
    print(history[["step", "train_loss", "head_gap", "tail_gap", "forward_kl", "reverse_kl"]].to_string(index=False))


def train(steps: int, folder: Path) -> None:
    """Fine-tune the bundled start on a novel, watched by the callback."""
    student = load_checkpoint("bundled:start", device="cpu", dtype="float32")
    learnt, held_out = token_windows(student.tokenizer, 128)
    with tempfile.TemporaryDirectory() as place:
        arguments = TrainingArguments(
            place,
            max_steps=steps,
            per_device_train_batch_size=4,
            learning_rate=2e-3,
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            dataloader_pin_memory=False,
        )
        Trainer(
            model=student.model.requires_grad_(True),
            args=arguments,
            train_dataset=[{"input_ids": row, "labels": row} for row in learnt],
            processing_class=student.tokenizer,
            callbacks=[HeadTailCallback("bundled:teacher", held_out.tolist(), folder)],
        ).train()


if __name__ == "__main__":
    main()
