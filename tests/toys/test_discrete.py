"""The free softmax student: the paper's toy to the digit, and what batching must not change."""

import numpy as np
import pytest
import torch

from akl_viz.divergences import DIVERGENCES, Pair, get, head_mask, log_probs
from akl_viz.errors import Cancelled, InvalidInput
from akl_viz.toys import FIELDS, Optimiser, Start, discrete_config, run_discrete
from akl_viz.toys.descent import Descent, Loss
from tests.tolerances import AUTOGRAD, PUBLISHED_3_DIGITS

GOLDEN_GAP = 5e-4


@pytest.fixture(scope="module")
def longtail():
    return run_discrete(discrete_config())


def test_the_golden_table_is_reproduced(longtail, golden):
    for loss, rows in golden["longtail"].items():
        for row in rows:
            for field in set(row) - {"step"}:
                found = longtail.curve(field, loss)[0, row["step"]]
                assert found == pytest.approx(row[field], abs=GOLDEN_GAP), (loss, row["step"], field)


def test_the_head_and_the_first_weight_are_the_papers(longtail, golden):
    assert longtail.in_head.sum() == golden["longtail_head_tokens"]
    assert longtail.in_head[: golden["longtail_head_tokens"]].all()
    assert longtail.curve("weight_forward", "akl")[0, 0] == pytest.approx(golden["longtail_weight_at_start"], abs=5e-3)


def test_the_final_losses_over_the_vocabulary_are_those_the_notebook_printed(longtail, golden):
    for loss, printed in golden["printed_final_loss"].items():
        assert longtail.curve("loss_value", loss)[0, -1] / 80 == pytest.approx(printed, rel=5e-3)


def test_plain_gradient_descent_gives_the_other_picture(golden):
    runs = run_discrete(discrete_config(optimisers=(Optimiser("sgd", 1.0),), steps=20))
    for row in golden["sgd"]:
        for field in ("head_gap", "tail_gap"):
            found = runs.curve(field, row["loss"])[0, row["step"]]
            np.testing.assert_allclose(found, row[field], **PUBLISHED_3_DIGITS)


def test_the_first_step_on_two_modes_has_the_published_distance(golden):
    runs = run_discrete(discrete_config("paper-bimodal", steps=1))
    for loss, tv in golden["bimodal_tv_at_1"].items():
        found = (runs.curve("head_gap", loss) + runs.curve("tail_gap", loss))[0, 1] / 2.0
        np.testing.assert_allclose(found, tv, **PUBLISHED_3_DIGITS)


def test_a_batch_gives_what_every_run_gives_alone():
    optimisers = (Optimiser("adam", 0.1), Optimiser("sgd", 1.0))
    losses = ("forward_kl", "akl:mu=0.7", "jsd")
    together = run_discrete(discrete_config("paper-bimodal", losses=losses, optimisers=optimisers, seeds=3, steps=12))
    for number, loss in enumerate(losses):
        for place, optimiser in enumerate(optimisers):
            for row, seed in enumerate(together.seeds):
                alone = run_discrete(
                    discrete_config("paper-bimodal", losses=(loss,), optimisers=(optimiser,), first_seed=seed, steps=12)
                )
                for field in FIELDS:
                    found = together.values[field][number, place, row]
                    np.testing.assert_allclose(found, alone.values[field][0, 0, 0], rtol=1e-10, atol=1e-14)


def test_losses_side_by_side_share_what_they_compute_and_end_as_each_alone():
    losses = (*DIVERGENCES, "akl:mu=0.7", "akl:boundary=reach", "akl:gap=squared", "mixed_kl:weight=0.2")
    together = run_discrete(discrete_config("paper-bimodal", losses=losses, mu=0.6, seeds=2, steps=6, frames=True))
    for number, loss in enumerate(losses):
        alone = run_discrete(
            discrete_config("paper-bimodal", losses=(loss,), mu=0.6, seeds=2, steps=6, every=2, frames=True)
        )
        for field in FIELDS:
            found = together.values[field][number][..., ::2]
            np.testing.assert_allclose(found, alone.values[field][0], rtol=1e-9, atol=1e-14, err_msg=f"{loss} {field}")
        np.testing.assert_allclose(together.frames[number][:, ::2], alone.frames[0], rtol=1e-6)


@pytest.mark.parametrize("key", [key for key, row in DIVERGENCES.items() if row.smooth and not row.constant_weights])
def test_the_path_is_that_of_autograd_and_torch_optim(key):
    config = discrete_config("own", target=(0.5, 0.3, 0.15, 0.05), losses=(key,), steps=10, frames=True)
    teacher = torch.from_numpy(config.teacher()).log()
    target = teacher.argmax() if get(key).needs_target else None
    generator = torch.Generator().manual_seed(1)
    logits = torch.rand(4, generator=generator).to(torch.float64).requires_grad_()
    optimiser = torch.optim.Adam([logits], lr=0.2)
    frames = run_discrete(config).frames[0, 0]
    for step in range(config.steps + 1):
        np.testing.assert_allclose(frames[step], logits.softmax(-1).detach(), rtol=2e-6)
        optimiser.zero_grad()
        torch.autograd.backward(get(key).value(Pair(teacher, logits.log_softmax(-1), target=target)))
        optimiser.step()


