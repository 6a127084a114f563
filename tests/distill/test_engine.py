"""The race itself: against a loop written out by hand, and against itself under every way of running it."""

import dataclasses
import math
import shutil

import pytest
import torch
from torch.nn import functional

from akl_viz.distill import DistillConfig, OptimiserConfig, distill, open_run
from akl_viz.distill.sequences import Order, Windows, collate
from akl_viz.distill.toy_language import toy_checkpoint, toy_corpus, toy_text
from akl_viz.divergences import DIVERGENCES, distillation_loss
from akl_viz.errors import InvalidInput, VocabularyMismatch
from tests.checkpoints import make_tokenizer
from tests.distill.conftest import TOY, digests, numbers, run, toy

SAME = {"rtol": 1e-5, "atol": 1e-7}
"""Float32 sums of a few hundred terms in two orders."""


def train_losses(records, loss: str) -> list[float]:
    return [record.train_loss for record in records if record.loss == loss and record.step]


def by_hand(config: DistillConfig, loss: str) -> list[float]:
    """The same training with nothing but torch: losses of every step."""
    teacher = toy_checkpoint("toy:teacher", config.seed).model
    student = toy_checkpoint("toy:student", config.seed).model.requires_grad_(True)
    windows = toy_corpus(config.data.window, 1, 2).train
    order = Order(len(windows), config.seed)
    groups = [[], []]
    for parameter in student.parameters():
        groups[parameter.dim() > 1].append(parameter)
    adam = torch.optim.AdamW(
        [{"params": groups[1], "weight_decay": 0.1}, {"params": groups[0], "weight_decay": 0.0}],
        lr=config.optimiser.lr,
        betas=(0.9, 0.95),
    )
    found = []
    for step in range(config.steps):
        ids = torch.stack([windows[i].ids for i in order.take(step * config.data.rows, config.data.rows)])
        with torch.no_grad():
            wanted = teacher(input_ids=ids).logits[:, :-1]
        logits = student(input_ids=ids).logits[:, :-1]
        value = config.kd_ratio * distillation_loss(loss, wanted, logits, temperature=config.temperature)
        value = value + (1 - config.kd_ratio) * functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        adam.zero_grad()
        value.backward()
        adam.step()
        found.append(value.item())
    return found


@pytest.mark.parametrize("changes", [{}, {"kd_ratio": 0.3, "temperature": 2.0}])
def test_the_losses_are_those_of_a_plain_loop(changes):
    records = run(toy(**changes))
    for loss in ("forward_kl", "akl"):
        torch.testing.assert_close(train_losses(records, loss), by_hand(toy(**changes), loss), **SAME)


def test_records_come_in_order_and_add_up():
    records = run(toy(steps=5))
    assert [(record.step, record.loss) for record in records] == [
        (step, loss) for step in range(6) for loss in ("forward_kl", "akl")
    ]
    assert [record.step for record in records if record.probe] == [0, 0, 1, 1, 2, 2, 5, 5]
    assert records[0].probe == records[1].probe
    assert math.isnan(records[0].train_loss)
    assert records[-1].tokens == 5 * 2 * 23
    assert records[-1].done == 1.0
    assert records[-1].eta_seconds == 0.0
    assert records[0].eta_seconds is None
    assert all(record.tokens_per_second > 0 for record in records if record.step)
    last = records[-1].probe
    first = records[0].probe
    assert last.forward_kl < first.forward_kl


def test_the_same_seed_gives_the_same_history_and_weights(tmp_path):
    for name in ("a", "b"):
        run(toy(), tmp_path / name)
    assert numbers(tmp_path / "a").equals(numbers(tmp_path / "b"))
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_another_seed_gives_another_history(tmp_path):
    run(toy(), tmp_path / "a")
    run(toy(seed=1), tmp_path / "b")
    assert not numbers(tmp_path / "a").equals(numbers(tmp_path / "b"))


def test_a_loss_runs_the_same_alone_and_in_company():
    alone = run(toy(losses=("akl",)))
    assert train_losses(alone, "akl") == train_losses(run(toy()), "akl")


def test_accumulating_is_one_large_batch():
    whole = run(toy(rows=4))
    parts = run(toy(rows=1, accumulate=4))
    torch.testing.assert_close(train_losses(parts, "akl"), train_losses(whole, "akl"), **SAME)


