"""The Trainer that distils: its loss, its batches, and a teacher that stays as it was."""

import copy

import pytest
import torch
from transformers import Trainer

from akl_viz.divergences import DIVERGENCES, distillation_loss
from akl_viz.errors import InvalidInput, VocabularyMismatch
from akl_viz.integrations.hf import DistillationMixin, DistillationTrainer
from tests.checkpoints import VOCABULARY, make_tokenizer
from tests.integrations.training import arguments, student, token_rows

SAME = {"rtol": 1e-5, "atol": 1e-7}
"""float32 sums over another order of the same few dozen positions."""


class Padded:
    """Rows of different length, padded to the longest: labels -100 where none counts."""

    def __call__(self, rows):
        longest = max(len(row["input_ids"]) for row in rows)

        def filled(row, name, value):
            return row[name] + [value] * (longest - len(row["input_ids"]))

        return {
            "input_ids": torch.tensor([filled(row, "input_ids", 2) for row in rows]),
            "attention_mask": torch.tensor(
                [[1] * len(r["input_ids"]) + [0] * (longest - len(r["input_ids"])) for r in rows]
            ),
            "labels": torch.tensor([filled(row, "labels", -100) for row in rows]),
        }


def uneven_rows():
    """Eight rows of 3 to 12 tokens; one of them teaches nothing."""
    rows = [{name: ids[: 3 + (5 * place) % 10] for name, ids in row.items()} for place, row in enumerate(token_rows(8))]
    rows[1] = rows[1] | {"labels": [-100] * len(rows[1]["labels"])}
    return rows


def made(folder, *, model=None, teacher=None, rows=None, cls=DistillationTrainer, keywords=None, **changes):
    options = {"teacher": teacher or student(7, dropout=0.0), "kd_ratio": 1.0} | (keywords or {})
    return cls(
        model=model or student(dropout=0.0),
        args=arguments(folder, **changes),
        train_dataset=rows or uneven_rows(),
        data_collator=Padded(),
        processing_class=make_tokenizer(),
        **options,
    )


