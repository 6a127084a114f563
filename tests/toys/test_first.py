"""Who was first: counts, intervals and the sentence made of them."""

from dataclasses import replace

import numpy as np
import pytest

from akl_viz.errors import InvalidInput
from akl_viz.toys import (
    DiscreteRuns,
    Optimiser,
    Start,
    binomial_interval,
    discrete_config,
    who_was_ahead,
    who_was_first,
)
from akl_viz.toys.results import FIELDS


def runs_of(first, second, start="warm", optimiser=None) -> DiscreteRuns:
    """Runs whose tail gaps are given: (S, T) for KL(T‖S) and for KL(S‖T)."""
    curves = np.asarray([first, second], dtype=np.float64)[:, None]
    *_, seeds, steps = curves.shape
    config = discrete_config(
        "zipf",
        losses=("forward_kl", "reverse_kl"),
        seeds=seeds,
        steps=steps - 1,
        optimisers=(optimiser or Optimiser("sgd", 1.0),),
    )
    config = replace(config, start=replace(config.start, kind=start))
    mask = np.ones(2, dtype=bool)
    values = dict.fromkeys(FIELDS, curves)
    return DiscreteRuns(config, np.full(2, 0.5), mask, mask, mask, np.arange(steps), values)


FORWARD = [[1.0, 0.9, 0.4], [1.0, 0.4, 0.3], [1.0, 0.9, 0.8], [2.0, 1.5, 0.9]]
REVERSE = [[1.0, 0.4, 0.3], [1.0, 0.9, 0.4], [1.0, 0.9, 0.8], [2.0, 1.5, 0.9]]


def test_first_counts_wins_ties_and_those_who_never_got_there():
    found = who_was_first(runs_of(FORWARD, REVERSE), "forward_kl", "reverse_kl")
    assert (found.wins, found.losses, found.ties, found.never, found.n) == (1, 1, 2, 1, 4)


def test_the_share_is_of_each_seeds_own_start():
    found = who_was_first(runs_of([[4.0, 2.5, 1.9]], [[1.0, 0.45, 0.45]]), "forward_kl", "reverse_kl", share=0.5)
    assert (found.wins, found.n) == (1, 1)


def test_a_gap_that_never_falls_loses_to_one_that_does():
    found = who_was_first(runs_of([[1.0, 1.0, 1.0]], [[1.0, 1.0, 0.4]]), "forward_kl", "reverse_kl")
    assert (found.wins, found.never) == (1, 0)


def test_ahead_compares_the_gaps_at_one_step():
    found = who_was_ahead(runs_of(FORWARD, REVERSE), "forward_kl", "reverse_kl", step=1)
    assert (found.wins, found.losses, found.ties) == (1, 1, 2)
    with pytest.raises(InvalidInput, match="Step 9 was not recorded; the last one is 2"):
        who_was_ahead(runs_of(FORWARD, REVERSE), "forward_kl", "reverse_kl", step=9)


@pytest.mark.parametrize(
    ("wins", "n", "low", "high"), [(0, 10, 0.0, 0.3085), (5, 10, 0.1871, 0.8129), (10, 10, 0.6915, 1.0)]
)
def test_the_interval_is_clopper_and_pearsons(wins, n, low, high):
    assert binomial_interval(wins, n) == pytest.approx((low, high), abs=5e-5)


def test_the_sentence_names_setting_losses_count_and_interval():
    up, down = [1.0, 0.9, 0.8], [1.0, 0.4, 0.3]
    runs = runs_of([up] * 37 + [down] * 3, [down] * 37 + [up] * 3)
    assert who_was_first(runs, "forward_kl", "reverse_kl").sentence() == (
        "Under sgd lr 1 from a warmed-up start, KL(S‖T) brought the tail gap below 50 % of its start before KL(T‖S) "
        "in 37 of 40 seeds (95 % interval 80 % to 98 %), the other way round in 3."
    )


def test_the_sentence_is_told_of_the_loss_that_was_ahead_more_often():
    runs = runs_of([[1.0, 0.4, 0.3]] * 3, [[1.0, 0.9, 0.8]] * 3, optimiser=Optimiser("adam", 0.05))
    assert who_was_first(runs, "forward_kl", "reverse_kl").sentence() == (
        "Under adam lr 0.05 from a warmed-up start, KL(T‖S) brought the tail gap below 50 % of its start before "
        "KL(S‖T) in 3 of 3 seeds (95 % interval 29 % to 100 %)."
    )


