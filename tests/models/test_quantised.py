"""Quantised checkpoints: expanded where transformers does so by itself, else refused by the name of the method."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GptOssConfig

from akl_viz.models import load_checkpoint
from tests.checkpoints import random_model
from tests.models.refusing import refusal

BLOCK = 8
FOUR_BITS = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], dtype=torch.float64)
"""The values of E2M1: a sign, two bits of exponent, one of fraction."""
KEPT = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]
EXPANDED_RTOL = 2.0**-8
"""The library rounds the expanded weights to bfloat16, whose digits end there."""


def test_fp8_blocks_are_expanded_to_what_they_stand_for(llama, edit_json):
    tensors = load_file(llama / "model.safetensors")
    wanted = {}
    for name in [name for name in tensors if name.endswith("_proj.weight")]:
        whole = tensors[name].double()
        rows, columns = whole.shape
        blocks = whole.reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK)
        scales = blocks.abs().amax((1, 3)) / 448
        eighths = (blocks / scales[:, None, :, None]).to(torch.float8_e4m3fn)
        tensors[name] = eighths.reshape(rows, columns).contiguous()
        tensors[f"{name}_scale_inv"] = scales.float()
        wanted[name] = (eighths.double() * scales.float().double()[:, None, :, None]).reshape(rows, columns)
    save_file(tensors, llama / "model.safetensors", metadata={"format": "pt"})
    described = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [BLOCK, BLOCK]}
    edit_json(llama / "config.json", quantization_config=described)
    loaded = load_checkpoint(str(llama))
    held = dict(loaded.model.named_parameters())
    for name, weight in wanted.items():
        assert held[name].dtype == torch.float32
        torch.testing.assert_close(held[name].double(), weight, rtol=EXPANDED_RTOL, atol=0)
    assert loaded.notes == (f"The weights of {llama} are stored as fp8 and were expanded.",)


def test_mxfp4_experts_are_expanded_to_exactly_what_they_stand_for(tmp_path, tokenizer, edit_json):
    config = GptOssConfig(
        vocab_size=320,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        num_local_experts=2,
        num_experts_per_tok=1,
        pad_token_id=2,
    )
    random_model(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    tensors, wanted = load_file(tmp_path / "model.safetensors"), {}
    generator = torch.Generator().manual_seed(1)
    for name in [name for name in tensors if name.endswith(("gate_up_proj", "down_proj"))]:
        experts, inner, outer = tensors.pop(name).shape
        packed = torch.randint(0, 256, (experts, outer, inner // 32, 16), generator=generator, dtype=torch.uint8)
        scales = torch.randint(120, 128, (experts, outer, inner // 32), generator=generator, dtype=torch.uint8)
        halves = torch.stack([FOUR_BITS[(packed & 15).long()], FOUR_BITS[(packed >> 4).long()]], -1)
        whole = halves.flatten(-2) * torch.exp2(scales.double() - 127)[..., None]
        wanted[name] = whole.reshape(experts, outer, inner).transpose(1, 2)
        tensors |= {f"{name}_blocks": packed, f"{name}_scales": scales}
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    edit_json(tmp_path / "config.json", quantization_config={"quant_method": "mxfp4", "modules_to_not_convert": KEPT})
    loaded = load_checkpoint(str(tmp_path))
    held = dict(loaded.model.named_parameters())
    assert wanted
    for name, weight in wanted.items():
        assert held[name].dtype == torch.float32
        assert torch.equal(held[name].double(), weight)


@pytest.mark.parametrize("method", ["gptq", "awq", "bitsandbytes", "fp8", "mxfp4"])
def test_plain_weights_under_a_quantised_configuration_are_read_as_they_are(llama, families, edit_json, method):
    edit_json(llama / "config.json", quantization_config={"quant_method": method})
    loaded, plain = load_checkpoint(str(llama)), load_checkpoint(str(families / "llama"))
    for one, other in zip(loaded.model.parameters(), plain.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert "describes quantised weights, but plain ones are stored" in loaded.notes[0]


@pytest.mark.parametrize(
    ("method", "package"),
    [("gptq", "gptqmodel"), ("awq", "autoawq or gptqmodel"), ("bitsandbytes", "bitsandbytes"), ("torchao", "torchao")],
)
def test_another_method_is_refused_by_its_name(llama, edit_json, edit_weights, method, package):
    edit_weights(llama, lambda tensors: tensors.update({"model.layers.0.qweight": torch.zeros(2, dtype=torch.int32)}))
    edit_json(llama / "config.json", quantization_config={"quant_method": method})
    assert refusal(llama) == (
        f"{llama / 'config.json'} describes weights quantised by {method} (quantization_config), which would need the "
        f"package {package}, which AKL Viz does not use: use the unquantised checkpoint, or load it with transformers, "
        "call model.dequantize() and save that."
    )


@pytest.mark.parametrize("described", [{"quant_method": "new"}, [1], {"bits": 4}])
def test_an_unknown_method_is_a_sentence(llama, edit_json, edit_weights, described):
    edit_weights(llama, lambda tensors: tensors.update({"model.q": torch.zeros(2, dtype=torch.uint8)}))
    edit_json(llama / "config.json", quantization_config=described)
    assert "which AKL Viz does not read" in refusal(llama)
