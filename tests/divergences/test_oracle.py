"""Every value against the slow oracle, and the oracle against SciPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from scipy.special import entr, rel_entr

from akl_viz.divergences import (
    DIVERGENCES,
    Pair,
    akl_weights,
    entropy,
    forward_terms,
    gaps,
    log_probs,
    reverse_terms,
)
from tests import reference
from tests.divergences.settings import SETTINGS, paired, target_of
from tests.reference_rows import ORACLES
from tests.strategies import LogitPair, boundaries, logit_pairs_with_zeros, mus
from tests.tolerances import ORACLE

EXTREMES: list[tuple[str, dict[str, Any]]] = [
    ("mixed_kl", {"weight": 0.0}),
    ("mixed_kl", {"weight": 1.0}),
    ("akl", {"mu": 0.3, "boundary": "reach"}),
]


def close(found: torch.Tensor, expected: float) -> bool:
    """Whether a scalar tensor holds the oracle's number; infinities must agree."""
    return math.isclose(float(found), expected, rel_tol=ORACLE["rtol"], abs_tol=ORACLE["atol"])


@pytest.mark.parametrize(("key", "params"), SETTINGS + EXTREMES, ids=lambda part: str(part))
@given(logits=logit_pairs_with_zeros())
def test_a_divergence_is_what_its_formula_says(key: str, params: dict[str, Any], logits: LogitPair):
    pair = paired(logits)
    # The oracle gets the product's probabilities: which token crosses mu may hang on their last digit.
    extra = {"target": target_of(pair)} if key == "drkl" else {}
    expected = ORACLES[key](pair.p.tolist(), pair.q.tolist(), **params, **extra)
    assert close(DIVERGENCES[key].value(pair, **params), expected)


@given(logits=logit_pairs_with_zeros())
def test_probabilities_are_the_softmax_of_the_logits(logits: LogitPair):
    expected = torch.tensor(reference.softmax(logits[0].tolist(), 1.7), dtype=torch.float64)
    torch.testing.assert_close(Pair.from_logits(*logits, temperature=1.7).p, expected, **ORACLE)
    torch.testing.assert_close(log_probs(logits[0], 1.7).exp(), expected, **ORACLE)


@given(logits=logit_pairs_with_zeros(), mu=mus(), boundary=boundaries())
def test_gaps_and_weights_are_what_their_formulas_say(logits: LogitPair, mu: float, boundary: Any):
    teacher, student = log_probs(logits[0]), log_probs(logits[1])
    p, q = teacher.exp().tolist(), student.exp().tolist()
    head, tail = gaps(teacher, student, mu, boundary)
    expected = reference.head_and_tail_gap(p, q, mu, boundary)
    assert close(head, expected[0])
    assert close(tail, expected[1])
    forward, reverse = akl_weights(teacher, student, mu, boundary)
    assert math.isclose(float(forward), reference.forward_weight(p, q, mu, boundary), abs_tol=1e-9)
    assert close(forward + reverse, 1.0)


@given(logits=logit_pairs_with_zeros())
def test_the_terms_of_each_token_are_those_of_scipy_and_sum_to_the_divergence(logits: LogitPair):
    pair = Pair.from_logits(*logits)
    p, q = pair.p.numpy(), pair.q.numpy()
    for terms, expected, key in (
        (forward_terms(pair), rel_entr(p, q), "forward_kl"),
        (reverse_terms(pair), rel_entr(q, p), "reverse_kl"),
    ):
        np.testing.assert_allclose(terms.numpy(), expected, **ORACLE)
        assert close(DIVERGENCES[key].value(pair), max(float(terms.sum()), 0.0))


@given(logits=logit_pairs_with_zeros())
def test_entropies_are_those_of_the_oracle_and_of_scipy(logits: LogitPair):
    pair = Pair.from_logits(*logits)
    assert close(pair.teacher_entropy, reference.entropy(pair.p.tolist()))
    assert close(pair.student_entropy, float(entr(pair.q.numpy()).sum()))
    assert close(entropy(log_probs(logits[0])), reference.entropy(pair.p.tolist()))


@given(logits=logit_pairs_with_zeros())
def test_the_two_gaps_sum_to_twice_the_total_variation(logits: LogitPair):
    pair = Pair.from_logits(*logits)
    head, tail = gaps(pair.teacher, pair.student)
    assert close(head + tail, 2.0 * float(DIVERGENCES["tvd"].value(pair)))


def test_the_oracle_itself_agrees_with_scipy():
    p, q = [0.5, 0.25, 0.25, 0.0], [0.125, 0.5, 0.25, 0.125]
    assert reference.forward_kl(p, q) == pytest.approx(float(rel_entr(p, q).sum()), rel=ORACLE["rtol"])
    assert reference.reverse_kl(p, q) == math.inf
