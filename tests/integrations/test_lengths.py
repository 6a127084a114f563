"""Models whose logits follow the longest row of a batch: the trainer says so, and remembers no batch from before."""

import logging

import pytest
import torch

from tests.checkpoints import random_model
from tests.distill.test_lengths import DYNAMIC, LONG_ROPE
from tests.integrations.test_batches import forward_kl
from tests.integrations.test_trainer import Padded, made
from tests.integrations.training import student, token_rows

SAID = "depend on the longest row of its batch"


def rows(*lengths):
    ids = [one["input_ids"] for one in token_rows(40)]
    flat = [token for row in ids for token in row]
    return [
        {"input_ids": flat[place : place + size], "labels": flat[place : place + size]}
        for place, size in enumerate(lengths)
    ]


def said(caplog):
    return [record.message for record in caplog.records if SAID in record.message]


@pytest.mark.parametrize("size", [1, 2, 4])
def test_an_evaluation_that_depends_on_its_batches_says_so_once(tmp_path, caplog, size):
    trainer = made(
        tmp_path,
        model=random_model(LONG_ROPE, 1),
        teacher=random_model(LONG_ROPE, 2),
        rows=rows(30),
        per_device_eval_batch_size=size,
    )
    with caplog.at_level(logging.WARNING, logger="akl_viz"):
        for _ in range(2):
            trainer.evaluate(rows(30, 120, 40, 20))
    assert len(said(caplog)) == (size > 1)
    assert all("more than 63 positions" in one for one in said(caplog))


@pytest.mark.parametrize(
    ("model", "lengths"),
    [(LONG_ROPE, (30, 60, 20, 10)), (LONG_ROPE, (120, 120)), (None, (30, 60, 20, 10))],
    ids=["below the switch", "one length", "another model"],
)
def test_batches_that_change_nothing_are_not_spoken_of(tmp_path, caplog, model, lengths):
    model, teacher = (random_model(model, seed) if model else student(seed, dropout=0.0) for seed in (1, 2))
    trainer = made(tmp_path, model=model, teacher=teacher, rows=rows(30), per_device_eval_batch_size=4)
    with caplog.at_level(logging.WARNING, logger="akl_viz"):
        trainer.evaluate(rows(*lengths))
    assert not said(caplog)


def test_texts_laid_end_to_end_are_spoken_of_too(tmp_path, caplog):
    trainer = made(tmp_path, model=random_model(LONG_ROPE, 1), teacher=random_model(LONG_ROPE, 2), rows=rows(30))
    one = rows(130)[0]
    batch = {name: torch.tensor([ids]) for name, ids in one.items()}
    batch["position_ids"] = torch.tensor([[*range(30), *range(100)]])
    with caplog.at_level(logging.WARNING, logger="akl_viz"):
        trainer.compute_loss(trainer.model, batch | {"position_ids": torch.arange(130)[None]})
        assert not said(caplog)
        trainer.compute_loss(trainer.model, batch)
    assert len(said(caplog)) == 1


@pytest.mark.parametrize("fused", [False, True], ids=["logits", "fused"])
def test_a_batch_is_not_scored_with_what_a_longer_one_left(tmp_path, fused):
    model, teacher = random_model(DYNAMIC, 1), random_model(DYNAMIC, 2)
    trainer = made(
        tmp_path, model=model, teacher=teacher, rows=rows(30), keywords={"loss": "forward_kl", "fused": fused}
    )
    long, short = (Padded()(rows(size)) for size in (200, 80))
    with torch.no_grad():
        trainer.compute_loss(model, dict(long))
        found = float(trainer.compute_loss(model, dict(short)))
        p, q = (random_model(DYNAMIC, seed)(short["input_ids"]).logits[0, :-1] for seed in (2, 1))
    assert found == pytest.approx(float(forward_kl(p, q).mean()), rel=1e-4)
