"""Whatever way a model is run in, it says what one pass over the text says."""

import copy
import csv
import math

import pytest
import torch

from akl_viz.distill.probes import logits_of
from akl_viz.distill.sampling import Sampler, Vocabulary
from akl_viz.errors import InvalidInput
from akl_viz.models import Checkpoint, logit_blocks, logits, passes
from akl_viz.models.passes import Passes, one_pass, padded_pass, parted_blocks, passes_of
from akl_viz.records import ModelInfo
from benchmarks import architectures
from benchmarks.record import RESULTS
from tests.models.architectures import ARCHITECTURES, CONTEXT, TOKENS, VOCABULARY, Architecture
from tests.tolerances import OTHER_BLOCKS

IDS = (torch.arange(1, TOKENS + 1) * 31 % VOCABULARY).tolist()
NAMED = {row.name: row for row in ARCHITECTURES}


def checkpoint(model, tokenizer=None):
    info = ModelInfo("some/model", type(model).__name__, 0, VOCABULARY, CONTEXT, "float32", "cpu", "")
    return Checkpoint(info, model, tokenizer)


def right(model, ids=IDS):
    with torch.no_grad():
        # By hand: what one_pass itself does is under test.
        return model(input_ids=torch.tensor([ids[:-1]]), use_cache=False).logits[0]


def blocks(model, ids=IDS):
    return torch.cat(list(logit_blocks(checkpoint(model), ids, rows=VOCABULARY, block=16)))


@pytest.mark.slow
def test_the_table_of_architectures_is_what_a_sweep_finds():
    with (RESULTS / "architectures.csv").open(encoding="utf-8", newline="") as file:
        stored = {row["measure"]: row["note"] for row in csv.DictReader(file)}
    found = {row.name: architectures.scored(row) for row in ARCHITECTURES}
    assert {name: way for name, (way, _, _) in found.items()} == stored
    far = {name: gap for name, (_, gap, largest) in found.items() if gap > OTHER_BLOCKS * max(largest, 1.0)}
    assert not far
    assert sum(not way.startswith("refused") for way in stored.values()) >= 45


@pytest.mark.parametrize("tokens", [60, 64, 65, 66, 150])
def test_probes_and_blocks_score_the_same_on_both_sides_of_a_switch(tokens):
    model = NAMED["phi3, long RoPE from 64 tokens"].model()
    probed = logits_of(model, torch.tensor(IDS[:tokens]), VOCABULARY)
    torch.testing.assert_close(blocks(model, IDS[:tokens]), probed, atol=10 * OTHER_BLOCKS, rtol=0)


@pytest.mark.parametrize("tokens", [60, 64, 65, 66, 150])
def test_long_rope_on_both_sides_of_its_switch(tokens):
    model = NAMED["phi3, long RoPE from 64 tokens"].model()
    torch.testing.assert_close(blocks(model, IDS[:tokens]), right(model, IDS[:tokens]), atol=10 * OTHER_BLOCKS, rtol=0)


def test_the_switch_matters():
    """Otherwise the test above could not fail."""
    model = NAMED["phi3, long RoPE from 64 tokens"].model()
    cached = torch.cat(list(passes.cached_blocks(model, torch.tensor([IDS[:-1]]), 16)), dim=1)[0]
    assert float((cached - right(model)).abs().max()) > 1.0


@pytest.mark.parametrize(
    "name",
    ["gemma2", "cohere", "granite", "gpt_neox", "llama4_text", "opt", "qwen3_5_text", "mamba", "bloom", "nemotron"],
)
def test_the_output_layer_apart_keeps_what_the_model_does_to_its_logits(name):
    model = NAMED[name].model()
    if passes_of(model).parted:
        apart = torch.cat(list(parted_blocks(model, torch.tensor([IDS[:-1]]), 16)), dim=1)[0]
        torch.testing.assert_close(apart, right(model), atol=10 * OTHER_BLOCKS, rtol=0)
    else:
        assert name == "opt"  # its forward runs a part of its body


def test_a_model_with_neither_cache_nor_parts_is_run_whole_within_a_bound(monkeypatch):
    model = NAMED["prophetnet"].model()
    assert passes_of(model) == Passes(0.0, parted=False, together_to=0.0)
    torch.testing.assert_close(blocks(model), right(model), atol=10 * OTHER_BLOCKS, rtol=0)
    monkeypatch.setattr(logits, "LARGEST_AT_ONCE", 100 * VOCABULARY * 4)
    with pytest.raises(InvalidInput, match="give a text of at most 101 tokens"):
        blocks(model)


@pytest.mark.parametrize("name", ["mamba", "openai-gpt", "qwen3_next", "phi3, long RoPE from 64 tokens", "gpt2"])
def test_samples_are_drawn_from_one_pass(name, tokenizer):
    """Cold enough, a sample is the model's favourite at every step."""
    model = NAMED[name].model()
    prompt, length = torch.tensor([IDS[:60]]), 70
    sampler = Sampler(Vocabulary(tokenizer, VOCABULARY), temperature=1e-4)
    drawn = sampler.continued(model, prompt, length, [torch.Generator().manual_seed(0)])[0]
    expected = prompt[0].tolist()
    while len(expected) < len(drawn):
        with torch.no_grad():
            expected.append(int(one_pass(model, torch.tensor([expected]))[0, -1].argmax()))
    assert drawn.tolist() == expected


