"""One process of a distillation, started by a test: `torch.distributed.run ... distilling_process.py FOLDER FORM`."""

import sys
from pathlib import Path

import torch

from tests.integrations.test_trainer import made
from tests.integrations.training import student


def distilled(folder: Path, *, fused: bool, **sizes: int):
    """A trainer after one large step of plain gradient descent on eight uneven rows."""
    trainer = made(
        folder,
        model=student(dropout=0.0),
        keywords={"kd_ratio": 0.5, "fused": fused},
        max_steps=1,
        optim="sgd",
        learning_rate=1.0,
        lr_scheduler_type="constant",
        **sizes,
    )
    trainer.train()
    return trainer


if __name__ == "__main__":
    torch.set_num_threads(1)
    place = Path(sys.argv[1])
    done = distilled(place, fused=sys.argv[2] == "fused", per_device_train_batch_size=2, gradient_accumulation_steps=2)
    weights = {name: value.detach().clone() for name, value in done.model.state_dict().items()}
    torch.save(weights, place / f"weights-{done.args.process_index}.pt")
