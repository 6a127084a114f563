"""A training that is not ours, in a second: a tiny random Llama in the Trainer, with dropout and shuffling."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import LlamaConfig, Trainer, TrainingArguments

from akl_viz.distill import ProbeConfig
from akl_viz.integrations.callback import HeadTailCallback
from tests.checkpoints import VOCABULARY, make_tokenizer, random_model

HELD_OUT = [
    "It is a truth universally acknowledged, that a single man must be in want of a wife.",
    "a single man in possession of a good fortune",
    "of a good fortune must be in want",
]
LENGTH = 12
SEED = 3
PROBE = ProbeConfig(windows=3, watched=(3, 9), samples=1, sample_tokens=4)
MEASURES = ["forward_kl", "reverse_kl", "head_gap", "tail_gap", "weight_forward", "top1_agreement", "perplexity"]


def student(seed: int = 2, *, rows: int = VOCABULARY, dropout: float = 0.3):
    """A tiny random Llama whose attention drops out while it trains."""
    config = LlamaConfig(
        vocab_size=rows,
        hidden_size=24,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=64,
        attention_dropout=dropout,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    return random_model(config, seed)


def token_rows(count: int = 64) -> list[dict[str, list[int]]]:
    """What is learnt: random tokens, each row its own labels."""
    drawn = torch.randint(3, VOCABULARY, (count, LENGTH), generator=torch.Generator().manual_seed(0)).tolist()
    return [{"input_ids": row, "labels": row} for row in drawn]


def arguments(folder: Path, **changes) -> TrainingArguments:
    """Quiet, on the CPU, eight steps, every step logged."""
    settings = {
        "output_dir": str(folder / "trainer"),
        "max_steps": 8,
        "per_device_train_batch_size": 4,
        "learning_rate": 1e-2,
        "logging_steps": 1,
        "seed": SEED,
        "use_cpu": True,
        "dataloader_pin_memory": False,
        "disable_tqdm": True,
        "report_to": [],
        "save_strategy": "no",
    }
    return TrainingArguments(**settings | changes)


def trainer(folder: Path, model, callbacks=(), **changes) -> Trainer:
    """transformers' own trainer with the tokenizer of the pair."""
    return Trainer(
        model=model,
        args=arguments(folder, **changes),
        train_dataset=token_rows(),
        processing_class=make_tokenizer(),
        callbacks=list(callbacks),
    )


def callback(teacher, folder, held_out=HELD_OUT, **changes) -> HeadTailCallback:
    """A callback on the three held-out texts."""
    return HeadTailCallback(teacher, held_out, folder, **{"probe": PROBE} | changes)


def weights(folder, callbacks, **changes):
    """Name -> tensor after eight steps."""
    run = trainer(folder, student(), callbacks, **changes)
    run.train()
    return {name: value.detach().clone() for name, value in run.model.state_dict().items()}
