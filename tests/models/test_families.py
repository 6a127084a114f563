"""Checkpoints of every supported family load, and blocks of logits are those of one plain pass."""

import math

import pytest
import torch

from akl_viz.errors import InvalidInput
from akl_viz.models import encode, load_checkpoint, logit_blocks

FAMILIES = ("gpt2", "llama", "qwen2", "qwen3", "gpt_neox", "opt", "mistral")
TEXT = "It is a truth, naïvely 😀 acknowledged:\n\tthat a single man 日本"
BLOCK_ATOL = 1e-5
"""Float32 matrix products over other block sizes round differently; the bar of the product."""


def plain_logits(checkpoint, ids):
    with torch.no_grad():
        return checkpoint.model(torch.tensor([ids])).logits[0, :-1]


@pytest.fixture(scope="module")
def loaded(families):
    return {name: load_checkpoint(str(families / name)) for name in FAMILIES}


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("block", [1, 7, 64])
def test_blocks_equal_one_plain_pass(loaded, name, block):
    checkpoint = loaded[name]
    ids = encode(checkpoint.tokenizer, TEXT, checkpoint.info.context).ids
    blocks = list(logit_blocks(checkpoint, ids, rows=checkpoint.info.vocab_size, block=block))
    assert [len(part) for part in blocks[:-1]] == [block] * (len(blocks) - 1)
    torch.testing.assert_close(torch.cat(blocks), plain_logits(checkpoint, ids), atol=BLOCK_ATOL, rtol=0)


@pytest.mark.parametrize("name", FAMILIES)
def test_info_says_what_was_loaded(loaded, families, name):
    info = loaded[name].info
    assert info.reference == str(families / name)
    assert (info.vocab_size, info.context, info.dtype, info.device) == (320, 64, "float32", "cpu")
    assert info.parameters == sum(parameter.numel() for parameter in loaded[name].model.parameters())
    assert loaded[name].notes == ()


def test_a_loaded_model_is_in_evaluation_mode_without_gradients(loaded):
    for checkpoint in loaded.values():
        assert not checkpoint.model.training
        assert not any(parameter.requires_grad for parameter in checkpoint.model.parameters())


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16", "float64"])
def test_dtype_is_the_one_asked_for(families, name):
    checkpoint = load_checkpoint(str(families / "llama"), dtype=name)
    assert checkpoint.info.dtype == name
    assert {parameter.dtype for parameter in checkpoint.model.parameters()} == {getattr(torch, name)}
    block = next(logit_blocks(checkpoint, (5, 6, 7), rows=10))
    assert block.dtype == (torch.float64 if name == "float64" else torch.float32)


def test_loading_says_nothing_on_standard_error_and_reports_progress(families, capfd):
    told = []
    load_checkpoint(str(families / "gpt2"), progress=lambda share, sentence: told.append((share, sentence)))
    assert capfd.readouterr() == ("", "")
    assert told[0][0] == 0.0
    assert told[-1] == (1.0, f"Loaded {families / 'gpt2'}")
    assert told == sorted(told, key=lambda item: item[0])


def test_rows_are_cut_and_the_dropped_mass_is_the_largest_over_the_positions(loaded):
    checkpoint = loaded["llama"]
    ids = list(range(3, 30))
    blocks = logit_blocks(checkpoint, ids, rows=300, block=5)
    logits = torch.cat(list(blocks))
    full = plain_logits(checkpoint, ids)
    torch.testing.assert_close(logits, full[:, :300], atol=BLOCK_ATOL, rtol=0)
    dropped = float(full.softmax(-1)[:, 300:].sum(-1).max())
    assert math.isclose(blocks.dropped_mass, dropped, rel_tol=1e-4)


def test_nothing_dropped_means_no_dropped_mass(loaded):
    blocks = logit_blocks(loaded["llama"], (3, 4, 5), rows=320)
    list(blocks)
    assert blocks.dropped_mass == 0.0


def test_inference_mode_does_not_leak_between_blocks(loaded):
    blocks = logit_blocks(loaded["llama"], range(3, 30), rows=320, block=4)
    next(blocks)
    assert not torch.is_inference_mode_enabled()


def test_a_logit_that_is_no_number_names_side_and_position(families):
    checkpoint = load_checkpoint(str(families / "gpt2"))
    with torch.no_grad():
        checkpoint.model.transformer.wpe.weight[6] = float("nan")
    with pytest.raises(InvalidInput) as caught:
        list(logit_blocks(checkpoint, range(3, 20), rows=320, block=3, side="student"))
    assert str(caught.value) == (
        f"The student {families / 'gpt2'} gives logits that are not finite at position 6: "
        "choose float32, or a checkpoint from before its training diverged."
    )


def test_a_masked_row_stays_masked(families):
    checkpoint = load_checkpoint(str(families / "llama"))
    head = checkpoint.model.lm_head
    head.register_forward_hook(lambda module, args, output: output.index_fill(-1, torch.tensor([9]), -torch.inf))
    logits = torch.cat(list(logit_blocks(checkpoint, range(3, 20), rows=320, block=4)))
    assert (logits[:, 9] == -torch.inf).all()
