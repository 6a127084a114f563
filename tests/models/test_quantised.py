"""Quantised checkpoints: expanded where transformers does so by itself, else refused by the name of the method."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from akl_viz.models import load_checkpoint
from tests.models.refusing import refusal

BLOCK = 8
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