FOLLOWING = ["phi3, long RoPE from 64 tokens", "llama, dynamic NTK"]
LONG = (torch.arange(1, 301) * 37 % VOCABULARY).tolist()
"""Beyond the switch of every model whose frequencies follow the length."""


def rows_alone(model, rows):
    """Each row through a copy that has never seen another text, its logits from transformers itself."""
    with torch.no_grad():
        return [copy.deepcopy(model)(input_ids=torch.tensor([row]), use_cache=False).logits[0] for row in rows]


def padded(rows):
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows]), [len(row) for row in rows]


@pytest.mark.parametrize("name", FOLLOWING)
def test_rows_of_a_batch_are_scored_as_if_alone(name):
    model, rows = NAMED[name].model(), [LONG[:30], LONG[:270], LONG[40:70], LONG[:120]]
    expected = rows_alone(model, rows)
    with torch.no_grad():
        found = padded_pass(model, *padded(rows))
        beside = model(input_ids=padded(rows)[0], use_cache=False).logits
    for row, alone in enumerate(expected):
        torch.testing.assert_close(found[row, : len(alone)], alone, atol=10 * OTHER_BLOCKS, rtol=0)
    assert float((beside[0, :30] - expected[0]).abs().max()) > 0.1  # otherwise this could not fail


def test_the_gradient_of_rows_run_apart_is_that_of_each_alone():
    model, rows = NAMED[FOLLOWING[0]].model(), [LONG[:30], LONG[:120]]
    padded_pass(model, *padded(rows))[0, :30].square().sum().backward()
    alone = NAMED[FOLLOWING[0]].model()
    alone(input_ids=torch.tensor([rows[0]]), use_cache=False).logits.square().sum().backward()
    torch.testing.assert_close(model.lm_head.weight.grad, alone.lm_head.weight.grad, rtol=1e-4, atol=1e-3)


def test_rows_stand_side_by_side_where_that_changes_nothing():
    model, seen = NAMED["llama"].model(), []
    model.register_forward_pre_hook(
        lambda module, given, named: seen.append(named["input_ids"].shape), with_kwargs=True
    )
    with torch.no_grad():
        padded_pass(model, *padded([IDS[:9], IDS[:20], IDS[:20]]))
    assert seen[-1] == (3, 20)
    assert passes_of(model).together_to == math.inf


@pytest.mark.parametrize("tokens", [100, 256, 257, 280])
def test_a_text_is_scored_the_same_whatever_was_scored_before_it(tokens):
    model = NAMED["llama, dynamic NTK"].model()
    expected = rows_alone(model, [LONG[: tokens - 1]])[0]
    before = [buffer.clone() for buffer in model.buffers()]
    with torch.no_grad():
        one_pass(model, torch.tensor([LONG]))
    torch.testing.assert_close(blocks(model, LONG[:tokens]), expected, atol=10 * OTHER_BLOCKS, rtol=0)
    assert all(torch.equal(one, old) for one, old in zip(model.buffers(), before, strict=True))


def test_what_another_program_left_in_a_model_is_not_scored_with_and_left_there():
    model = NAMED["llama, dynamic NTK"].model()
    expected = rows_alone(model, [LONG[:270]])[0]
    with torch.no_grad():
        model(input_ids=torch.tensor([LONG]), use_cache=False)
        left = model.model.rotary_emb.inv_freq.clone()
        torch.testing.assert_close(one_pass(model, torch.tensor([LONG[:270]]))[0], expected, atol=1e-5, rtol=0)
    assert torch.equal(model.model.rotary_emb.inv_freq, left)
    assert model.model.rotary_emb.max_seq_len_cached == 300


@pytest.mark.slow
def test_rows_of_a_batch_are_scored_as_if_alone_by_every_family():
    far = {}
    for row in ARCHITECTURES:
        model = row.model()
        expected = rows_alone(model, [IDS[:20]])[0]
        with torch.no_grad():
            found = padded_pass(model, *padded([IDS[:20], IDS]))[0, :20]
        gap = float((found - expected).abs().max()) / max(float(expected.abs().max()), 1.0)
        if gap > 10 * OTHER_BLOCKS and not architectures.scored(row)[0].startswith("refused"):
            far[row.name] = gap
    assert not far


def test_a_trial_leaves_every_mode_as_it_was():
    model = NAMED["gpt2"].model()
    model.train()
    model.lm_head.eval()
    modes = [module.training for module in model.modules()]
    passes_of(model)
    assert [module.training for module in model.modules()] == modes


def test_a_model_is_tried_once(monkeypatch):
    model, tried = Architecture("gpt2").model(), []
    monkeypatch.setattr(
        passes, "_tried", lambda one: tried.append(one) or Passes(0.0, parted=True, together_to=math.inf)
    )
    assert passes_of(model) is passes_of(model)
    assert len(tried) == 1


def test_a_trial_stays_within_a_table_of_few_positions():
    model = Architecture("gpt2", {"n_positions": 8}).model()
    assert passes_of(model) == Passes(math.inf, parted=True, together_to=math.inf)


def test_a_length_too_far_to_try_is_where_one_pass_begins():
    model = Architecture("mistral", {"sliding_window": 4096, "max_position_embeddings": 8192}).model()
    assert passes_of(model).cached_to == 4096.0