@pytest.mark.parametrize("cache_mb", [0, 256])
def test_sequences_that_repeat_are_taken_from_the_cache_with_the_same_result(cache_mb, monkeypatch):
    calls = []
    from akl_viz.distill.teacher import Teacher

    forward = Teacher._forward
    monkeypatch.setattr(
        Teacher, "_forward", lambda self, ids, *rest: calls.append(len(ids)) or forward(self, ids, *rest)
    )
    records = run(toy(limit=3, steps=6, cache_mb=cache_mb))
    assert sum(calls) == (3 if cache_mb else 12)
    uncached = run(toy(limit=3, steps=6, cache_mb=0))
    torch.testing.assert_close(train_losses(records, "akl"), train_losses(uncached, "akl"), **SAME)


def test_a_small_cache_stays_within_its_bounds():
    from akl_viz.distill.teacher import Teacher

    checkpoint = toy_checkpoint("toy:teacher", 0)
    batch = collate([*Windows(toy_text(200), 24)][:3], [0, 1, 2])
    size = 23 * 64 * 4
    teacher = Teacher(checkpoint, 64, TOY.data, seed=0, cache_bytes=2 * size + 1, arithmetic=torch.no_grad)
    teacher.logits(batch)
    assert sorted(teacher._kept) == [0, 1]


@pytest.mark.parametrize("source", ["teacher", "student"])
def test_sampled_sequences_are_the_same_each_time(source):
    config = toy(source=source, prompt_tokens=4, steps=3)
    first, second = run(config), run(config)
    assert train_losses(first, "akl") == train_losses(second, "akl")
    text = run(toy(steps=3))
    assert train_losses(first, "akl") != train_losses(text, "akl")
    # Only the sampled tokens count, and the last prompt token predicts the first of them.
    assert first[-1].tokens == 3 * 2 * (24 - 4)


def test_a_student_that_samples_cannot_learn_its_text():
    with pytest.raises(InvalidInput, match="cannot learn its own samples"):
        distill(toy(source="student", prompt_tokens=4, kd_ratio=0.5))


def test_a_noisy_teacher_teaches_something_else_but_is_measured_against_the_true_one():
    clean, warm, wrong = run(toy()), run(toy(teacher_temperature=3.0)), run(toy(label_noise=0.5))
    assert train_losses(warm, "akl") != train_losses(clean, "akl")
    assert train_losses(wrong, "akl") != train_losses(clean, "akl")
    assert clean[0].probe == warm[0].probe == wrong[0].probe
    assert train_losses(run(toy(label_noise=0.5)), "akl") == train_losses(wrong, "akl")


def test_label_noise_turns_the_wanted_share_of_rows():
    from akl_viz.distill.teacher import Teacher

    config = toy(label_noise=0.25)
    checkpoint = toy_checkpoint("toy:teacher", 0)
    batch = collate([*Windows(toy_text(20_001), 200)], range(100))
    options = {"seed": 0, "cache_bytes": 0, "arithmetic": torch.no_grad}
    clean = Teacher(checkpoint, 64, TOY.data, **options).logits(batch)
    noisy = Teacher(checkpoint, 64, config.data, **options).logits(batch)
    turned = (clean != noisy).any(-1)
    # 19,900 draws of probability 1/4: a standard deviation of .003.
    assert float(turned.double().mean()) == pytest.approx(0.25, abs=0.015)
    assert torch.equal(clean.sort(-1).values, noisy.sort(-1).values)


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_other_optimisers_and_clipping(name):
    optimiser = OptimiserConfig(name=name, lr=0.05, schedule="cosine", warmup=2, momentum=0.9, clip=1e-3)
    records = run(toy(optimiser=optimiser))
    losses = train_losses(records, "forward_kl")
    assert losses[-1] < losses[0]
    assert records[-1].grad_norm > 1e-3


