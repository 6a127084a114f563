"""How many positions a model has: a limit only where a longer text fails, or is not what the model was made for."""

import pytest
import torch
from transformers import LlamaConfig, MptConfig

from akl_viz.models.loading import context_length
from akl_viz.models.positions import position_limit, stated_context
from tests.checkpoints import VOCABULARY, random_model
from tests.models.architectures import ARCHITECTURES, Architecture

NAMED = {row.name: row for row in ARCHITECTURES}
ALIBI = Architecture("falcon", {"alibi": True}, "ALiBi")


def llama(stated=64, **rope):
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    parameters = {"rope_type": "default", "rope_theta": 1e4} | rope
    config = LlamaConfig(vocab_size=VOCABULARY, max_position_embeddings=stated, rope_parameters=parameters, **sizes)
    return random_model(config)


@pytest.mark.parametrize(
    ("rope", "stated", "limit"),
    [
        ({}, 64, 64),
        ({"rope_type": "dynamic", "factor": 4.0}, 256, None),
        # Qwen2.5's way of asking for four times its length, and DeepSeek's, whose length is stated in full.
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}, 256, 256),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}, 64, 64),
        ({"rope_type": "yarn", "factor": 4.0}, 256, 256),
        ({"rope_type": "linear", "factor": 4.0}, 64, 256),
        (
            {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 8,
            },
            64,
            64,
        ),
    ],
    ids=["plain", "dynamic", "YaRN", "YaRN stated in full", "YaRN without an original", "linear", "Llama 3"],
)
def test_scaled_rotary_positions(rope, stated, limit):
    model = llama(**rope)
    assert (stated_context(model), position_limit(model)) == (stated, limit)
    assert context_length(model, None) == stated


def test_kinds_of_layers_that_scale_apart():
    model = NAMED["gemma3_text"].model()
    model.config.rope_parameters["full_attention"] |= {"rope_type": "linear", "factor": 8.0}
    assert position_limit(model) == 8 * 256


@pytest.mark.parametrize(
    ("architecture", "limit"),
    [
        *((NAMED[name], 256) for name in ("gpt2", "opt", "gptj", "phi3, long RoPE from 64 tokens")),
        *((NAMED[name], None) for name in ("bloom", "mamba", "jamba")),
        (ALIBI, None),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_tables_end_and_biases_of_distance_do_not(architecture, limit):
    assert position_limit(architecture.model()) == limit


def test_the_biases_of_mpt_are_made_for_its_length_alone():
    model = random_model(MptConfig(vocab_size=VOCABULARY, d_model=16, n_layers=1, n_heads=2, max_seq_len=32))
    assert position_limit(model) == 32
    with pytest.raises(RuntimeError), torch.no_grad():
        model(input_ids=torch.zeros(1, 33, dtype=torch.long))


@pytest.mark.slow
def test_no_family_without_a_limit_fails_beyond_its_length_and_none_fails_within_it():
    wrong = {}
    for row in (*ARCHITECTURES, ALIBI):
        model = row.model()
        stated, limit = stated_context(model), position_limit(model)
        if (stated or 0) > 3000:
            continue
        for length, may_fail in (((stated or 256) + 8, limit is not None), (min(limit or 40, 40), False)):
            try:
                with torch.no_grad():
                    model(input_ids=torch.arange(length)[None] % 300, use_cache=False)
            except (IndexError, RuntimeError) as error:
                if not may_fail:
                    wrong[row.name] = (length, str(error))
    assert not wrong
