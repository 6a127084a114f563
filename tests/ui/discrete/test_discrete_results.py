"""Results of learn/discrete: the stored one is a fresh one, drawn probabilities are exact enough, jobs are shared."""

import base64
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from akl_viz.errors import InvalidInput
from akl_viz.toys import FIELDS, discrete_config, run_discrete
from akl_viz.ui.discrete import results
from akl_viz.ui.discrete.choices import DEFAULT, config_of, defaults
from akl_viz.ui.discrete.look import Look
from akl_viz.ui.discrete.payload import SHOWN, overlap_words, payload, tail_words
from akl_viz.ui.discrete.results import DECADES, FULL, Asked, Result, ResultJobs, compute, encoded, stored
from tests.tolerances import OTHER_KERNELS, TRAINED_BY_OTHER_KERNELS

PATIENCE = 120.0


def decoded(codes):
    return 10.0 ** (DECADES * (codes.astype(np.float64) / FULL - 1.0))


def computed(config, share=0.5, seed=None):
    return compute(Asked(config, share, config.first_seed if seed is None else seed))


def small(**changes):
    return config_of(replace(DEFAULT, **{"steps": 12, "losses": ("forward_kl", "reverse_kl")} | changes))


def test_the_stored_result_is_what_a_fresh_computation_gives():
    held, fresh = stored(), compute(Asked(config_of(DEFAULT), DEFAULT.share, DEFAULT.seed))
    assert held.runs.config == fresh.runs.config
    for name in FIELDS:
        known, now = held.runs.values[name], fresh.runs.values[name]
        np.testing.assert_allclose(known, now, **TRAINED_BY_OTHER_KERNELS, err_msg=name)
    np.testing.assert_allclose(held.runs.teacher, fresh.runs.teacher, **OTHER_KERNELS)
    for name in ("in_head", "in_tail", "in_far", "steps"):
        np.testing.assert_array_equal(getattr(held.runs, name), getattr(fresh.runs, name))
    assert np.abs(held.codes.astype(int) - fresh.codes.astype(int)).max() <= 1
    assert held.counts == fresh.counts


