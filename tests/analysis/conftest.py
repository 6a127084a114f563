"""Pairs of tiny random checkpoints, and what plain transformers says about a text under them."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, PreTrainedTokenizerFast

from akl_viz.models import ModelPool

CORPUS = "It is a truth universally acknowledged, that a single man in possession of a good fortune must be " * 3
VOCABULARY = 384
CONTEXT = 256
PADDING = 24
SCALE = 0.25
"""Standard deviation of the random weights: distributions from nearly certain to broad."""

TRICKY = (
    "She said:\t“naïve café” 😀👩‍🔬 東京は晴れ\n\n<img src=x onerror=alert(1)> — a man, in\u00a0possession.\r\n  end"
)
"""Emoji, a joined emoji, CJK, tabs, newlines, a no-break space, and markup that must stay text."""


def tokenizer() -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=["<bos>", "<eos>", "<pad>"],
        show_progress=False,
    )
    backend.train_from_iterator([CORPUS], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>")


def save_llama(folder: Path, seed: int, *, hidden=24, rows=VOCABULARY, context=CONTEXT) -> Path:
    """A two-layer Llama with random weights, as save_pretrained writes it."""
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
    model = AutoModelForCausalLM.from_config(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.copy_(SCALE * torch.randn(parameter.shape, generator=generator))
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """Matrices this small only lose time to a second thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def folders(tmp_path_factory) -> dict[str, Path]:
    """Checkpoint folders by name: a teacher, a student, and a student whose embedding is padded."""
    root = tmp_path_factory.mktemp("pair")
    return {
        "teacher": save_llama(root / "teacher", 1, hidden=32),
        "student": save_llama(root / "student", 2),
        "padded": save_llama(root / "padded", 3, rows=VOCABULARY + PADDING),
        "long": save_llama(root / "long", 4, context=2048),
    }


@pytest.fixture(scope="session")
def load(folders):
    """Load two of the checkpoints by name: `load("teacher", "student", dtype="float32")`."""
    pool = ModelPool(capacity=8)

    def pair(teacher: str, student: str, dtype: str = "float32"):
        return pool.pair(str(folders[teacher]), str(folders[student]), dtype=dtype, device="cpu")

    return pair


@cache
def plain_logits(folder: Path, text: str) -> tuple[list[int], np.ndarray]:
    """(T,) ids and (T, V) float32 logits from one uncached pass of plain transformers."""
    ids = AutoTokenizer.from_pretrained(folder)(text)["input_ids"]
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
    return ids, logits.double().numpy()
