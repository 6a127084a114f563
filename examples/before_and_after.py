"""The command of the examples that hand a trainer its loss."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from typing import Any

from akl_viz.errors import AklVizError


def before_and_after(make_trainer: Callable[[str, int, str], Any], description: str, *, steps: int) -> None:
    """Train and print the evaluation before and after; `make_trainer` gets the loss, the steps and a folder."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--loss", default="akl", help="any row of the table, e.g. forward_kl or akl:mu=0.6")
    parser.add_argument("--steps", type=int, default=steps)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            trainer = make_trainer(chosen.loss, chosen.steps, folder)
        except AklVizError as error:
            parser.error(str(error))
        before = trainer.evaluate()["eval_loss"]
        trainer.train()
        print(f"{chosen.loss} on held-out text: before {before:.4f}, after {trainer.evaluate()['eval_loss']:.4f} nats")
