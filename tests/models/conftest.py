"""Tiny random checkpoints of every family, with a tokenizer of their own; nothing is downloaded."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from transformers import (
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    OPTConfig,
    Qwen2Config,
    Qwen3Config,
)

from tests.checkpoints import VOCABULARY, make_tokenizer, random_model

CONTEXT = 64
SIZES = {"vocab_size": VOCABULARY, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
ENDS = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
LLAMA = {**SIZES, **ENDS, "intermediate_size": 32, "num_key_value_heads": 1, "max_position_embeddings": CONTEXT}

CONFIGS = {
    "gpt2": lambda: GPT2Config(vocab_size=VOCABULARY, n_positions=CONTEXT, n_embd=16, n_layer=2, n_head=2, **ENDS),
    "llama": lambda: LlamaConfig(**LLAMA),
    "qwen2": lambda: Qwen2Config(**LLAMA, tie_word_embeddings=True),
    "qwen3": lambda: Qwen3Config(**LLAMA, head_dim=8),
    "gpt_neox": lambda: GPTNeoXConfig(**SIZES, **ENDS, intermediate_size=32, max_position_embeddings=CONTEXT),
    "opt": lambda: OPTConfig(
        **SIZES, **ENDS, ffn_dim=32, max_position_embeddings=CONTEXT, word_embed_proj_dim=16, dropout=0.0
    ),
    "mistral": lambda: MistralConfig(**LLAMA, sliding_window=8),
}


@pytest.fixture(scope="session")
def tokenizer():
    return make_tokenizer()


@pytest.fixture(scope="session")
def families(tmp_path_factory, tokenizer) -> Path:
    """A folder with one checkpoint per family."""
    root = tmp_path_factory.mktemp("families")
    for name, config in CONFIGS.items():
        random_model(config()).save_pretrained(root / name)
        tokenizer.save_pretrained(root / name)
    return root


@pytest.fixture
def llama(families, tmp_path) -> Path:
    """A copy of the Llama checkpoint that a test may break."""
    return Path(shutil.copytree(families / "llama", tmp_path / "llama"))


@pytest.fixture
def edit_json():
    def edit(path: Path, **changes):
        content = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(content | changes), encoding="utf-8")

    return edit


@pytest.fixture
def edit_weights():
    def edit(folder: Path, change):
        path = folder / "model.safetensors"
        tensors = load_file(path)
        change(tensors)
        save_file(tensors, path, metadata={"format": "pt"})

    return edit


@pytest.fixture
def data(tmp_path, families) -> Path:
    """A data folder with a teacher and three students in its catalog, listed out of order."""
    rows = [
        {"name": "akl-20", "role": "student", "loss": "akl", "step": 20, "parameters": 9, "perplexity": 3.0},
        {"name": "start", "role": "student", "loss": None, "step": 0, "parameters": 9, "perplexity": 4.0},
        {"name": "teacher", "role": "teacher", "loss": None, "step": None, "parameters": 9, "perplexity": 2.0},
        {"name": "akl-400", "role": "student", "loss": "akl", "step": 400, "parameters": 9, "perplexity": 2.5},
    ]
    checkpoints = tmp_path / "data" / "checkpoints"
    for row in rows:
        shutil.copytree(families / "llama", checkpoints / row["name"])
    (checkpoints / "index.json").write_text(json.dumps(rows), encoding="utf-8")
    return tmp_path / "data"
