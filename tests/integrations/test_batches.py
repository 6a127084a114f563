"""Teacher and student are given the same batch, whatever it holds, or the batch is refused by name."""

import logging

import pytest
import torch
import transformers
from datasets import Dataset
from torch.utils._python_dispatch import TorchDispatchMode

from akl_viz.errors import InvalidInput
from akl_viz.integrations.hf import DistillationTrainer
from tests.checkpoints import VOCABULARY, make_tokenizer, random_model
from tests.integrations.test_trainer import Padded, made, uneven_rows
from tests.integrations.training import arguments, student, token_rows

IMAGE = VOCABULARY - 1
GPT2 = transformers.GPT2Config(vocab_size=VOCABULARY, n_embd=24, n_layer=2, n_head=2, n_positions=64)


def forward_kl(teacher, student):
    """KL(T||S) of each row of logits, in float64 and by the definition."""
    p, q = (logits.double().log_softmax(-1) for logits in (teacher, student))
    return (p.exp() * (p - q)).sum(-1)


def llava(seed):
    config = transformers.LlavaConfig(
        vision_config={
            "model_type": "clip_vision_model",
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 28,
            "patch_size": 14,
            "projection_dim": 16,
        },
        text_config=student().config,
        image_token_index=IMAGE,
        vision_feature_select_strategy="default",
    )
    torch.random.manual_seed(seed)
    return transformers.LlavaForConditionalGeneration(config).eval()