def by_hand(trainer, batch, key="akl", **params):
    with torch.no_grad():
        teacher = trainer.teacher(batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
        logits = trainer.model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
    labels = batch["labels"][:, 1:]
    return distillation_loss(key, teacher, logits, mask=labels != -100, target=labels, **params)


def test_the_loss_is_that_of_the_table_on_the_positions_that_count(tmp_path):
    trainer = made(tmp_path, keywords={"loss": "akl:mu=0.7", "temperature": 2.0})
    batch = Padded()(uneven_rows())
    trainer.model.eval()
    loss = trainer.compute_loss(trainer.model, dict(batch))
    torch.testing.assert_close(loss.detach(), by_hand(trainer, batch, mu=0.7, temperature=2.0), **SAME)


def test_kd_ratio_mixes_with_the_language_model_loss(tmp_path):
    batch = Padded()(uneven_rows())
    model, teacher = student(dropout=0.0), student(7, dropout=0.0)
    model.eval()
    losses = {}
    for ratio in (0.0, 0.25, 1.0):
        trainer = made(tmp_path, model=model, teacher=teacher, keywords={"kd_ratio": ratio})
        trainer.model.eval()
        losses[ratio] = float(trainer.compute_loss(trainer.model, dict(batch)).detach())
    with torch.no_grad():
        plain = float(model(**batch).loss)
    assert losses[0.0] == pytest.approx(plain, rel=1e-5)
    assert losses[0.25] == pytest.approx(0.75 * losses[0.0] + 0.25 * losses[1.0], rel=1e-5)


def weights_after(folder, **changes):
    trainer = made(
        folder, model=student(dropout=0.0), max_steps=1, optim="sgd", lr_scheduler_type="constant", **changes
    )
    trainer.train()
    return dict(trainer.model.named_parameters())


def test_accumulated_micro_batches_give_the_step_of_the_whole_batch(tmp_path):
    whole = weights_after(tmp_path, per_device_train_batch_size=8)
    parts = weights_after(tmp_path, per_device_train_batch_size=2, gradient_accumulation_steps=4)
    for name, weight in whole.items():
        torch.testing.assert_close(parts[name], weight, **SAME)


@pytest.mark.parametrize("key", DIVERGENCES)
def test_every_divergence_trains_and_lowers_its_own_loss(tmp_path, key):
    model, rows = student(dropout=0.0), token_rows(8)
    trainer = made(
        tmp_path, model=model, rows=rows, keywords={"loss": key}, max_steps=12, per_device_train_batch_size=8
    )
    batch = Padded()(rows)
    trainer.model.eval()
    before = float(trainer.compute_loss(trainer.model, dict(batch)).detach())
    trainer.train()
    trainer.model.eval()
    assert float(trainer.compute_loss(trainer.model, dict(batch)).detach()) < before


def test_the_teacher_stays_as_it_was_and_out_of_optimizer_and_checkpoint(tmp_path):
    teacher = student(7, dropout=0.0)
    before = copy.deepcopy(teacher.state_dict())
    trainer = made(tmp_path, teacher=teacher, max_steps=3)
    trainer.train()
    assert not teacher.training
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    trained = {id(each) for group in trainer.optimizer.param_groups for each in group["params"]}
    assert not trained & {id(each) for each in teacher.parameters()}
    trainer.save_model(str(tmp_path / "saved"))
    saved = type(teacher).from_pretrained(tmp_path / "saved")
    assert sum(each.numel() for each in saved.parameters()) == sum(each.numel() for each in student().parameters())


def test_a_batch_in_which_nothing_counts_has_loss_zero_and_no_nan(tmp_path):
    trainer = made(tmp_path)
    batch = Padded()(uneven_rows())
    batch["labels"] = torch.full_like(batch["labels"], -100)
    loss = trainer.compute_loss(trainer.model, batch)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert all(bool(each.grad.isfinite().all()) for each in trainer.model.parameters() if each.grad is not None)


def test_evaluation_uses_the_same_loss(tmp_path):
    trainer = made(tmp_path, per_device_eval_batch_size=8)
    trainer.model.eval()
    found = trainer.evaluate(uneven_rows())["eval_loss"]
    assert found == pytest.approx(float(by_hand(trainer, Padded()(uneven_rows()))), rel=1e-5)


def test_the_mixin_goes_before_any_trainer_class(tmp_path):
    class Noisy(Trainer):
        pass

    class Mine(DistillationMixin, Noisy):
        pass

    trainer = made(tmp_path, cls=Mine, max_steps=2)
    assert trainer.train().global_step == 2


def test_a_teacher_may_be_a_reference(tmp_path):
    with pytest.raises(VocabularyMismatch):
        made(tmp_path, keywords={"teacher": "bundled:start"})


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"loss": "nothing"}, "There is no divergence 'nothing'"),
        ({"loss": "akl:mu=2"}, "mu must be"),
        ({"kd_ratio": 1.5}, "kd_ratio must be"),
        ({"temperature": 0.0}, "temperature must be"),
        ({"teacher": torch.nn.Linear(2, 2)}, "A teacher must be a causal language model"),
    ],
)
def test_a_mistake_has_its_sentence(tmp_path, keywords, message):
    with pytest.raises(InvalidInput, match=message):
        made(tmp_path, keywords=keywords)


def test_a_padded_embedding_is_cut_to_the_shared_rows(tmp_path):
    trainer = made(tmp_path, teacher=student(7, rows=VOCABULARY + 24, dropout=0.0))
    loss = trainer.compute_loss(trainer.model, Padded()(uneven_rows()))
    assert bool(loss.isfinite())


def test_a_batch_without_labels_is_refused(tmp_path):
    trainer = made(tmp_path)
    with pytest.raises(InvalidInput, match="no labels"):
        trainer.compute_loss(trainer.model, {"input_ids": torch.ones(1, 4, dtype=torch.long)})
