"""A pair of tiny random checkpoints with room for a long text, made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

TOKENS = 2_048
VOCABULARY = 1_024
SENTENCE = "It is a truth universally acknowledged, that a single man in possession of a good fortune must want. "


def make_pair(folder: Path) -> tuple[Path, Path]:
    """Write teacher and student below the folder; returns their places."""
    tokenizer = _tokenizer()
    places = folder / "teacher", folder / "student"
    messages: Any = transformers_logging
    messages.disable_progress_bar()
    for seed, place in enumerate(places):
        _model(seed).save_pretrained(place)
        tokenizer.save_pretrained(place)
    return places


def long_text() -> str:
    """A text of more than TOKENS tokens; the context cuts it to exactly that many."""
    per_sentence = len(_tokenizer()(SENTENCE)["input_ids"])
    return SENTENCE * (TOKENS // per_sentence + 1)


def _tokenizer() -> Any:
    """A byte-level tokenizer that knows all bytes and the words of SENTENCE."""
    backend: Any = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    backend.train_from_iterator([SENTENCE], trainer)
    fast: Any = PreTrainedTokenizerFast
    return fast(tokenizer_object=backend)


def _model(seed: int) -> Any:
    """A two-layer Llama with random weights from a generator of its own."""
    config: Any = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=TOKENS,
    )
    model: Any = LlamaForCausalLM(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model
