"""One table for the settings of a run as options of a command: the parser and "Show the command" both follow it.

Loads no torch.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from akl_viz.distill.config import (
    OPTIMISERS,
    PRECISIONS,
    RESPONSES,
    SCHEDULES,
    SOURCES,
    DataConfig,
    DistillConfig,
    OptimiserConfig,
    ProbeConfig,
)
from akl_viz.loss_spec import SYNTAX
from akl_viz.records import BOUNDARIES

_REFERENCE = "bundled:NAME, toy:NAME, a local folder or a hub id, with #REV for a revision"


@dataclass(frozen=True)
class Option:
    """One setting as an option."""

    flag: str
    field: str
    """Where it goes: "steps", or "data.window"."""
    help: str
    choices: tuple[str, ...] = ()

    @property
    def default(self) -> Any:
        """The setting's default."""
        return value_of(DistillConfig(), self.field)

    @property
    def kind(self) -> type:
        """str, int, float or bool (a switch), or tuple (may be repeated)."""
        return type(self.default)


OPTIONS: tuple[Option, ...] = (
    Option("--teacher", "teacher", _REFERENCE),
    Option("--student", "student", f"the common start of all losses: {_REFERENCE}"),
    Option("--loss", "losses", f"{SYNTAX}; once for each loss of the race"),
    Option("--steps", "steps", "optimiser steps of every loss"),
    Option("--seed", "seed", "of the order of the text and of everything drawn"),
    Option("--text", "data.text", "bundled, toy, or a .txt, .jsonl, .csv or .parquet file"),
    Option("--column", "data.column", "column with the text or the prompt"),
    Option("--response", "data.response", "column with the response"),
    Option("--chat", "data.chat", "put prompt and response into the tokenizer's chat template"),
    Option("--response-only", "data.response_only", "let the loss count on the response only"),
    Option(
        "--responses",
        "data.responses",
        "with --response-only: the assistant's messages of a chat that are responses",
        RESPONSES,
    ),
    Option("--source", "data.source", "sequences: the text, the teacher's samples, or the student's own", SOURCES),
    Option("--window", "data.window", "tokens per sequence, at most"),
    Option("--rows", "data.rows", "sequences per step, over all processes together"),
    Option("--accumulate", "data.accumulate", "micro-batches per step"),
    Option("--limit", "data.limit", "different sequences, after which they repeat; 0 for all"),
    Option("--prompt-tokens", "data.prompt_tokens", "leading tokens that a sample continues"),
    Option("--sample-temperature", "data.sample_temperature", "of the samples learnt on"),
    Option("--teacher-temperature", "data.teacher_temperature", "noisy teacher: its logits are divided by it"),
    Option("--label-noise", "data.label_noise", "noisy teacher: share of positions turned to wrong tokens"),
    Option("--optimiser", "optimiser.name", "what moves the weights", OPTIMISERS),
    Option("--lr", "optimiser.lr", "learning rate"),
    Option("--schedule", "optimiser.schedule", "of the learning rate after the warm-up", SCHEDULES),
    Option("--warmup", "optimiser.warmup", "steps over which the learning rate rises"),
    Option("--floor", "optimiser.floor", "share of lr at which cosine and linear end"),
    Option("--weight-decay", "optimiser.weight_decay", "on matrices"),
    Option("--beta1", "optimiser.beta1", "of adamw and adam"),
    Option("--beta2", "optimiser.beta2", "of adamw and adam"),
    Option("--momentum", "optimiser.momentum", "of sgd"),
    Option("--clip", "optimiser.clip", "largest norm of the gradient; 0 for none"),
    Option("--kd-ratio", "kd_ratio", "share of the divergence; the rest is the language-model loss"),
    Option("--temperature", "temperature", "of both models inside the divergence"),
    Option("--mu", "probe.mu", "teacher mass of the head in the measurements"),
    Option("--boundary", "probe.boundary", "rule of the head in the measurements", BOUNDARIES),
    Option("--probe-every", "probe.every", "steps between measurements; 0 for 0, 1, 2, 5, 10, 20, 40, ..."),
    Option("--probe-windows", "probe.windows", "held-out sequences that are measured"),
    Option("--prompt", "probe.prompts", "a text the samples continue; may be repeated"),
    Option("--samples", "probe.samples", "samples where no prompt is given"),
    Option("--sample-tokens", "probe.sample_tokens", "tokens of a sample"),
    Option("--checkpoint-every", "checkpoint_every", "steps between checkpoints; 0 for the last alone"),
    Option("--keep", "keep", "newest checkpoints kept per loss; 0 for all"),
    Option("--lora-rank", "lora_rank", "train a LoRA adapter of this rank; 0 for all weights"),
    Option("--lora-alpha", "lora_alpha", "of the adapter"),
    Option("--dropout", "dropout", "leave the student's dropout on"),
    Option("--device", "device", "auto, cpu, cuda, cuda:N or mps"),
    Option("--precision", "precision", "of the arithmetic", PRECISIONS),
    Option("--cache-mb", "cache_mb", "memory for the teacher's logits of sequences that come again"),
)
"""Every setting but the watched positions, in the order of the help text."""


def value_of(config: DistillConfig, field: str) -> Any:
    """A setting by its field, e.g. "data.window"."""
    section, _, name = field.rpartition(".")
    return getattr(getattr(config, section) if section else config, name)


def changed(config: DistillConfig, values: Mapping[str, Any]) -> DistillConfig:
    """The configuration with some settings changed, by field.

    Raises:
        InvalidInput: a value outside its range.
    """
    own = {name: value for name, value in values.items() if "." not in name}
    kinds: dict[str, type] = {"data": DataConfig, "optimiser": OptimiserConfig, "probe": ProbeConfig}
    for section, kind in kinds.items():
        inner = {
            each.name: values[f"{section}.{each.name}"] for each in fields(kind) if f"{section}.{each.name}" in values
        }
        if inner:
            own[section] = replace(getattr(config, section), **inner)
    return replace(config, **own)


def command_of(config: DistillConfig, folder: Path | str) -> str:
    """The shell command that runs a configuration: teacher, student, losses, steps, seed, and what is no default."""
    always = {"teacher", "student", "losses", "steps", "seed"}
    words = ["akl-viz", "distill"]
    for option in OPTIONS:
        value = value_of(config, option.field)
        if option.field not in always and value == option.default:
            continue
        if option.kind is bool:
            words += [option.flag] if value else []
        else:
            each = value if isinstance(value, tuple) else (value,)
            words += [word for one in each for word in (option.flag, str(one))]
    return shlex.join([*words, "--out", str(folder)])
