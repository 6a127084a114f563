"""The Trainer that distils: its loss, its batches, and a teacher that stays as it was."""

import copy

import pytest
import torch
from safetensors.torch import load_file
from transformers import GPT2Config, T5Config, T5ForConditionalGeneration, Trainer

from akl_viz.divergences import DIVERGENCES, distillation_loss
from akl_viz.errors import InvalidInput, VocabularyMismatch
from akl_viz.integrations.hf import DistillationMixin, DistillationTrainer
from tests.checkpoints import VOCABULARY, make_tokenizer, random_model
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


def test_the_language_model_loss_is_over_all_rows_of_a_padded_student(tmp_path):
    model = random_model(GPT2Config(vocab_size=VOCABULARY + 24, n_embd=16, n_layer=1, n_head=2), 5)
    batch = Padded()(uneven_rows())
    trainer = made(tmp_path, model=model, keywords={"kd_ratio": 0.0})
    with torch.no_grad():
        plain, mine = float(model(**batch).loss), float(trainer.compute_loss(trainer.model, dict(batch)))
    assert mine == pytest.approx(plain, rel=1e-5)


def weights_after(folder, *, model=None, **changes):
    trainer = made(
        folder, model=model or student(dropout=0.0), max_steps=1, optim="sgd", lr_scheduler_type="constant", **changes
    )
    trainer.train()
    return dict(trainer.model.named_parameters())


@pytest.mark.parametrize("size", [4, 2, 1], ids=lambda size: f"batches of {size}")
@pytest.mark.parametrize("counts", [True, False], ids=["takes loss arguments", "takes none"])
def test_accumulated_micro_batches_give_the_step_of_the_whole_batch(tmp_path, size, counts):
    """In batches of 1, one holds nothing that counts."""
    model = student(dropout=0.0)
    model.accepts_loss_kwargs = counts
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    whole = weights_after(tmp_path, per_device_train_batch_size=8)
    parts = weights_after(
        tmp_path, model=model, per_device_train_batch_size=size, gradient_accumulation_steps=8 // size
    )
    assert not torch.equal(before["lm_head.weight"], whole["lm_head.weight"])
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
    trainer = made(tmp_path, teacher=teacher, max_steps=3, save_strategy="steps", save_steps=3)
    trainer.train()
    assert not teacher.training
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    optimised = {id(each) for group in trainer.optimizer.param_groups for each in group["params"]}
    assert not optimised & {id(each) for each in teacher.parameters()}
    saved = load_file(tmp_path / "trainer" / "checkpoint-3" / "model.safetensors")
    trained = trainer.model.state_dict()
    assert saved.keys() == trained.keys()
    assert all(torch.equal(saved[name], value) for name, value in trained.items())


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


def test_a_teacher_may_be_a_reference(tmp_path, place, teacher):
    batch = Padded()(uneven_rows())
    losses = []
    for given in (str(place), teacher, teacher.model):
        trainer = made(tmp_path, keywords={"teacher": given})
        trainer.model.eval()
        losses.append(trainer.compute_loss(trainer.model, dict(batch)).detach())
        assert losses[-1] == by_hand(trainer, batch) == losses[0]


def test_a_teacher_of_another_vocabulary_is_refused(tmp_path):
    with pytest.raises(VocabularyMismatch):
        made(tmp_path, keywords={"teacher": "bundled:start"})


def test_packed_rows_with_positions_count_like_rows_of_their_own(tmp_path):
    trainer = made(tmp_path)
    trainer.model.eval()
    rows = uneven_rows()
    packed = {name: torch.tensor([[one for row in rows for one in row[name]]]) for name in ("input_ids", "labels")}
    packed["position_ids"] = torch.tensor([[place for row in rows for place in range(len(row["input_ids"]))]])
    packed["labels"][packed["position_ids"] == 0] = -100
    apart = trainer.compute_loss(trainer.model, Padded()(rows))
    torch.testing.assert_close(trainer.compute_loss(trainer.model, packed), apart, **SAME)


@pytest.mark.parametrize("fused", [False, True])
def test_bfloat16_autocast_holds_for_both_models_and_stays_near_float32(tmp_path, fused):
    teacher, seen = student(7, dropout=0.0), []
    teacher.model.layers[0].mlp.up_proj.register_forward_hook(lambda module, given, out: seen.append(out.dtype))
    exact = by_hand(made(tmp_path, teacher=teacher), Padded()(uneven_rows()))
    trainer = made(
        tmp_path,
        teacher=teacher,
        keywords={"fused": fused},
        bf16=True,
        max_steps=2,
        per_device_train_batch_size=8,
    )
    seen.clear()
    trainer.train()
    logged = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    assert set(seen) == {torch.bfloat16}
    assert logged[0] == pytest.approx(float(exact), rel=0.05)
    assert logged[1] < logged[0]
    assert all(bool(each.isfinite().all()) for each in trainer.model.parameters())


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


def test_what_asks_for_another_loss_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="label_smoothing_factor asks for another loss"):
        made(tmp_path, label_smoothing_factor=0.1)
    with pytest.raises(InvalidInput, match="compute_loss_func asks for another loss"):
        made(tmp_path, keywords={"compute_loss_func": lambda outputs, labels, num_items_in_batch: 0.0})


def test_an_encoder_decoder_is_refused(tmp_path):
    config = T5Config(vocab_size=VOCABULARY, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    with pytest.raises(InvalidInput, match="Only causal language models"):
        made(tmp_path, model=T5ForConditionalGeneration(config))


def test_the_student_is_not_its_own_teacher(tmp_path):
    model = student()
    with pytest.raises(InvalidInput, match="share weights"):
        made(tmp_path, model=model, teacher=model)
    assert all(each.requires_grad for each in model.parameters())


def test_a_padded_embedding_is_cut_to_the_shared_rows(tmp_path):
    trainer = made(tmp_path, teacher=student(7, rows=VOCABULARY + 24, dropout=0.0))
    loss = trainer.compute_loss(trainer.model, Padded()(uneven_rows()))
    assert bool(loss.isfinite())


def test_a_batch_without_labels_is_refused(tmp_path):
    trainer = made(tmp_path)
    with pytest.raises(InvalidInput, match="no labels"):
        trainer.compute_loss(trainer.model, {"input_ids": torch.ones(1, 4, dtype=torch.long)})
