"""TRL's trainers with our losses, as the examples make them, on tiny models."""

import importlib
import random
import sys
from pathlib import Path

import pytest
import torch
from datasets import Dataset

from akl_viz.divergences import DIVERGENCES, distillation_loss
from akl_viz.errors import InvalidInput
from tests.checkpoints import make_tokenizer
from tests.integrations.training import student, token_rows

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
# TRL uses names that transformers renames, and says of its GKD trainer that it is experimental.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:You are importing from 'trl.experimental'"),
]
QUIET = {
    "max_steps": 6,
    "per_device_train_batch_size": 4,
    "learning_rate": 1e-2,
    "logging_steps": 1,
    "save_strategy": "no",
    "report_to": [],
    "disable_tqdm": True,
    "use_cpu": True,
    "bf16": False,
    "dataloader_pin_memory": False,
}
TEXTS = [
    "a single man in possession of a good fortune",
    "It is a truth",
    "universally acknowledged, that a man",
    "in it",
]


@pytest.fixture
def example(monkeypatch):
    """An example as a module."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield importlib.import_module
    for name in ("austen", "trl_distillation", "trl_on_policy"):
        sys.modules.pop(name, None)


def sft(example, folder, rows, loss="akl", keywords=None, **changes):
    module = example("trl_distillation")
    return module.DistillationSFTTrainer(
        model=student(dropout=0.0),
        args=module.SFTConfig(str(folder / "trainer"), **QUIET | {"max_length": 48} | changes),
        train_dataset=Dataset.from_list(rows),
        processing_class=make_tokenizer(),
        **{"teacher": student(7, dropout=0.0), "loss": loss, "kd_ratio": 1.0} | (keywords or {}),
    )


def pairs():
    """A first word as the prompt, the rest as the completion."""
    return [{"prompt": text[:cut], "completion": text[cut:]} for text in TEXTS for cut in [text.index(" ")]] * 2


def batch_of(trainer):
    return next(iter(trainer.get_train_dataloader()))


def by_hand(trainer, batch, key, **params):
    given = {name: batch[name] for name in ("input_ids", "attention_mask", "position_ids") if name in batch}
    with torch.no_grad():
        teacher, mine = (model(**given).logits[:, :-1] for model in (trainer.teacher, trainer.model))
    labels = batch["labels"][:, 1:]
    return distillation_loss(key, teacher, mine, mask=labels != -100, target=labels, **params)


@pytest.mark.parametrize("fused", [False, True])
def test_the_loss_in_sft_trainer_is_that_of_the_table_on_completions_only(example, tmp_path, fused):
    trainer = sft(example, tmp_path, pairs(), "akl:mu=0.7", {"fused": fused}, completion_only_loss=True)
    batch = batch_of(trainer)
    assert bool((batch["labels"][:, 0] == -100).all())
    assert bool((batch["labels"] != -100).any(dim=1).all())
    trainer.model.eval()
    loss = trainer.compute_loss(trainer.model, dict(batch)).detach()
    torch.testing.assert_close(loss, by_hand(trainer, batch, "akl", mu=0.7), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("key", DIVERGENCES)
def test_sft_trainer_trains_with_every_divergence(example, tmp_path, key):
    trainer = sft(example, tmp_path, pairs(), key, {"log_gaps": True}, per_device_train_batch_size=8)
    trainer.train()
    logged = [row for row in trainer.state.log_history if "loss" in row]
    assert logged[-1]["loss"] < logged[0]["loss"]
    assert {"forward_kl", "reverse_kl", "head_gap", "tail_gap"} <= logged[0].keys()


def test_rows_that_sft_trainer_packs_do_not_see_each_other(example, tmp_path):
    rows = [{"text": text} for text in TEXTS]
    packed = sft(example, tmp_path, rows, padding_free=True, max_length=None)
    apart = sft(example, tmp_path, rows)
    losses = []
    for trainer in (packed, apart):
        trainer.model.eval()
        losses.append(trainer.compute_loss(trainer.model, dict(batch_of(trainer))).detach())
    assert batch_of(packed)["input_ids"].shape[0] == 1
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-5, atol=1e-7)


def test_another_loss_of_sft_trainer_is_refused(example, tmp_path):
    with pytest.raises(InvalidInput, match="loss_type asks for another loss"):
        sft(example, tmp_path, pairs(), loss_type="dft")


def gkd(example, folder, loss, **changes):
    module = example("trl_on_policy")
    rows = [row["input_ids"] for row in token_rows(16)]
    return module.gkd_with(loss)(
        model=student(dropout=0.0),
        teacher_model=student(7, dropout=0.0),
        args=module.GKDConfig(str(folder / "trainer"), **QUIET | {"max_new_tokens": 4} | changes),
        data_collator=module.collate,
        train_dataset=Dataset.from_dict({"input_ids": rows}),
        processing_class=make_tokenizer(),
    )


def test_the_loss_in_gkd_trainer_is_that_of_the_table(example, tmp_path, monkeypatch):
    monkeypatch.setattr(example("trl_on_policy"), "PROMPT", 4)
    trainer = gkd(example, tmp_path, "akl:mu=0.7")
    trainer.teacher = trainer.teacher_model
    trainer.model.eval()
    batch = batch_of(trainer)
    loss = trainer.compute_loss(trainer.model, dict(batch)).detach()
    torch.testing.assert_close(loss, by_hand(trainer, batch, "akl", mu=0.7), rtol=1e-5, atol=1e-7)


def test_gkd_trainer_trains_on_what_the_student_writes(example, tmp_path, monkeypatch):
    random.seed(0)
    monkeypatch.setattr(example("trl_on_policy"), "PROMPT", 4)
    trainer = gkd(example, tmp_path, "drkl", lmbda=1.0)
    drawn = []
    generate = trainer.generate_on_policy_outputs
    monkeypatch.setattr(trainer, "generate_on_policy_outputs", lambda *a: drawn.append(generate(*a)) or drawn[-1])
    before = {name: each.detach().clone() for name, each in trainer.model.named_parameters()}
    trainer.train()
    assert len(drawn) == 6
    assert not torch.equal(before["lm_head.weight"], dict(trainer.model.named_parameters())["lm_head.weight"])
    assert all(bool(each.isfinite().all()) for each in trainer.model.parameters())
