"""Directions and gaps beside the training loss."""

import pytest
import torch

from akl_viz.divergences import forward_kl, gaps, log_probs, reverse_kl
from akl_viz.integrations import gap_log
from tests.integrations.test_trainer import Padded, made, uneven_rows

NAMES = ("forward_kl", "reverse_kl", "head_gap", "tail_gap")


def by_hand(trainer, batch):
    with torch.no_grad():
        given = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
        pair = [log_probs(model(**given).logits[:, :-1]) for model in (trainer.teacher, trainer.model)]
    counted = batch["labels"][:, 1:] != -100
    found = (forward_kl(*pair), reverse_kl(*pair), *gaps(*pair))
    return {name: float(each[counted].mean()) for name, each in zip(NAMES, found, strict=True)}


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("accumulated", [1, 8])
def test_the_first_log_shows_the_means_of_the_first_batch(tmp_path, fused, accumulated):
    trainer = made(
        tmp_path,
        keywords={"log_gaps": True, "loss": "forward_kl", "temperature": 2.0, "fused": fused},
        max_steps=1,
        per_device_train_batch_size=8 // accumulated,
        gradient_accumulation_steps=accumulated,
    )
    expected = by_hand(trainer, Padded()(uneven_rows()))
    trainer.train()
    logged = next(row for row in trainer.state.log_history if "loss" in row)
    assert {name: logged[name] for name in NAMES} == pytest.approx(expected, rel=1e-4)


def test_every_log_starts_anew_and_evaluation_is_not_counted(tmp_path):
    trainer = made(tmp_path, keywords={"log_gaps": True}, max_steps=3, learning_rate=0.0)
    trainer.train()
    rows = [row for row in trainer.state.log_history if "loss" in row]
    assert len(rows) == 3
    assert all(set(NAMES) <= set(row) for row in rows)
    trainer.model.eval()
    trainer.evaluate(uneven_rows())
    assert trainer._gap_log.taken() == {}


class Watched:
    """Random logits that note which positions were asked for."""

    def rows(self, places):
        self.places = places.tolist()
        generator = torch.Generator().manual_seed(0)
        return torch.randn(len(places), 9, generator=generator), torch.randn(len(places), 9, generator=generator)


def test_only_a_sample_of_a_long_batch_is_measured_and_no_masked_position():
    watched, counted = Watched(), torch.ones(3, 1000, dtype=torch.bool)
    counted[1] = False
    gap_log.GapLog().add(watched, counted)
    assert len(watched.places) == len(set(watched.places)) == gap_log.SAMPLED
    assert watched.places[0] == 0
    assert watched.places[-1] == 2999
    assert not [place for place in watched.places if 1000 <= place < 2000]


def test_without_the_option_the_log_is_as_it_was(tmp_path):
    trainer = made(tmp_path, max_steps=1)
    trainer.train()
    assert not set(NAMES) & {name for row in trainer.state.log_history for name in row}