def test_the_stored_result_needs_no_torch():
    program = (
        "import sys; from akl_viz.ui.discrete.results import stored; from akl_viz.ui.discrete.payload import payload; "
        "from akl_viz.ui.discrete.look import Look; "
        "payload(stored(), Look(), 0); sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("spoil", [b"", b"no archive", None])
def test_a_spoiled_stored_result_is_as_good_as_none(spoil, tmp_path, monkeypatch):
    path = tmp_path / "discrete.npz"
    if spoil is not None:
        path.write_bytes(spoil)
    monkeypatch.setattr(results, "STORED", path)
    assert stored() is None


def test_a_stored_result_of_other_settings_is_not_taken(monkeypatch):
    monkeypatch.setattr(results, "DEFAULT", replace(DEFAULT, mu=0.6))
    assert stored() is None


def test_drawn_probabilities_keep_their_relative_size():
    given = np.array([1.0, 0.3, 1e-3, 7e-9, 1.01e-12])
    np.testing.assert_allclose(decoded(encoded(given)), given, rtol=3e-4)
    assert encoded(np.array([0.0, 1e-300])).tolist() == [0, 0]


def test_frames_are_those_of_the_engine():
    config = small(seeds=3)
    result = computed(config)
    frames = run_discrete(config).frames[:, 0]
    np.testing.assert_allclose(decoded(result.codes), frames, rtol=3e-4, atol=1e-12)


def test_the_payload_holds_the_numbers_of_the_first_seed_and_bands_over_all():
    result = computed(small(seeds=5))
    runs, data = result.runs, payload(result, Look(3), 0)
    shown = unpacked(data["shown"], "<f4").reshape(len(SHOWN), 2, 13)
    for place, name in enumerate(SHOWN):
        np.testing.assert_allclose(shown[place], runs.values[name][:, 0, 0], rtol=1e-6)
    curves = unpacked(data["curves"], "<f4").reshape(2, 2, 3, 13)
    share = runs.values["tail_gap"][1, 0] / runs.values["tail_gap"][1, 0][:, :1]
    np.testing.assert_allclose(curves[1, 1], np.quantile(share, [0.05, 0.5, 0.95], axis=0), rtol=1e-6)
    assert "median of 5 seeds" in data["band"]
    assert "90%" in data["band"]


def test_a_large_run_is_drawn_at_fewer_steps_and_measured_at_all(monkeypatch):
    monkeypatch.setattr(results, "MOST_CODES", 2 * 80 * 6)
    result = computed(small())
    assert result.codes.shape == (2, len(result.drawn), 80)
    assert result.drawn.tolist() == [0, 1, 2, 4, 7, 12]
    np.testing.assert_allclose(decoded(result.codes), run_discrete(small()).frames[:, 0, result.drawn], rtol=3e-4)
    data = payload(result, Look(5), 0)
    assert unpacked(data["frame"], "<i4").tolist() == [0, 1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 5]
    assert unpacked(data["shown"], "<f4").size == len(SHOWN) * 2 * 13


def test_another_share_counts_anew_without_training(monkeypatch):
    jobs, config = ResultJobs(), small()
    jobs.keep(Asked(config, 0.5, 1), computed(config))
    monkeypatch.setattr(results, "_trained", None)
    job = jobs.start(Asked(config, 0.8, 1), "one")
    assert job.wait(PATIENCE)
    assert "below 80 % of its start" in job.outcome().counts[0][1]


def test_another_seed_is_drawn_as_it_was_trained_among_the_others(monkeypatch):
    jobs, config = ResultJobs(), small(seeds=4, first_seed=7)
    whole = computed(config)
    jobs.keep(Asked(config, 0.5, 7), whole)
    trained, train = [], results._trained
    monkeypatch.setattr(
        results, "_trained", lambda config, job: trained.append((config.runs, job)) or train(config, job)
    )
    job = jobs.start(Asked(config, 0.5, 9), "one")
    assert job.wait(PATIENCE)
    found = job.outcome()
    # With the job, so that its progress is told and it can be stopped.
    assert trained == [(2, job)]
    assert found.runs is whole.runs
    assert np.abs(found.codes.astype(int) - computed(config, seed=9).codes.astype(int)).max() == 0
    third = replace(config, seeds=1, first_seed=9)
    np.testing.assert_allclose(decoded(found.codes), run_discrete(third).frames[:, 0], rtol=3e-4, atol=1e-12)
    assert np.abs(found.codes.astype(int) - whole.codes.astype(int)).max() > 0


def test_the_payload_holds_the_drawn_seed_and_the_medians():
    result = computed(small(seeds=5, first_seed=3), seed=6)
    data = payload(result, Look(3), 0)
    curve = result.runs.curve("head_gap", "reverse_kl")
    shown, medians = (unpacked(data[name], "<f4").reshape(len(SHOWN), 2, 13) for name in ("shown", "medians"))
    np.testing.assert_allclose(shown[0, 1], curve[3], rtol=1e-6)
    np.testing.assert_allclose(medians[0, 1], np.median(curve, axis=0), rtol=1e-6)
    assert (data["seed"], data["seeds"]) == (6, 5)
    assert data["ver"] != payload(computed(small(seeds=5, first_seed=3)), Look(3), 0)["ver"]


def test_one_seed_or_a_fixed_start_has_no_band():
    for changes in ({"seeds": 1}, {"seeds": 4, "start": "zeros"}):
        data = payload(computed(small(**changes)), Look(0), 0)
        assert data["band"] == ""
        assert data["medians"] is None
        assert unpacked(data["curves"], "<f4").size == 2 * 2 * 13


def test_equal_results_give_an_equal_payload():
    result = computed(small())
    assert payload(result, Look(5), 0) == payload(computed(small()), Look(5), 0)
    assert payload(result, Look(5), 0)["ver"] != payload(computed(small(mu=0.6)), Look(5), 0)["ver"]


def test_a_tail_that_holds_head_tokens_is_told_about():
    assert overlap_words(computed(small()).runs) == ""
    told = overlap_words(run_discrete(discrete_config("paper-bimodal", tail="far", steps=1)))
    assert told.startswith("The tail chosen here holds 10 of the 12 tokens of the head, 43%")
    assert told.endswith("The far region was made for the long-tailed teacher.")


@pytest.mark.parametrize("tail", [{"tail": "bottom", "bottom": 75}, {"tail": "far", "far_from": 1}])
def test_the_usual_far_region_is_blamed_for_its_own_overlap_alone(tail):
    told = overlap_words(run_discrete(discrete_config("paper-longtail", steps=1, **tail)))
    assert told.endswith("its gap is not that of a tail.")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "all tokens but the head"),
        ({"tail": "far"}, "far region, tokens from 46 on"),
        ({"tail": "far", "far_from": 60}, "far region, tokens from 60 on"),
        ({"tail": "bottom", "bottom": 7}, "the teacher's 7 least likely tokens"),
    ],
)
def test_the_tail_is_named_after_what_it_sums(changes, words):
    result = computed(small(**changes))
    assert tail_words(result.runs.config, 80) == words
    if changes:
        assert result.runs.in_tail.sum() == {"far": 80 - (changes.get("far_from") or 46), "bottom": 7}[changes["tail"]]


def test_the_sentence_counts_the_seeds():
    choices = replace(defaults("zipf"), seeds=4, steps=15, tokens=60)
    result = computed(config_of(choices), choices.share)
    head, tail = (sentence for _, sentence in result.counts[:2])
    assert "sgd lr 1 from a warmed-up start" in head
    assert "of 4 seeds (95 % interval" in head
    assert "head gap" in head
    assert "tail gap" in tail


def test_two_sessions_share_one_job_and_its_result():
    jobs, asked = ResultJobs(), Asked(small(), 0.5, 1)
    first, second = (jobs.start(asked, watcher) for watcher in ("one", "two"))
    assert first is second
    assert first.wait(PATIENCE)
    outcome = first.outcome()
    assert isinstance(outcome, Result)
    assert jobs.known(asked) is outcome
    assert jobs.known(asked._replace(share=0.4)) is None


def test_a_loss_that_does_not_exist_is_a_sentence():
    with pytest.raises(InvalidInput, match="no_such"):
        computed(small(losses=("no_such",)))


def test_a_stopped_job_says_so():
    job = ResultJobs().start(Asked(config_of(replace(DEFAULT, seeds=100, steps=5000)), 0.5, 1), "one")
    job.leave("one")
    assert job.wait(PATIENCE)
    assert job.outcome() == "The experiment was stopped."


def unpacked(packed, kind):
    return np.frombuffer(base64.b64decode(packed["data"]), kind)
