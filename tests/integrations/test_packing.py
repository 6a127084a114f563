"""Rows laid end to end: both models keep them apart, or both read on, or the pair is refused."""

import inspect

import pytest
import torch
from transformers import OPTConfig

from akl_viz.errors import InvalidInput
from akl_viz.integrations.packing import is_packed, keeps_apart
from tests.checkpoints import VOCABULARY, random_model
from tests.integrations.test_batches import forward_kl
from tests.integrations.test_trainer import made
from tests.integrations.training import student
from tests.models.architectures import ARCHITECTURES

NAMED = {row.name: row for row in ARCHITECTURES}
OPT = OPTConfig(
    vocab_size=VOCABULARY,
    hidden_size=24,
    ffn_dim=48,
    num_hidden_layers=2,
    num_attention_heads=2,
    max_position_embeddings=64,
    word_embed_proj_dim=24,
)
IDS = torch.arange(1, 13)[None] * 17 % VOCABULARY
PACKED = {"input_ids": IDS, "position_ids": torch.arange(12)[None] % 6}


def opt(seed):
    return random_model(OPT, seed)


def llama(seed):
    return student(seed, dropout=0.0)


def loss_of(folder, model, teacher, batch):
    trainer = made(folder, model=model, teacher=teacher, keywords={"loss": "forward_kl"})
    model.eval()
    with torch.no_grad():
        return float(
            trainer.compute_loss(model, batch | {"labels": IDS.masked_fill(PACKED["position_ids"] == 0, -100)})
        )


@pytest.mark.parametrize(("model", "teacher"), [(opt, llama), (llama, opt)], ids=["opt learns", "llama learns"])
def test_a_pair_of_which_one_reads_on_is_refused(tmp_path, model, teacher):
    sides = ("teacher", "student") if model is opt else ("student", "teacher")
    with pytest.raises(InvalidInput, match="which the {} keeps apart and the {} reads as one text".format(*sides)):
        loss_of(tmp_path, model(1), teacher(2), PACKED)


def test_a_pair_that_keeps_rows_apart_has_the_loss_of_the_single_rows(tmp_path):
    model, teacher = llama(1), llama(2)
    with torch.no_grad():
        alone = [forward_kl(teacher(ids).logits[0, :-1], model(ids).logits[0, :-1]) for ids in (IDS[:, :6], IDS[:, 6:])]
    assert loss_of(tmp_path, model, teacher, PACKED) == pytest.approx(float(torch.cat(alone).mean()), rel=1e-4)


def test_a_pair_that_reads_on_both_is_left_as_transformers_has_it(tmp_path):
    model, teacher = opt(1), opt(2)
    with torch.no_grad():
        kl = forward_kl(teacher(**PACKED).logits[0, :-1], model(**PACKED).logits[0, :-1])
    kept = PACKED["position_ids"][0, 1:] != 0
    assert loss_of(tmp_path, model, teacher, PACKED) == pytest.approx(float(kl[kept].mean()), rel=1e-4)


def test_padding_that_is_counted_from_zero_is_no_second_row(tmp_path):
    mask = torch.ones_like(IDS)
    mask[:, :3] = 0
    batch = {"input_ids": IDS, "attention_mask": mask, "position_ids": (mask.cumsum(-1) - 1).clamp(min=0)}
    assert not is_packed(batch)
    assert is_packed(batch | {"attention_mask": torch.ones_like(IDS)})
    assert is_packed({"input_ids": IDS, "cu_seq_lens_q": torch.tensor([0, 6, 12])})
    assert loss_of(tmp_path, llama(1), llama(2), batch) > 0


def test_a_trial_disturbs_neither_modes_nor_gradients():
    model = student()
    model.train()
    model.lm_head.eval()
    modes = [module.training for module in model.modules()]
    assert keeps_apart(model, {"position_ids"})
    assert [module.training for module in model.modules()] == modes
    assert all(one.grad is None for one in model.parameters())


@pytest.mark.slow
def test_the_trial_of_every_family_says_what_packed_rows_against_single_ones_show():
    wrong = {}
    for name, row in NAMED.items():
        model = row.model()
        if "position_ids" not in inspect.signature(model.forward).parameters:
            continue
        found = keeps_apart(model, {"position_ids"})
        if found is None:
            with pytest.raises(RuntimeError):  # so small, its heads do not fit its own masks
                model(**PACKED, use_cache=False)
            continue
        with torch.no_grad():
            packed = model(**PACKED, use_cache=False).logits[0, 6:]
            alone = model(input_ids=IDS[:, 6:], use_cache=False).logits[0]
        if found != torch.allclose(packed, alone, atol=1e-3):
            wrong[name] = float((packed - alone).abs().max())
    assert not wrong