@pytest.mark.parametrize("fused", [False, True], ids=["logits", "fused"])
def test_the_teacher_sees_the_images_that_the_student_sees(tmp_path, fused):
    with torch.random.fork_rng():
        teacher, model = llava(1), llava(2)
    ids = torch.tensor([[5] + [IMAGE] * 4 + list(range(20, 30))])
    pixels = torch.randn(1, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": pixels}
    labels = torch.where(ids == IMAGE, -100, ids)
    trainer = DistillationTrainer(
        model=model,
        args=arguments(tmp_path, remove_unused_columns=False),
        train_dataset=[0],
        processing_class=make_tokenizer(),
        teacher=teacher,
        loss="forward_kl",
        kd_ratio=1.0,
        fused=fused,
    )
    with torch.no_grad():
        loss = trainer.compute_loss(model, batch | {"labels": labels})
        counted = labels[0, 1:] != -100
        right, blind = (
            forward_kl(teacher(**given).logits[0, :-1], model(**batch).logits[0, :-1])[counted].mean()
            for given in (batch, {name: batch[name] for name in ("input_ids", "attention_mask")})
        )
    assert float(loss) == pytest.approx(float(right), rel=1e-4)
    assert abs(float(right - blind)) > 1e-3 * float(right)


@pytest.mark.parametrize("name", ["token_type_ids", "pixel_values", "image_grid_thw"])
def test_what_only_the_student_takes_is_refused_by_name(tmp_path, name):
    class Wider(transformers.GPT2LMHeadModel):
        """Takes pictures, and does nothing with them."""

        def forward(
            self,
            input_ids=None,
            attention_mask=None,
            pixel_values=None,
            image_grid_thw=None,
            token_type_ids=None,
            **options,
        ):
            return super().forward(input_ids=input_ids, attention_mask=attention_mask, **options)

    trainer = made(tmp_path, model=Wider(GPT2))
    batch = Padded()(uneven_rows())
    with pytest.raises(InvalidInput, match=f"holds {name}, which the student takes and the teacher does not"):
        trainer.compute_loss(trainer.model, batch | {name: torch.ones_like(batch["input_ids"])})


def test_what_only_the_teacher_takes_is_refused_by_name(tmp_path):
    trainer = made(tmp_path, teacher=random_model(GPT2, 3))
    batch = Padded()(uneven_rows())
    with pytest.raises(InvalidInput, match="holds token_type_ids, which the teacher takes and the student does not"):
        trainer.compute_loss(trainer.model, batch | {"token_type_ids": torch.ones_like(batch["input_ids"])})


@pytest.mark.parametrize("name", ["inputs_embeds", "past_key_values"])
def test_what_one_model_made_of_tokens_is_refused(tmp_path, name):
    trainer = made(tmp_path)
    batch = {name: torch.zeros(1, 5, 24), "labels": torch.ones(1, 5, dtype=torch.long)}
    with pytest.raises(InvalidInput, match=f"holds {name}, which are one model's own"):
        trainer.compute_loss(trainer.model, batch)


@pytest.mark.parametrize("fused", [False, True], ids=["logits", "fused"])
@pytest.mark.parametrize(
    "asked",
    [
        *({name: value} for name in ("use_cache", "return_dict") for value in (False, True)),
        {"logits_to_keep": 1},
        {"output_hidden_states": True},
        {"output_attentions": True},
        {"output_router_logits": True},
        {"return_loss": True},
        {"num_items_in_batch": 3},
        {"inputs_embeds": None, "past_key_values": None},
    ],
    ids=str,
)
def test_what_a_batch_says_of_outputs_changes_nothing(tmp_path, asked, fused):
    trainer = made(tmp_path, keywords={"loss": "forward_kl", "fused": fused})
    batch = Padded()(uneven_rows())
    with torch.no_grad():
        trainer.model.eval()
        given = {name: batch[name] for name in ("input_ids", "attention_mask")}
        rows = forward_kl(trainer.teacher(**given).logits[:, :-1], trainer.model(**given).logits[:, :-1])
        found = float(trainer.compute_loss(trainer.model, batch | asked))
    assert found == pytest.approx(float(rows[batch["labels"][:, 1:] != -100].mean()), rel=1e-4)


def test_positions_counted_from_zero_need_not_be_taken(tmp_path):
    teacher = random_model(
        transformers.MambaConfig(vocab_size=VOCABULARY, hidden_size=16, num_hidden_layers=1, state_size=4), 3
    )
    trainer = made(tmp_path, teacher=teacher)
    batch = Padded()(uneven_rows())
    whole = torch.arange(batch["input_ids"].shape[1]).expand_as(batch["input_ids"])
    trainer.model.eval()
    with torch.no_grad():
        plain, told = (
            float(trainer.compute_loss(trainer.model, dict(one))) for one in (batch, batch | {"position_ids": whole})
        )
    assert told == pytest.approx(plain, rel=1e-5)
    with pytest.raises(InvalidInput, match="holds position_ids"):
        trainer.compute_loss(trainer.model, batch | {"position_ids": whole % 3})


@pytest.mark.parametrize("fused", [False, True], ids=["logits", "fused"])
@pytest.mark.parametrize("lengths", [False, True], ids=["positions", "positions and lengths"])
def test_rows_laid_end_to_end_give_the_loss_of_the_single_rows(tmp_path, fused, lengths):
    rows = uneven_rows()
    collator = transformers.DataCollatorWithFlattening(
        return_position_ids=True, return_flash_attn_kwargs=lengths, return_tensors="pt"
    )
    trainer = made(tmp_path, keywords={"loss": "forward_kl", "fused": fused})
    trainer.model.eval()
    each = []
    with torch.no_grad():
        for row in rows:
            ids = torch.tensor([row["input_ids"]])
            kl = forward_kl(trainer.teacher(ids).logits[0, :-1], trainer.model(ids).logits[0, :-1])
            each.append(kl[torch.tensor(row["labels"])[1:] != -100])
        loss = float(trainer.compute_loss(trainer.model, collator([dict(row) for row in rows])))
    assert loss == pytest.approx(float(torch.cat(each).mean()), rel=1e-4)


@pytest.mark.parametrize("kind", [list, Dataset.from_list], ids=["list", "dataset"])
@pytest.mark.parametrize("side", ["teacher", "student"])
def test_rows_longer_than_a_model_has_positions_are_refused_before_training(tmp_path, kind, side):
    short = random_model(transformers.GPT2Config(vocab_size=VOCABULARY, n_embd=24, n_layer=1, n_head=2, n_positions=8))
    pair = {"teacher": short} if side == "teacher" else {"model": short, "teacher": student(7)}
    with pytest.raises(InvalidInput, match=f"The {side} has 8 positions, but a row needs 12"):
        made(tmp_path, rows=kind(token_rows(4)), **pair)


def test_rows_that_only_the_collator_knows_are_refused_in_their_batch(tmp_path):
    short = random_model(transformers.GPT2Config(vocab_size=VOCABULARY, n_embd=24, n_layer=1, n_head=2, n_positions=8))
    trainer = made(tmp_path, rows=[{"input_ids": [3, 4], "labels": [3, 4]}], teacher=short)
    with pytest.raises(InvalidInput, match="cut the rows to 8 tokens"):
        trainer.compute_loss(trainer.model, Padded()(token_rows(2)))


@pytest.mark.parametrize("side", ["teacher", "student"])
def test_positions_beyond_a_table_are_refused_whoever_counts_them(tmp_path, side):
    short = random_model(transformers.GPT2Config(vocab_size=VOCABULARY, n_embd=24, n_layer=1, n_head=2, n_positions=8))
    pair = {"teacher": short} if side == "teacher" else {"model": short, "teacher": student(7)}
    trainer = made(tmp_path, rows=[{"input_ids": [3, 4], "labels": [3, 4]}], **pair)
    ids = torch.arange(3, 15)[None]
    batch = {"input_ids": ids, "labels": ids, "position_ids": torch.arange(12)[None]}
    with pytest.raises(InvalidInput, match=f"The {side} has 8 positions, but a row needs 12"):
        trainer.compute_loss(trainer.model, dict(batch))
    within = batch | {"position_ids": torch.arange(12)[None] % 8}
    assert bool(trainer.compute_loss(trainer.model, within).isfinite())


def test_rows_beyond_positions_without_an_end_are_learnt(tmp_path):
    def alibi(seed):
        config = {"vocab_size": VOCABULARY, "hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
        return random_model(transformers.FalconConfig(**config, alibi=True, max_position_embeddings=8), seed)

    model, teacher = alibi(1), alibi(2)
    trainer = made(tmp_path, model=model, teacher=teacher, rows=token_rows(4), keywords={"loss": "forward_kl"})
    ids = torch.tensor([row["input_ids"] for row in token_rows(2)])
    with torch.no_grad():
        found = float(trainer.compute_loss(model, {"input_ids": ids, "labels": ids}))
        right = forward_kl(teacher(ids).logits[:, :-1], model(ids).logits[:, :-1]).mean()
    assert found == pytest.approx(float(right), rel=1e-4)


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_the_loss_of_an_evaluation_is_the_mean_over_labels_in_any_batches(tmp_path, size):
    rows = uneven_rows()
    trainer = made(tmp_path, keywords={"loss": "forward_kl"}, per_device_eval_batch_size=size)
    trainer.model.eval()
    with torch.no_grad():
        each = [
            forward_kl(trainer.teacher(ids).logits[0, :-1], trainer.model(ids).logits[0, :-1])
            for ids, counts in ((torch.tensor([row["input_ids"]]), row["labels"][0] != -100) for row in rows)
            if counts
        ]
    found = trainer.evaluate(eval_dataset=rows)
    assert found["eval_loss"] == pytest.approx(float(torch.cat(each).mean()), rel=1e-5)
    assert trainer.predict(rows, metric_key_prefix="held_out").metrics["held_out_loss"] == pytest.approx(
        found["eval_loss"], rel=1e-6
    )


class NoDoubles(TorchDispatchMode):
    """As on Apple's GPUs: nothing makes a float64."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor) and made.dtype == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        return made


@pytest.mark.parametrize("fused", [False, True], ids=["logits", "fused"])
def test_an_evaluation_makes_no_float64_where_the_model_is(tmp_path, monkeypatch, fused):
    rows, keywords = uneven_rows(), {"loss": "forward_kl", "fused": fused}
    expected = made(tmp_path, keywords=keywords, per_device_eval_batch_size=3).evaluate(rows)["eval_loss"]
    trainer = made(tmp_path, keywords=keywords, per_device_eval_batch_size=3)
    compute = trainer.compute_loss

    def without(*args, **options):
        with NoDoubles():
            return compute(*args, **options)

    monkeypatch.setattr(trainer, "compute_loss", without)
    assert trainer.evaluate(rows)["eval_loss"] == expected


@pytest.mark.parametrize("prefix", ["eval", "a_loss"])
def test_metrics_of_one_s_own_stay_as_they_were_computed(tmp_path, prefix):
    own = {"mean_loss": 42.0, "mean_losses": 43.0, "accuracy": 0.5}
    trainer = made(tmp_path, keywords={"compute_metrics": lambda prediction: dict(own)}, per_device_eval_batch_size=3)
    found = trainer.evaluate(uneven_rows(), metric_key_prefix=prefix)
    assert {name: found[f"{prefix}_{name}"] for name in own} == own
    plain = made(tmp_path).evaluate(uneven_rows())
    assert found[f"{prefix}_loss"] == pytest.approx(plain["eval_loss"], rel=1e-6)


def test_every_set_of_an_evaluation_has_its_own_loss(tmp_path):
    rows = uneven_rows()
    sets = {"short": rows[:4], "long_loss": rows[4:]}
    found = made(tmp_path).evaluate(sets)
    for name, part in sets.items():
        alone = made(tmp_path).evaluate(part)["eval_loss"]
        assert found[f"eval_{name}_loss"] == pytest.approx(alone, rel=1e-6)


def test_a_batch_in_which_nothing_counts_is_said_once(tmp_path, caplog):
    rows = [row | {"labels": [-100] * len(row["labels"])} for row in token_rows(8)]
    trainer = made(tmp_path, rows=rows, max_steps=3)
    with caplog.at_level(logging.WARNING, logger="akl_viz"):
        trainer.train()
    said = [record.message for record in caplog.records if "no label that counts" in record.message]
    assert len(said) == 1


def test_batches_in_which_something_counts_are_not_spoken_of(tmp_path, caplog):
    trainer = made(tmp_path, max_steps=2, per_device_train_batch_size=8)
    with caplog.at_level(logging.WARNING, logger="akl_viz"):
        trainer.train()
    assert not [record for record in caplog.records if "no label that counts" in record.message]