@pytest.mark.parametrize("key", DIVERGENCES)
def test_every_registered_divergence_runs_and_records_its_value(key):
    runs = run_discrete(discrete_config("paper-bimodal", losses=(key,), steps=3))
    assert all(np.isfinite(values).all() for values in runs.values.values())
    assert runs.curve("loss_value", key)[0, 3] < runs.curve("loss_value", key)[0, 0]


def test_recorded_numbers_are_those_of_the_distributions():
    config = discrete_config(
        "paper-bimodal", losses=("reverse_kl",), steps=6, every=3, mu=0.7, boundary="reach", frames=True
    )
    runs = run_discrete(config)
    teacher = torch.from_numpy(runs.teacher).log()
    assert runs.steps.tolist() == [0, 3, 6]
    assert torch.equal(torch.from_numpy(runs.in_head), head_mask(teacher, 0.7, "reach"))
    student = runs.frames[0, 0, 2].astype(np.float64)
    gap = np.abs(student - runs.teacher)
    assert runs.curve("head_gap", "reverse_kl")[0, 2] == pytest.approx(gap[runs.in_head].sum(), abs=1e-6)
    assert runs.curve("tail_gap", "reverse_kl")[0, 2] == pytest.approx(gap[~runs.in_head].sum(), abs=1e-6)
    assert runs.curve("reverse_kl", "reverse_kl")[0, 2] == pytest.approx(
        (student * np.log(student / runs.teacher)).sum(), rel=1e-3
    )


def test_the_tail_is_what_it_is_defined_to_be():
    far = run_discrete(discrete_config(steps=2, tail="far", far_from=60))
    assert far.in_tail.tolist() == [place >= 60 for place in range(80)]
    np.testing.assert_allclose(far.values["tail_gap"], far.values["far_gap"], **AUTOGRAD)
    bottom = run_discrete(discrete_config("paper-bimodal", steps=2, tail="bottom", bottom=7))
    assert bottom.in_tail.sum() == 7
    assert bottom.teacher[bottom.in_tail].max() <= bottom.teacher[~bottom.in_tail].min()


def test_a_band_holds_the_median_between_its_ends_and_a_share_starts_at_one():
    runs = run_discrete(discrete_config("paper-bimodal", seeds=20, steps=5))
    low, middle, high = runs.band("tail_gap", "akl", share=True)
    assert low[0] == middle[0] == high[0] == 1.0
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert high[-1] > low[-1]


def test_the_table_has_one_row_per_recorded_step_of_every_run():
    runs = run_discrete(discrete_config("paper-bimodal", seeds=2, steps=4, every=2))
    frame = runs.frame()
    assert len(frame) == 4 * 2 * 3
    chosen = frame.query("loss == 'akl' and seed == 2 and step == 4")
    assert chosen["tail_gap"].item() == runs.curve("tail_gap", "akl")[1, 2]


def test_progress_rises_to_one_and_cancelling_ends_the_run():
    told = []
    run_discrete(discrete_config(steps=50), progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    with pytest.raises(Cancelled):
        run_discrete(discrete_config(steps=50), cancelled=lambda: True)


@pytest.mark.parametrize("loss", ["nonsense", "akl:mu=2", "akl:nonsense=1"])
def test_a_loss_that_does_not_exist_is_refused(loss):
    with pytest.raises(InvalidInput):
        run_discrete(discrete_config(losses=(loss,), steps=1))


def test_logits_out_of_range_become_a_sentence_about_the_learning_rate():
    config = discrete_config(
        losses=("reverse_kl",), optimisers=(Optimiser("adamw", 1e200, weight_decay=1e200),), steps=5
    )
    with pytest.raises(InvalidInput, match="take a smaller learning rate"):
        run_discrete(config)


def test_the_loss_that_left_the_range_is_named_among_others():
    losses = [Loss.of(key) for key in ("forward_kl", "tvd", "jsd")]
    descent = Descent(torch.tensor([0.5, 0.3, 0.2]).double(), torch.zeros(2, 3).double(), losses, [Optimiser("sgd")])
    descent.logits[1, 0, 1, 2] = torch.inf
    with pytest.raises(InvalidInput, match="tvd drove the logits out of range at step 0: take a smaller"):
        descent.measure()


def test_a_loss_that_did_not_run_has_no_curve(longtail):
    with pytest.raises(InvalidInput, match="tvd is not among the losses"):
        longtail.curve("head_gap", "tvd")


def test_akl_takes_mu_from_the_experiment_unless_it_gives_its_own():
    own = run_discrete(discrete_config("paper-bimodal", losses=("akl:mu=0.8",), steps=5))
    shared = run_discrete(discrete_config("paper-bimodal", losses=("akl",), steps=5, mu=0.8))
    other = run_discrete(discrete_config("paper-bimodal", losses=("akl",), steps=5))
    np.testing.assert_array_equal(own.values["forward_kl"], shared.values["forward_kl"])
    assert (own.values["forward_kl"] != other.values["forward_kl"])[..., 1:].all()


def test_at_the_teacher_nothing_moves():
    config = discrete_config(
        "paper-bimodal", start=Start("missing-mode", depth=0.0), optimisers=(Optimiser("sgd", 1.0),), steps=3
    )
    runs = run_discrete(config)
    expected = log_probs(torch.from_numpy(runs.teacher).log()).exp()
    assert runs.values["head_gap"].max() < 1e-13
    np.testing.assert_allclose(runs.teacher, expected, **AUTOGRAD)
