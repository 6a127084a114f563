"""Comparisons over a small vocabulary: every registered divergence, against plain sums in Python floats."""

import csv
import io
import json
import math

import numpy as np
import pytest

from akl_viz.analysis.export import FORMULA_STARTS, cell_text
from akl_viz.analysis.small_vocabulary import compare
from akl_viz.analysis.small_vocabulary_export import comparison_json, losses_csv, tokens_csv
from akl_viz.divergences import DIVERGENCES, Pair
from akl_viz.errors import InvalidInput
from akl_viz.loss_spec import LossSpec
from akl_viz.records import Settings

P, Q = (0.5, 0.3, 0.15, 0.05), (0.1, 0.2, 0.3, 0.4)
EXACT = 1e-12
"""Absolute; sums of four float64 terms of size 1."""
STEP_SIZE, STEP_ABS = 1e-5, 1e-8
"""Central differences: the error of the formula is about the square of the step, rounding 1e-16 / step."""


def plain_kl(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def tempered(p, temperature):
    weights = [one ** (1 / temperature) for one in p]
    return [one / sum(weights) for one in weights]


def loss(comparison, key):
    return next(row for row in comparison.losses if row.spec.key == key)


def test_every_registered_divergence_has_one_row_in_the_order_of_the_registry():
    assert [row.spec.key for row in compare(P, Q).losses] == list(DIVERGENCES)


@pytest.mark.parametrize("key", DIVERGENCES)
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_contributions_add_up_to_the_value(key, temperature):
    row = loss(compare(P, Q, Settings(temperature=temperature)), key)
    assert row.terms.sum() == pytest.approx(row.value, abs=EXACT)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_both_kls_are_the_plain_sums(temperature):
    p, q = tempered(P, temperature), tempered(Q, temperature)
    found = compare(P, Q, Settings(temperature=temperature))
    assert found.teacher.tolist() == pytest.approx(p, abs=EXACT)
    assert loss(found, "forward_kl").value == pytest.approx(plain_kl(p, q), abs=EXACT)
    assert loss(found, "reverse_kl").value == pytest.approx(plain_kl(q, p), abs=EXACT)
    assert (found.forward_kl, found.reverse_kl) == (loss(found, "forward_kl").value, loss(found, "reverse_kl").value)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("key", [key for key, row in DIVERGENCES.items() if row.smooth and not row.constant_weights])
def test_a_step_is_minus_the_slope_of_the_value_along_each_raw_logit(key, temperature):
    settings = Settings(temperature=temperature)
    step = loss(compare(P, Q, settings), key).step
    for token in range(len(Q)):
        values = []
        for sign in (1, -1):
            moved = [q * math.exp(sign * STEP_SIZE) if n == token else q for n, q in enumerate(Q)]
            values.append(loss(compare(P, moved, settings), key).value)
        assert -(values[0] - values[1]) / (2 * STEP_SIZE) == pytest.approx(step[token], abs=STEP_ABS)


def test_heads_and_weights_follow_both_rules():
    heads = compare(P, Q, Settings(mu=0.6)).heads
    assert heads["below"].mask.tolist() == [True, False, False, False]
    assert heads["reach"].mask.tolist() == [True, True, False, False]
    for boundary, count in (("below", 1), ("reach", 2)):
        gaps = [abs(a - b) for a, b in zip(P, Q, strict=True)]
        head, tail = sum(gaps[:count]), sum(gaps[count:])
        weight = head / (head + tail)
        found = heads[boundary]
        assert (found.head_gap, found.tail_gap) == pytest.approx((head, tail), abs=EXACT)
        assert found.weight_forward == pytest.approx(weight, abs=EXACT)
        expected = weight * plain_kl(P, Q) + (1 - weight) * plain_kl(Q, P)
        assert found.akl == pytest.approx(expected, abs=EXACT)
        assert loss(compare(P, Q, Settings(0.6, boundary)), "akl").value == pytest.approx(expected, abs=EXACT)


def test_weights_are_divided_by_their_sum():
    found, doubled = compare(P, Q), compare([2 * p for p in P], [300 * q for q in Q])
    assert doubled.forward_kl == pytest.approx(found.forward_kl, abs=EXACT)


def test_a_lost_token_makes_forward_kl_infinite_and_no_step_nan():
    found = compare((0.5, 0.5, 0.0), (1.0, 0.0, 0.0))
    assert found.forward_kl == math.inf
    assert all(np.isfinite(row.step).all() for row in found.losses)
    assert json.dumps(comparison_json(found), allow_nan=False)
    assert comparison_json(found)["losses"][0]["value"] == "inf"


def test_no_zero_step_has_a_minus_sign():
    for row in compare(P, P).losses:
        assert not (np.signbit(row.step) & (row.step == 0)).any()


def test_the_target_is_the_teachers_likeliest_unless_given():
    assert compare(Q, P).target == 3
    assert compare(Q, P, target=1).target == 1


def test_a_loss_that_reads_the_target_sees_the_one_given():
    for key, row in DIVERGENCES.items():
        if row.needs_target:
            values = {compare(P, Q, target=token, losses=[LossSpec(key)]).losses[0].value for token in range(4)}
            assert len(values) > 1, key


def test_a_loss_takes_mu_and_boundary_from_the_settings_unless_it_gives_them():
    settings = Settings(0.9, "reach")
    (row,) = compare(P, Q, settings, losses=[LossSpec("akl")]).losses
    assert (row.params["mu"], row.params["boundary"]) == (0.9, "reach")
    (row,) = compare(P, Q, settings, losses=[LossSpec.parse("akl:mu=0.2")]).losses
    assert (row.params["mu"], row.params["boundary"]) == (0.2, "reach")


@pytest.mark.parametrize(
    ("teacher", "student", "options", "said"),
    [
        ((0.5, 0.5), (1.0,), {}, "at least two"),
        ((0.5, 0.5), (0.2, 0.2, 0.6), {}, "give as many"),
        ((0.5, -0.5), (0.5, 0.5), {}, "from 0 up"),
        ((0.5, math.nan), (0.5, 0.5), {}, "finite"),
        ((0.0, 0.0), (0.5, 0.5), {}, "above 0"),
        ((1e308, 1e308), (0.5, 0.5), {}, "finite sum"),
        ((0.5, 0.5), (0.5, 0.5), {"target": 2}, "from 0 to 1, not 2"),
        ((0.5, 0.5), (0.5, 0.5), {"losses": [LossSpec("nope")]}, "no divergence 'nope'"),
        ((0.5, 0.5), (0.5, 0.5), {"losses": [LossSpec.parse("jsd:beta=3")]}, "beta must be"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_what_is_no_distribution_is_refused_in_a_sentence(teacher, student, options, said):
    with pytest.raises(InvalidInput, match=said):
        compare(teacher, student, **options)


def test_both_tables_hold_the_numbers_at_full_precision():
    found = compare(P, Q)
    losses = list(csv.DictReader(io.StringIO(losses_csv(found))))
    assert [float(row["value"]) for row in losses] == [row.value for row in found.losses]
    tokens = list(csv.DictReader(io.StringIO(tokens_csv(found, ["a", "b,c", 'd"', "\n"]))))
    assert [cell_text(row["label"]) for row in tokens] == ["a", "b,c", 'd"', "\n"]
    for row in found.losses:
        assert [float(one[f"step {row.spec}"]) for one in tokens] == row.step.tolist()
        assert [float(one[f"term {row.spec}"]) for one in tokens] == row.terms.tolist()


def test_a_label_is_never_a_formula_of_a_spreadsheet():
    labels = ["=1+1", "@SUM(A1)", "-2", "\t=1"]
    rows = list(csv.DictReader(io.StringIO(tokens_csv(compare(P, Q), labels), newline="")))
    assert not any(row["label"].startswith(FORMULA_STARTS) for row in rows)
    assert [cell_text(row["label"]) for row in rows] == labels


def test_the_pair_that_is_compared_is_the_one_given():
    found = compare(P, Q)
    pair = Pair.from_logits(*(np_logs(one) for one in (P, Q)))
    assert found.teacher.tolist() == pair.p.tolist()


def np_logs(weights):
    import torch

    return torch.tensor(weights, dtype=torch.float64).log()
