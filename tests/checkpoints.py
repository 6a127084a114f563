"""Tiny random checkpoints with their tokenizer, nothing downloaded, and what plain transformers says of them."""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, PreTrainedTokenizerFast

CORPUS = "It is a truth universally acknowledged, that a single man in possession of a good fortune must be " * 3
VOCABULARY = 320
CONTEXT = 256
SCALE = 0.25
"""Standard deviation of the random weights: distributions from nearly certain to broad."""

TRICKY = (
    "She said:\t“naïve café” 😀👩‍🔬 東京は晴れ\n\n<img src=x onerror=alert(1)> — a man, in\u00a0possession.\r\n  end"
)
"""Emoji, a joined emoji, CJK, tabs, newlines, a no-break space, and markup that must stay text."""


def make_tokenizer(corpus: str = CORPUS, size: int = VOCABULARY) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of `size` entries at most, with bos, eos and pad."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=["<bos>", "<eos>", "<pad>"],
        show_progress=False,
    )
    backend.train_from_iterator([corpus], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>")


def random_model(config, seed=0, scale=SCALE):
    """A causal language model whose weights come from a generator of its own; norms stay as they are made."""
    model = AutoModelForCausalLM.from_config(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name and "ln_" not in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
    return model


def save_llama(folder: Path, seed: int, *, hidden=24, rows=VOCABULARY, context=CONTEXT) -> Path:
    """A two-layer Llama with random weights and its tokenizer, as save_pretrained writes them."""
    config = LlamaConfig(
        vocab_size=rows,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=context,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    random_model(config, seed).save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


@cache
def plain_logits(folder: Path, text: str, dtype: torch.dtype = torch.float32) -> tuple[list[int], np.ndarray]:
    """(T,) ids and (T, V) logits from one uncached pass of plain transformers.

    Its eager attention would take the softmax in float32 also in a float64 model.
    """
    ids = AutoTokenizer.from_pretrained(folder)(text)["input_ids"]
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa").eval()
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
    return ids, logits.double().numpy()
