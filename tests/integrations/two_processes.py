"""One process of a watched training, started by a test: `torch.distributed.run ... two_processes.py FOLDER`."""

import sys
from pathlib import Path

import torch

from tests.integrations.training import callback, student, trainer

if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    watch = callback(student(7, dropout=0.0).eval(), folder / "run")
    watched = trainer(folder, student(), [watch])
    watched.train()
    weights = {name: value.detach().clone() for name, value in watched.model.state_dict().items()}
    torch.save(weights, folder / f"weights-{watched.args.process_index}.pt")