def test_clipping_limits_the_step():
    """Plain SGD moves the weights by lr times the clipped norm, no further."""
    config = toy(
        losses=("forward_kl",), steps=1, optimiser=OptimiserConfig(name="sgd", lr=1.0, weight_decay=0, clip=1e-2)
    )
    moved = []
    from akl_viz.distill.lane import Lane

    start = toy_checkpoint("toy:student", 0).model
    finish = Lane.finish

    def watched(self, *args):
        done = finish(self, *args)
        moved.append([a.detach() - b for a, b in zip(self.model.parameters(), start.parameters(), strict=True)])
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lane, "finish", watched)
        run(config)
    norm = torch.stack([part.square().sum() for part in moved[0]]).sum().sqrt()
    assert float(norm) == pytest.approx(1e-2, rel=1e-3)


def test_a_target_aware_loss_sees_the_tokens_that_follow():
    keys = [row.key for row in DIVERGENCES.values() if row.needs_target]
    for key in keys:
        records = run(toy(losses=(key,), steps=2))
        assert all(math.isfinite(value) for value in train_losses(records, key))


def test_every_registered_divergence_races():
    losses = (*DIVERGENCES, "akl:direction=reversed,mu=0.3")
    records = run(toy(losses=losses, steps=2))
    assert [record.loss for record in records if record.step == 2] == list(losses)
    assert all(math.isfinite(record.train_loss) for record in records if record.step)


def test_bfloat16_arithmetic_stays_near_float32():
    exact, rough = (train_losses(run(toy(steps=3, precision=name)), "akl") for name in ("float32", "bfloat16"))
    assert exact != rough
    # Eight bits of mantissa.
    torch.testing.assert_close(rough, exact, rtol=2e-2, atol=0.0)


def test_dropout_is_drawn_anew_and_the_same_in_a_resumed_run(tmp_path, gpt2_pair):
    teacher, student, text = gpt2_pair
    config = toy(
        teacher=str(teacher), student=str(student), text=str(text), steps=5, dropout=True, losses=("forward_kl", "tvd")
    )
    records = run(config, tmp_path / "whole")
    still = run(dataclasses.replace(config, dropout=False))
    assert train_losses(records, "tvd") != train_losses(still, "tvd")
    run(dataclasses.replace(config, steps=3), tmp_path / "parts")
    run(config, tmp_path / "parts", resume=True)
    last = "checkpoints/tvd/step-000005/model.safetensors"
    assert digests(tmp_path / "parts")[last] == digests(tmp_path / "whole")[last]


def test_lora_trains_an_adapter_alone(tmp_path, family_pair):
    teacher, student, text = family_pair
    config = toy(teacher=str(teacher), student=str(student), text=str(text), lora_rank=2, steps=3, losses=("akl",))
    records = run(config, tmp_path / "run")
    assert records[-1].probe.forward_kl != records[0].probe.forward_kl
    folder = open_run(tmp_path / "run").checkpoints("akl")[3]
    assert (folder / "adapter_model.safetensors").is_file()
    from akl_viz.models import load_checkpoint

    assert load_checkpoint(str(folder)).info.architecture.endswith("LoRA")
    run(None, tmp_path / "run", resume=True)
    run(DistillConfig.from_json(config.to_json() | {"steps": 5}), tmp_path / "run", resume=True)
    whole = toy(teacher=str(teacher), student=str(student), text=str(text), lora_rank=2, steps=5, losses=("akl",))
    run(whole, tmp_path / "whole")
    ends = [
        digests(tmp_path / name)["checkpoints/akl/step-000005/adapter_model.safetensors"] for name in ("run", "whole")
    ]
    assert ends[0] == ends[1]


@pytest.mark.parametrize("held", [True, False])
def test_a_token_that_only_the_student_has_must_not_be_in_the_text(tmp_path, family_pair, held):
    teacher, student, text = family_pair
    student = shutil.copytree(student, tmp_path / "student")
    tokenizer = make_tokenizer()
    tokenizer.add_tokens(["<tool>"], special_tokens=True)
    tokenizer.save_pretrained(student)
    own = tmp_path / "own.txt"
    own.write_text(text.read_text() + " <tool> a man" * held + " It is a truth." * 60)
    config = toy(teacher=str(teacher), student=str(student), text=str(own), steps=1, losses=("akl",))
    if held:
        with pytest.raises(
            VocabularyMismatch, match=r"The text holds '<tool>', a token that only one of teacher and student has"
        ):
            run(config)
    else:
        assert math.isfinite(run(config)[-1].probe.forward_kl)
