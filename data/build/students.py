"""Distil the bundled students: one warmed-up start per seed, then four losses from it on the same batches.

Within a seed everything but the loss is equal: the start (its own initialisation and a short SFT), the windows of
text and their order, the optimiser and its constant learning rate. No gradient clipping: the losses' gradients
differ in size, and a common threshold would treat them differently. One thread: models this small gain little from
more, and sums then do not depend on the number of cores. Each (seed, loss) leaves a part in the
scratch folder when it is finished, so an interrupted run continues with the first one that is missing; the results
are copied into data/ when all parts are there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from language_model import language_model_loss, new_llama, optimiser, save_half, windows
from probes import WINDOWS, Probe
from text import DATA, TOKENIZER, token_streams
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from akl_viz.divergences import distillation_loss

LOSSES = ("forward_kl", "reverse_kl", "mixed_kl", "akl")
SEEDS = (0, 1, 2)
BUNDLED_SEED = 0
STEPS = 400
BUNDLED_STEPS = (20, 80, 400)
PROBE_STEPS = (0, 1, 2, 5, 10, 20, 40, 80, 160, 400)
LEARNING_RATE = 2e-3
WINDOW = 256
WARM_UP_STEPS = 200
WARM_UP_ROWS = 2
COLUMNS = (
    "seed",
    "loss",
    "step",
    "tokens",
    "train_loss",
    "forward_kl",
    "reverse_kl",
    "head_gap",
    "tail_gap",
    "weight_forward",
    "weight_forward_sd",
    "top1_agreement",
    "perplexity",
    "entropy",
    "cpu_seconds",
)


@dataclass(frozen=True)
class Setting:
    """What all runs share: models, text, probe, how far to go and where unfinished work is kept."""

    teacher: LlamaForCausalLM
    train: torch.Tensor
    probe: Probe
    steps: int
    scratch: Path


def new_student(seed: int) -> LlamaForCausalLM:
    """A freshly initialised student of about 0.61 M parameters."""
    return new_llama(hidden=96, layers=2, inner=256, heads=4, seed=seed)


def batches(train: torch.Tensor, rows: int, seed: int) -> Iterator[torch.Tensor]:
    """Endless (rows, WINDOW) windows of training text; the same for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield windows(train, rows, WINDOW, generator)


def step_down(model: LlamaForCausalLM, adam: torch.optim.AdamW, loss: torch.Tensor) -> None:
    """One optimiser step down `loss`."""
    adam.zero_grad(set_to_none=True)
    loss.backward()
    adam.step()


def warmed_up(setting: Setting, seed: int) -> LlamaForCausalLM:
    """The start of a seed: WARM_UP_STEPS of plain language modelling, kept in scratch."""
    student = new_student(seed)
    stored = setting.scratch / f"start-{seed}.pt"
    if stored.exists():
        student.load_state_dict(torch.load(stored, weights_only=True))
        return student
    adam = optimiser(student, LEARNING_RATE)
    text = batches(setting.train, WARM_UP_ROWS, seed=1000 + seed)
    for _ in range(WARM_UP_STEPS):
        step_down(student, adam, language_model_loss(student, next(text)))
    torch.save(student.state_dict(), stored)
    return student


def distil(setting: Setting, seed: int, loss: str) -> list[dict[str, float | int | str]]:
    """Train one student on `loss` from the start of `seed`; return one row per probe step."""
    student = warmed_up(setting, seed)
    adam = optimiser(student, LEARNING_RATE)
    text = batches(setting.train, 1, seed=2000 + seed)
    value, seconds = float("nan"), 0.0
    rows = []
    for step in range(setting.steps + 1):
        if step:
            ids = next(text)
            with torch.no_grad():
                teacher_logits = setting.teacher(ids).logits
            started = time.process_time()
            objective = distillation_loss(loss, teacher_logits, student(ids).logits)
            step_down(student, adam, objective)
            value = objective.item()
            seconds += time.process_time() - started
        if step in PROBE_STEPS:
            measured = setting.probe.measure(student)
            head = {"seed": seed, "loss": loss, "step": step, "tokens": step * WINDOW}
            rows.append(head | {"train_loss": value, "cpu_seconds": seconds} | measured)
        if step in BUNDLED_STEPS and seed == BUNDLED_SEED:
            save_half(student, setting.scratch / f"checkpoints/{loss}-{step}")
    return rows


def fingerprint(folder: Path) -> str:
    """Hash of a checkpoint's weights: a part made from other weights is not reused."""
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def part(setting: Setting, seed: int, loss: str) -> list[dict[str, float | int | str]]:
    """The rows of one (seed, loss), from scratch if finished before."""
    stored = setting.scratch / f"{seed}-{loss}.json"
    if not stored.exists():
        rows = distil(setting, seed, loss)
        unfinished = stored.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(rows))
        unfinished.replace(stored)
        print(json.dumps(rows[-1]), flush=True)
    return json.loads(stored.read_text())


def arguments() -> argparse.Namespace:
    """The command line; the defaults build what is bundled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--windows", type=int, default=WINDOWS, help="probe windows")
    parser.add_argument("--teacher", type=Path, default=DATA / "checkpoints/teacher")
    parser.add_argument("--scratch", type=Path, default=DATA / "build/scratch/students")
    parser.add_argument("--out", type=Path, default=DATA, help="gets checkpoints/ and curves/")
    return parser.parse_args()


def main() -> None:
    """Make every missing part, then write the curves of all seeds and the teacher-side facts."""
    given = arguments()
    torch.set_num_threads(1)
    train, held_out = token_streams(PreTrainedTokenizerFast.from_pretrained(TOKENIZER))
    teacher = LlamaForCausalLM.from_pretrained(given.teacher, dtype=torch.float32, use_safetensors=True).eval()
    scratch = given.scratch / fingerprint(given.teacher)[:12] / f"{given.steps}-steps"
    scratch.mkdir(parents=True, exist_ok=True)
    probe = Probe(teacher, held_out, given.windows)
    setting = Setting(teacher, train, probe, given.steps, scratch)
    save_half(warmed_up(setting, BUNDLED_SEED), scratch / "checkpoints/start")
    rows = [row for seed in given.seeds for loss in LOSSES for row in part(setting, seed, loss)]
    shutil.copytree(scratch / "checkpoints", given.out / "checkpoints", dirs_exist_ok=True)
    curves = given.out / "curves"
    curves.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows)[list(COLUMNS)].to_parquet(curves / "students.parquet", index=False)
    facts = probe.teacher_facts() | {"seeds": len(given.seeds)}
    (curves / "probe.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
