"""A synthetic language whose true distribution is known, with a teacher that is exactly it: runs of seconds.

The language is a Markov chain over 64 tokens: the next token depends on the last one alone, with a few likely
continuations and a long tail. The teacher is a Llama without layers whose logits are the chain's own log-probabilities,
so a distance to the teacher is a distance to the truth. The student is a small random Llama.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

import torch
from torch import Tensor

from akl_viz.distill.corpus import Corpus, from_stream
from akl_viz.distill.seeds import generator, seeded_default
from akl_viz.models import Checkpoint
from akl_viz.records import ModelInfo

PREFIX = "toy:"
TEACHER, STUDENT = "toy:teacher", "toy:student"
VOCABULARY = 64
CONTEXT = 256
TOKENS = 40_000
"""Length of the text."""
SHARPNESS = 1.2
"""Exponent of the power law of every row of the chain: its head is 3 to 5 tokens at mu = 0.5."""
_LANGUAGE = 0
"""The language is one and the same whatever the seed of a run."""


def transitions() -> Tensor:
    """(VOCABULARY, VOCABULARY) log-probabilities of the next token (columns) after each token (rows), nats."""
    draws = generator(_LANGUAGE, "toy language")
    ranks = torch.argsort(torch.rand(VOCABULARY, VOCABULARY, generator=draws, dtype=torch.float64), dim=-1)
    logits = -SHARPNESS * torch.log1p(ranks.double()) + 0.2 * torch.randn(
        VOCABULARY, VOCABULARY, generator=draws, dtype=torch.float64
    )
    return logits.log_softmax(-1)


def toy_text(length: int = TOKENS) -> Tensor:
    """(length,) tokens drawn from the chain; the same every time."""
    cumulative = transitions().exp().cumsum(-1).tolist()
    uniform = torch.rand(length, generator=generator(_LANGUAGE, "toy text"), dtype=torch.float64).tolist()
    ids = [0]
    for draw in uniform[1:]:
        ids.append(min(bisect_left(cumulative[ids[-1]], draw), VOCABULARY - 1))
    return torch.tensor(ids)


def toy_corpus(window: int, prompt: int, windows: int) -> Corpus:
    """The text as sequences."""
    return from_stream(toy_text(), min(window, CONTEXT), prompt, windows, "The toy text")


def toy_checkpoint(reference: str, seed: int) -> Checkpoint:
    """The exact teacher ("toy:teacher") or a random student ("toy:student") of the seed."""
    model = _teacher() if reference == TEACHER else _student(seed)
    model = model.eval().requires_grad_(False)
    info = ModelInfo(
        reference=reference,
        architecture=type(model).__name__,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        vocab_size=VOCABULARY,
        context=CONTEXT,
        dtype="float32",
        device="cpu",
        revision="",
    )
    return Checkpoint(info, model, toy_tokenizer())


def toy_tokenizer() -> Any:
    """One word per token, w0 to w63, and no special tokens."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {f"w{number}": number for number in range(VOCABULARY)}
    backend = Tokenizer(models.WordLevel(words, unk_token="w0"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast: Any = PreTrainedTokenizerFast
    return fast(tokenizer_object=backend, model_max_length=CONTEXT)


def _teacher() -> Any:
    """A Llama without layers: its final norm scales a one-hot by sqrt(V), its output rows undo that."""
    model = _llama(hidden=VOCABULARY, layers=0, heads=1, norm_eps=1e-12)
    with torch.no_grad():
        model.model.embed_tokens.weight.copy_(torch.eye(VOCABULARY))
        model.model.norm.weight.fill_(1.0)
        model.lm_head.weight.copy_(transitions().T / VOCABULARY**0.5)
    return model


def _student(seed: int) -> Any:
    """Two layers of width 16, a quarter of what the language needs to be told exactly."""
    with seeded_default(seed, "toy student"):
        return _llama(hidden=16, layers=2, heads=2)


def _llama(hidden: int, layers: int, heads: int, norm_eps: float = 1e-6) -> Any:
    """A Llama over the toy vocabulary."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=CONTEXT,
        rms_norm_eps=norm_eps,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    return LlamaForCausalLM(config)
