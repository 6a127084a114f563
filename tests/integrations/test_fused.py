"""The loss from hidden states: the same numbers and gradients as from logits, which it never makes."""

import pytest
import torch
from transformers import CohereConfig, Gemma2Config, GPT2Config

from akl_viz.errors import InvalidInput
from akl_viz.integrations import scored
from akl_viz.integrations.hf import DistillationTrainer
from tests.checkpoints import VOCABULARY, make_tokenizer, random_model
from tests.integrations.test_trainer import SAME, Padded, made, uneven_rows
from tests.integrations.training import arguments, student

TINY = {"vocab_size": VOCABULARY, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
SMALL = TINY | {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
}


def loss_and_gradients(folder, fused, **keywords):
    model = keywords.pop("model", None) or student(dropout=0.0)
    trainer = made(folder, model=model, keywords=keywords | {"fused": fused})
    trainer.model.zero_grad()
    loss = trainer.compute_loss(trainer.model, Padded()(uneven_rows()))
    loss.backward()
    return loss.detach(), {name: each.grad.clone() for name, each in trainer.model.named_parameters()}


@pytest.mark.parametrize("kd_ratio", [0.0, 0.3, 1.0])
def test_it_equals_the_loss_from_logits(tmp_path, monkeypatch, kd_ratio):
    monkeypatch.setattr(scored, "_BLOCK", 7)
    keywords = {"loss": "akl:mu=0.7", "kd_ratio": kd_ratio, "temperature": 2.0}
    plain, fused = (loss_and_gradients(tmp_path, fused, **keywords) for fused in (False, True))
    torch.testing.assert_close(fused[0], plain[0], **SAME)
    assert plain[1].keys() == fused[1].keys()
    for name, gradient in plain[1].items():
        torch.testing.assert_close(fused[1][name], gradient, rtol=1e-4, atol=1e-6)


def test_a_tied_output_matrix_with_padded_rows_gets_both_gradients(tmp_path):
    config = GPT2Config(n_embd=16, n_layer=1, n_head=2, **TINY | {"vocab_size": VOCABULARY + 24})
    found = [
        loss_and_gradients(tmp_path, fused, model=random_model(config, 5), teacher=student(7, dropout=0.0))
        for fused in (False, True)
    ]
    torch.testing.assert_close(found[1][0], found[0][0], **SAME)
    for name, gradient in found[0][1].items():
        torch.testing.assert_close(found[1][1][name], gradient, rtol=1e-4, atol=1e-6)


def test_no_tensor_of_all_logits_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(scored, "distillation_loss", None)
    trainer = made(tmp_path, keywords={"fused": True})
    batch = Padded()(uneven_rows())
    _, outputs = trainer.compute_loss(trainer.model, dict(batch), return_outputs=True)
    assert outputs.logits.shape[:2] == (len(batch["input_ids"]), 1)
    assert outputs.hidden_states is None


def test_it_trains_and_evaluates(tmp_path):
    trainer = made(tmp_path, keywords={"fused": True, "kd_ratio": 0.5}, max_steps=12, per_device_train_batch_size=8)
    before = trainer.evaluate(uneven_rows())["eval_loss"]
    trainer.train()
    assert trainer.evaluate(uneven_rows())["eval_loss"] < before


def test_a_batch_in_which_nothing_counts_has_loss_zero_and_no_nan(tmp_path):
    trainer = made(tmp_path, keywords={"fused": True, "kd_ratio": 0.5})
    batch = Padded()(uneven_rows())
    batch["labels"] = torch.full_like(batch["labels"], -100)
    loss = trainer.compute_loss(trainer.model, batch)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert all(bool(each.grad.isfinite().all()) for each in trainer.model.parameters() if each.grad is not None)


@pytest.mark.parametrize(
    "config",
    [Gemma2Config(**SMALL, final_logit_softcapping=30.0), CohereConfig(**SMALL, logit_scale=0.5)],
    ids=["softcapped", "scaled"],
)
@pytest.mark.parametrize("side", ["student", "teacher"])
def test_logits_that_are_more_than_a_product_are_refused(tmp_path, config, side):
    odd, plain = random_model(config, 3), student(7, dropout=0.0)
    model, teacher = (odd, plain) if side == "student" else (plain, odd)
    trainer = made(tmp_path, model=model, teacher=teacher, keywords={"fused": True})
    with pytest.raises(InvalidInput, match=f"The {side}'s logits are not .* fused=False"):
        trainer.compute_loss(trainer.model, Padded()(uneven_rows()))


def test_metrics_over_logits_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match="compute_metrics needs all logits"):
        DistillationTrainer(
            model=student(),
            args=arguments(tmp_path),
            processing_class=make_tokenizer(),
            compute_metrics=lambda found: {},
            teacher=student(7),
            fused=True,
        )
