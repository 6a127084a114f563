"""Small random models of every causal family that the installed transformers can build."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

VOCABULARY = 320
CONTEXT = 256
TOKENS = 150
"""Tokens of the text every model scores: beyond every short window, chunk and switch below."""
SCALE = 0.25
LARGEST = 30_000_000
"""Weights above which a family is not small: it is a model of pictures or sounds around a language model."""

_SIZES: dict[str, Any] = dict.fromkeys(
    ("hidden_size", "n_embd", "d_model", "embedding_size", "word_embed_proj_dim"), 32
)
_SIZES |= dict.fromkeys(("intermediate_size", "ffn_dim", "ffn_hidden_size", "decoder_ffn_dim", "n_inner"), 48)
_SIZES |= dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers"), 2)
_SIZES |= dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads"), 4)
_SIZES |= dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx"), CONTEXT)
_SIZES |= dict.fromkeys(("num_local_experts", "num_experts", "n_routed_experts"), 4)
_SIZES |= {
    "vocab_size": VOCABULARY,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "moe_intermediate_size": 16,
    "num_experts_per_tok": 2,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
}


@dataclass(frozen=True)
class Architecture:
    """One row of the sweep: a model type with the settings that make it small or bring a length into reach."""

    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    variant: str = ""

    @property
    def name(self) -> str:
        """As the table names it."""
        return f"{self.kind}, {self.variant}" if self.variant else self.kind

    def config(self) -> Any:
        """The configuration: the sizes it has, made small, then the row's own."""
        has = AutoConfig.for_model(self.kind).to_dict()
        sizes = {name: value for name, value in _SIZES.items() if name in has}
        return AutoConfig.for_model(self.kind, **sizes | self.settings)

    def model(self) -> PreTrainedModel:
        """A random model in evaluation mode, the same at every call."""
        config = self.config()
        with torch.random.fork_rng():
            torch.random.manual_seed(0)
            model = AutoModelForCausalLM.from_config(config).eval()
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() > 1:
                    parameter.copy_(torch.randn(parameter.shape, generator=generator) * SCALE)
        return model


def _long_rope(original: int) -> dict[str, Any]:
    return {
        "original_max_position_embeddings": original,
        "rope_parameters": {
            "rope_type": "longrope",
            "rope_theta": 10000.0,
            "short_factor": [1.0] * 4,
            "long_factor": [4.0] * 4,
            "original_max_position_embeddings": original,
        },
    }


_MLA = {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_nope_head_dim": 8, "qk_rope_head_dim": 8, "v_head_dim": 8}
_PLAIN = """
afmoe apertus arcee aria_text bart bert beam biogpt bitnet blenderbot bloom cohere cohere2 cohere2_moe ctrl
cpmant cwm deepseek_v4 diffllama doge electra ernie4_5 ernie4_5_moe exaone4 exaone_moe falcon falcon_h1
falcon_mamba flex_olmo flint gemma gemma2 gemma3_text gemma4_unified_text glm glm4 glm4_moe glm4_moe_lite
gpt-sw3 gpt2 gpt_bigcode gpt_neox gpt_neox_japanese gpt_oss granite granite_swa granitemoe granitemoe_swa
granitemoeshared helium hunyuan_v1_dense hunyuan_v1_moe hy_v3 hyperclovax inkling_text internlm3 iquestcoder
jais2 jamba jetmoe kolibri1 laguna lfm2 lfm3 llama llama4_text mamba megatron-bert mellum mimo_v2_flash minimax
minimax_m2 minimax_m3_vl_text ministral ministral3 mistral mixtral modernbert-decoder moshi mpt mvp nanochat
nemotron nemotron_h olmo olmo2 olmo3 olmo_hybrid olmoe openai-gpt opt pegasus persimmon phi phi3 phimoe plbart
prophetnet qwen2 qwen2_moe qwen3 qwen3_5_moe_text qwen3_5_text qwen3_moe qwen3_next recurrent_gemma rembert
roberta roformer rwkv seed_oss smollm3 solar_open stablelm starcoder2 trocr vaultgemma whisper xglm xlm-roberta
xlnet xlstm
"""

ARCHITECTURES: tuple[Architecture, ...] = (
    *(Architecture(kind) for kind in _PLAIN.split()),
    Architecture("phi3", _long_rope(64), "long RoPE from 64 tokens"),
    Architecture("phi3", _long_rope(200), "long RoPE from 200 tokens"),
    Architecture(
        "llama", {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}}, "dynamic NTK"
    ),
    Architecture(
        "llama",
        {
            "rope_parameters": {
                "rope_type": "yarn",
                "rope_theta": 1e4,
                "factor": 4.0,
                "original_max_position_embeddings": 64,
            }
        },
        "YaRN from 64 tokens",
    ),
    Architecture("mistral", {"sliding_window": 32}, "window of 32"),
    Architecture("gemma2", {"sliding_window": 32}, "window of 32"),
    Architecture("gemma3_text", {"sliding_window": 32}, "window of 32"),
    Architecture("llama4_text", {"attention_chunk_size": 32}, "chunks of 32"),
    Architecture("gptj", {"rotary_dim": 8}),
    Architecture("codegen", {"rotary_dim": 8}),
    Architecture("deepseek_v2", _MLA | {"num_key_value_heads": 4, "head_dim": 8}),
    Architecture("deepseek_v3", _MLA | {"num_key_value_heads": 4, "n_group": 1, "topk_group": 1}),
    Architecture(
        "mamba2", {"num_heads": 8, "head_dim": 8, "state_size": 8, "n_groups": 1, "expand": 2, "chunk_size": 16}
    ),
    Architecture("bamba", {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_n_groups": 1, "mamba_d_state": 8}),
    Architecture("granitemoehybrid", {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_n_groups": 1, "mamba_d_state": 8}),
    Architecture("gpt_neo", {"num_layers": 2, "attention_types": [[["global", "local"], 1]], "window_size": 32}),
    Architecture("mistral", {"num_key_value_heads": 4, "sliding_window": None}, "no window"),
)
"""Every family that can be made small, and variants that bring a switch, a window or a chunk into reach."""
