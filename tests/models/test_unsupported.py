"""What a sound checkpoint of an unsupported kind says: one sentence that names the file and what to use instead."""

import pytest
from transformers import BertConfig, T5Config, T5ForConditionalGeneration

from tests.checkpoints import random_model
from tests.models.refusing import refusal


def test_quantised_weights(llama, edit_json):
    edit_json(llama / "config.json", quantization_config={"quant_method": "gptq", "bits": 4})
    assert refusal(llama) == (
        f"{llama / 'config.json'} describes quantised weights (quantization_config), which AKL Viz does not read: "
        "use the unquantised checkpoint."
    )


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