def test_the_sentence_says_how_many_were_undecided():
    told = who_was_first(runs_of(FORWARD, REVERSE), "forward_kl", "reverse_kl").sentence()
    assert told.endswith(
        "in 1 of 4 seeds (95 % interval 1 % to 81 %), the other way round in 1; "
        "in 1 neither got there within 2 steps, in 1 both got there at the same step."
    )
    told = who_was_ahead(runs_of(FORWARD, REVERSE), "forward_kl", "reverse_kl", step=2).sentence()
    assert "KL(S‖T) had a smaller tail gap than KL(T‖S) at step 2 in 1 of 4 seeds" in told
    assert told.endswith("in 1; in 2 both had the same.")


@pytest.mark.parametrize(
    ("share", "words"), [(0.125, "below 12.5 % of"), (0.015, "below 1.5 % of"), (0.995, "below 99.5 % of")]
)
def test_the_sentence_names_the_share_as_it_was_typed(share, words):
    assert words in who_was_first(runs_of(FORWARD, REVERSE), "forward_kl", "reverse_kl", share=share).sentence()


@pytest.mark.parametrize(
    ("curve", "words"),
    [
        ([1.0, 0.9, 0.8], "in all 3 seeds neither got there within 2 steps."),
        ([1.0, 0.4, 0.3], "in all 3 seeds both got there at the same step."),
    ],
)
def test_where_nobody_was_first_the_sentence_says_so_and_gives_no_interval(curve, words):
    told = who_was_first(runs_of([curve] * 3, [curve] * 3), "forward_kl", "reverse_kl").sentence()
    assert told == (
        "Under sgd lr 1 from a warmed-up start, neither KL(T‖S) nor KL(S‖T) was the first to bring the tail gap "
        f"below 50 % of its start: {words}"
    )


def test_a_tie_between_recorded_steps_is_told_as_one():
    """With every step recorded these seeds differ; with every fifth one nobody can say who was first."""
    from akl_viz.toys import run_discrete

    told = []
    for every in (1, 5):
        config = discrete_config(losses=("reverse_kl", "mixed_kl"), seeds=20, steps=40, every=every)
        told.append(who_was_first(run_discrete(config), "reverse_kl", "mixed_kl").sentence())
    assert "mixed KL brought the tail gap below 50 % of its start before KL(S‖T) in 20 of 20 seeds" in told[0]
    assert told[1].endswith("in all 20 seeds both got there between the same two recorded steps, 5 apart.")


@pytest.mark.parametrize("start", ["warm", "zeros"])
def test_a_gap_that_was_never_there_is_no_tie_at_a_step(start):
    runs = runs_of([[0.0, 0.0]] * 3, [[0.0, 0.0]] * 3, start=start)
    told = who_was_first(runs, "forward_kl", "reverse_kl").sentence()
    assert told.endswith("the tail gap was 0 from the beginning.")
    assert "step" not in told


def test_a_warm_start_without_noise_is_the_same_for_every_seed():
    assert not Start("warm", noise=0.0).random
    assert Start("warm", noise=0.5).random


def test_seeds_that_cannot_differ_count_as_one():
    runs = runs_of([[1.0, 0.9]] * 5, [[1.0, 0.4]] * 5, start="zeros")
    found = who_was_first(runs, "forward_kl", "reverse_kl")
    assert (found.wins, found.n) == (1, 1)
    assert "in 1 of 1 seed (" in found.sentence()


@pytest.mark.parametrize("wrong", [{"share": 0.0}, {"share": 1.0}, {"field": "forward_kl"}])
def test_a_question_without_an_answer_is_refused(wrong):
    with pytest.raises(InvalidInput):
        who_was_first(runs_of(FORWARD, REVERSE), "forward_kl", "reverse_kl", **wrong)


def test_reverse_kl_closes_the_far_gap_first_but_not_the_papers_tail():
    """PAPER 4.3: that reverse KL fits the tail first holds on the far region only."""
    from akl_viz.toys import run_discrete

    runs = run_discrete(discrete_config(losses=("forward_kl", "reverse_kl"), seeds=20, steps=30))
    far = who_was_first(runs, "forward_kl", "reverse_kl", field="far_gap")
    tail = who_was_ahead(runs, "forward_kl", "reverse_kl", field="tail_gap", step=5)
    assert far.low > 0.5
    assert tail.high < 0.5
