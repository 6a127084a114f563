"""What each loss does to head and tail gap of the bundled pair, step by step, over three seeds.

Every seed is one race of the default recipe: all losses from the bundled start, on the same text in the same order. A
seed decides that order and nothing else: start, teacher and held-out positions are the same in every race.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import torch

from akl_viz.distill import DistillConfig, distill
from benchmarks.record import Result, finish, record

NAME = "race_evidence"
LOSSES = ("forward_kl", "reverse_kl", "mixed_kl", "akl", "akl:direction=reversed")
SEEDS = (0, 1, 2)
STEPS, QUICK_STEPS = 160, 10
QUANTITIES = {"head_gap": "probability", "tail_gap": "probability", "forward_kl": "nats", "reverse_kl": "nats"}
"""What is recorded of every probe -> its unit."""
RECIPE = DistillConfig(losses=LOSSES, steps=STEPS)
"""The defaults of the program but for losses and steps."""


def measure_name(quantity: str, loss: str, step: int, seed: int) -> str:
    """What a row of the results is called."""
    return f"{quantity} of {loss}, step {step}, seed {seed}"


def race(config: DistillConfig) -> list[Result]:
    """One race: a row per probed step, loss and quantity."""
    results = []
    for record_ in distill(config):
        if record_.probe is None:
            continue
        probe = record_.probe.as_dict()
        for quantity, unit in QUANTITIES.items():
            name = measure_name(quantity, record_.loss, record_.step, config.seed)
            results.append(Result.of(name, [probe[quantity]], unit))
        if record_.loss == LOSSES[-1]:
            print(f"seed {config.seed}, step {record_.step} of {record_.steps}", flush=True)
    return results


def run(*, quick: bool = False) -> bool:
    """Race, print and record."""
    torch.set_num_threads(1)
    seeds, steps = (SEEDS[:1], QUICK_STEPS) if quick else (SEEDS, STEPS)
    results = [row for seed in seeds for row in race(replace(RECIPE, seed=seed, steps=steps))]
    return record(NAME, results, quick=quick)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"one seed, {QUICK_STEPS} steps")
    finish(run(quick=parser.parse_args().quick))
