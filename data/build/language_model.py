"""What the teacher's and the students' training share: architecture, batches, schedule, perplexity, saving."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from text import TOKENIZER
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CONTEXT = 512


def new_llama(hidden: int, layers: int, inner: int, heads: int, seed: int) -> LlamaForCausalLM:
    """A freshly initialised Llama with tied embeddings over the bundled vocabulary."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(TOKENIZER)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        num_hidden_layers=layers,
        intermediate_size=inner,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.random.default_generator.manual_seed(seed)
        return LlamaForCausalLM(config)


def windows(stream: torch.Tensor, rows: int, length: int, generator: torch.Generator) -> torch.Tensor:
    """`rows` windows of `length` tokens at random places of the stream: (rows, length)."""
    starts = torch.randint(0, len(stream) - length, (rows,), generator=generator)
    return torch.stack([stream[start : start + length] for start in starts.tolist()])


def language_model_loss(model: LlamaForCausalLM, ids: torch.Tensor) -> torch.Tensor:
    """Mean negative log-likelihood (nats) of every token but the first of each row."""
    logits = model(ids).logits[:, :-1]
    return functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1))


@torch.no_grad()
def perplexity(model: LlamaForCausalLM, stream: torch.Tensor, limit: int | None = None) -> float:
    """exp of the mean loss over consecutive windows of the model's context (at most `limit` windows)."""
    model.eval()
    rows = stream[: len(stream) // CONTEXT * CONTEXT].view(-1, CONTEXT)[:limit]
    losses = [language_model_loss(model, batch).item() for batch in rows.split(1)]
    model.train()
    return math.exp(sum(losses) / len(losses))


def optimiser(model: LlamaForCausalLM, lr: float) -> torch.optim.AdamW:
    """AdamW of the recipe: betas .9 / .95, weight decay .1 on matrices only."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95), fused=True)


def cosine(step: int, steps: int, warm_up: int, floor: float = 0.1) -> float:
    """Share of the peak learning rate at `step`: linear warm-up, then cosine down to `floor`."""
    if step < warm_up:
        return (step + 1) / warm_up
    progress = (step - warm_up) / max(1, steps - warm_up)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))


def save_half(model: LlamaForCausalLM, folder: Path) -> None:
    """Save weights as fp16 safetensors with the tokenizer beside them, loadable by transformers alone."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(TOKENIZER)
    copy = LlamaForCausalLM(model.config)
    copy.load_state_dict(model.state_dict())
    copy.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
