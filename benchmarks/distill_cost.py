"""What the distillation engine costs beside a bare PyTorch loop, and how long the default race takes.

The bare loop has the same models, batches, losses and optimiser, shares the teacher's pass among the losses as the
engine does, and does nothing else: no checks, no records, no files. Both take turns, twenty steps at a time, in one
process; the engine is timed with and without a run folder (with it, twenty steps include a checkpoint of every loss).
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from akl_viz.distill import DistillConfig, ProbeConfig, StepRecord, distill
from akl_viz.distill.corpus import load_corpus
from akl_viz.distill.sequences import Order
from akl_viz.divergences import distillation_loss
from akl_viz.models import load_checkpoint
from benchmarks.record import Result, finish, record

CHUNK = 20
REPEATS, QUICK_REPEATS = 7, 2
LONGEST = 1.05
"""Most time a token may take in the engine, as a multiple of the bare loop's: 95 % of its tokens per second."""
SECONDS = 60.0
"""CPU seconds in which 40 steps of three losses are promised, probes and loading included."""
DEFAULTS = DistillConfig()


def bare_loop() -> Iterator[None]:
    """The default race, one step of all losses per iteration, with nothing around it."""
    data = DEFAULTS.data
    teacher = load_checkpoint(DEFAULTS.teacher, device="cpu").model
    start = load_checkpoint(DEFAULTS.student, device="cpu", dtype="float32")
    train = load_corpus(data, start.tokenizer, start.info.context, 1, lambda: None).train
    order = Order(len(train), DEFAULTS.seed)
    students = [copy.deepcopy(start.model).requires_grad_(True) for _ in DEFAULTS.losses]
    optimisers = [adam(student) for student in students]
    step = 0
    while True:
        ids = torch.stack([train[index].ids for index in order.take(step * data.rows, data.rows)])
        with torch.no_grad():
            wanted = teacher(input_ids=ids[:, :-1], use_cache=False).logits
        for loss, student, optimiser in zip(DEFAULTS.losses, students, optimisers, strict=True):
            optimiser.zero_grad(set_to_none=True)
            logits = student(input_ids=ids[:, :-1], use_cache=False).logits
            distillation_loss(loss, wanted, logits).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        step += 1
        yield


def adam(student: Any) -> torch.optim.Optimizer:
    """The default optimiser."""
    chosen = DEFAULTS.optimiser
    matrices = [one for one in student.parameters() if one.dim() > 1]
    vectors = [one for one in student.parameters() if one.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": chosen.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=chosen.lr, betas=(chosen.beta1, chosen.beta2), fused=True)


def engine(folder: Path | None, steps: int) -> Iterator[StepRecord]:
    """The default race in the engine, measured at its start and its end alone."""
    return distill(replace(DEFAULTS, steps=steps, probe=ProbeConfig(every=steps, windows=1, samples=0)), folder)


def spent(work: Iterator[object], count: int) -> float:
    """Seconds of wall time for so many items."""
    started = time.perf_counter()
    for _ in range(count):
        next(work)
    return time.perf_counter() - started


def shares(repeats: int) -> dict[str, list[float]]:
    """Tokens per second of the engine as a share of the bare loop's, for each repeat: without and with a folder."""
    losses = len(DEFAULTS.losses)
    found: dict[str, list[float]] = {"memory": [], "folder": [], "bare": []}
    with tempfile.TemporaryDirectory() as place:
        # One chunk more than is timed, so that the last measurement lies outside.
        steps = (repeats + 2) * CHUNK
        runs = {"memory": engine(None, steps), "folder": engine(Path(place) / "run", steps)}
        plain = bare_loop()
        spent(plain, CHUNK)
        for work in runs.values():
            # The start is told first: a record per loss.
            spent(work, losses * (CHUNK + 1))
        for _ in range(repeats):
            seconds = {"bare": spent(plain, CHUNK)} | {name: spent(work, losses * CHUNK) for name, work in runs.items()}
            again = spent(plain, CHUNK)
            bare = (seconds["bare"] + again) / 2
            for name in runs:
                found[name].append(bare / seconds[name])
            found["bare"].append(CHUNK * losses * (DEFAULTS.data.window - 1) / bare)
        for work in runs.values():
            work.close()  # type: ignore[attr-defined]
    return found


def whole_run() -> float:
    """CPU seconds of the default race of 40 steps, written to a folder: loading, probes and checkpoints included."""
    with tempfile.TemporaryDirectory() as place:
        started = time.process_time()
        for _ in distill(DEFAULTS, Path(place) / "run"):
            pass
        return time.process_time() - started


def run(*, quick: bool = False) -> bool:
    """Measure, print and record; returns whether the bars are met."""
    torch.set_num_threads(1)
    found = shares(QUICK_REPEATS if quick else REPEATS)
    whole = [whole_run() for _ in range(1 if quick else 3)]
    results = [
        Result.of("time per token, engine / bare", [1 / one for one in found["folder"]], "ratio", bar=LONGEST),
        Result.of("the same without a run folder", [1 / one for one in found["memory"]], "ratio", bar=LONGEST),
        Result.of("bare loop", found["bare"], "tokens/s", note="three losses, one teacher pass"),
        Result.of("40 steps of three losses", whole, "CPU s", bar=SECONDS, note="loading, probes, checkpoints"),
    ]
    return record("distill_cost", results, quick=quick)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    finish(run(quick=parser.parse_args().quick))
