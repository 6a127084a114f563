"""Tiny random checkpoints of every family, with a tokenizer of their own; nothing is downloaded."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    OPTConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

CORPUS = "It is a truth universally acknowledged, that a single man in possession of a good fortune " * 3
VOCABULARY = 320
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


def make_tokenizer(corpus: str = CORPUS) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of VOCABULARY entries at most."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=["<bos>", "<eos>", "<pad>"],
        show_progress=False,
    )
    backend.train_from_iterator([corpus], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>")


def random_model(config, seed=0):
    """A causal language model whose weights come from a generator of its own."""
    model = AutoModelForCausalLM.from_config(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name and "ln_" not in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model


@pytest.fixture(scope="package", autouse=True)
def one_thread():
    """Tensors this small are slower on several threads, much so on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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
