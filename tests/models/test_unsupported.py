"""What a sound checkpoint of an unsupported kind says: one sentence that names the file and what to use instead."""

import pytest
from transformers import (
    BertConfig,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    T5Config,
    T5ForConditionalGeneration,
)

from akl_viz.models import load_checkpoint
from tests.checkpoints import random_model
from tests.models.refusing import refusal


def test_encoder_decoder(tmp_path, tokenizer):
    config = T5Config(vocab_size=320, d_model=8, d_ff=8, num_layers=1, num_heads=1, d_kv=8)
    T5ForConditionalGeneration(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert refusal(tmp_path) == (
        f"{tmp_path / 'config.json'} describes an encoder-decoder model, which reads a second text: "
        "use a causal language model."
    )


@pytest.fixture
def bert(tmp_path, tokenizer):
    config = BertConfig(vocab_size=320, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    random_model(config, scale=0.5).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def test_masked_language_model(bert, edit_json):
    edit_json(bert / "config.json", architectures=["BertForMaskedLM"])
    assert refusal(bert) == (
        f"{bert / 'config.json'} describes a masked language model (BertForMaskedLM), which does not predict the next "
        "token: use a causal language model."
    )


def test_a_model_that_looks_ahead_is_found_by_trying_it(bert):
    assert refusal(bert) == (
        f"{bert / 'config.json'} describes a model that reads the tokens after the one it predicts "
        "(BertLMHeadModel, as masked language models do): use a causal language model."
    )


@pytest.mark.parametrize(
    ("change", "senses"),
    [
        ({"model_type": "llava", "vision_config": {"model_type": "clip_vision_model"}}, "images"),
        ({"model_type": "qwen2_5_vl", "vision_config": {"depth": 2}}, "images"),
        ({"model_type": "qwen2_audio", "audio_config": {"model_type": "qwen2_audio_encoder"}}, "sounds"),
        ({"model_type": "qwen2_5_omni", "thinker_config": {"audio_config": {"a": 1}}}, "sounds"),
    ],
)
def test_a_model_that_reads_more_than_text_is_said_to_be_that(llama, edit_json, change, senses):
    edit_json(llama / "config.json", **change)
    assert refusal(llama) == (
        f"{llama / 'config.json'} describes a model that also reads {senses} ({change['model_type']}), which is not "
        "scored here: save its language model alone (the text part, with its tokenizer), or use a text-only checkpoint."
    )


def test_a_vision_model_that_scores_text_as_a_causal_one_is_loaded(tmp_path, tokenizer):
    text = {"vocab_size": 320, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "pad_token_id": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 64}
    seen = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    places = {"image_token_index": 319, "boi_token_index": 318, "eoi_token_index": 317, "mm_tokens_per_image": 1}
    config = Gemma3Config(text_config=text | heads, vision_config=seen | {"image_size": 28, "patch_size": 14}, **places)
    Gemma3ForConditionalGeneration(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    info = load_checkpoint(str(tmp_path)).info
    assert (info.architecture, info.context, info.notes) == ("Gemma3ForConditionalGeneration", 64, ())
