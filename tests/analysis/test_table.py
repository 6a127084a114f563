"""The position table: which tokens it holds, in which order, and that its parts add up."""

import numpy as np
import pytest
import torch

from akl_viz.analysis.measure import GRADIENT_SLOTS, STUDENT_SLOTS, TEACHER_SLOTS
from akl_viz.analysis.trace import token_trace
from akl_viz.records import BOUNDARIES, GRADIENT_LOSSES, Settings
from tests.analysis import oracle
from tests.checkpoints import TRICKY, plain_logits

SINGLE = 1e-5
"""What float32 keeps of a probability, a term or a gradient of order 1, absolute."""

SETTINGS = [Settings(0.5, "below", 1.0), Settings(0.9, "reach", 2.0), Settings(0.3, "below", 2.0)]


@pytest.fixture(params=SETTINGS, ids=lambda one: f"mu{one.mu:g}-{one.boundary}-t{one.temperature:g}")
def case(request, folders, load):
    """A trace and the logits (T, V) of both models that it came from."""
    trace = token_trace(*load("teacher", "student"), TRICKY, request.param)
    _, teacher = plain_logits(folders["teacher"], TRICKY)
    _, student = plain_logits(folders["student"], TRICKY)
    return trace, teacher, student


def scored_rows(trace):
    """(place, mask of the used slots) of every scored token."""
    return [(place, trace.table.ids[place] >= 0) for place in range(1, len(trace))]


def distributions(case, place):
    trace, teacher, student = case
    temperature = trace.settings.temperature
    return oracle.log_softmax(teacher[place - 1], temperature), oracle.log_softmax(student[place - 1], temperature)


def autograd(teacher, student, settings: Settings) -> np.ndarray:
    """(V, 3) derivatives of the losses by the raw student logits, the weights of AKL held constant."""
    log_p = torch.log_softmax(torch.from_numpy(teacher) / settings.temperature, -1)
    raw = torch.from_numpy(student).clone().requires_grad_()
    log_q = torch.log_softmax(raw / settings.temperature, -1)
    forward = (log_p.exp() * (log_p - log_q)).sum()
    reverse = (log_q.exp() * (log_q - log_p)).sum()
    gap = (log_p.exp() - log_q.detach().exp()).abs().numpy()
    head = oracle.head_order(log_p.exp().numpy(), settings.mu, settings.boundary)
    weight = float(gap[head].sum() / gap.sum())
    losses = {"forward_kl": forward, "reverse_kl": reverse, "akl": weight * forward + (1 - weight) * reverse}
    found = [torch.autograd.grad(losses[key], raw, retain_graph=True)[0].numpy() for key in GRADIENT_LOSSES]
    return np.stack(found, axis=-1)


def test_a_row_is_sorted_by_teacher_probability_without_repeats(case):
    trace = case[0]
    for place, used in scored_rows(trace):
        ids, p = trace.table.ids[place][used], trace.table.teacher[place][used]
        assert used.sum() == used.argmin() or used.all()
        assert len(set(ids.tolist())) == len(ids)
        assert (np.diff(p) <= 0).all()


def test_unused_slots_and_the_unscored_token_are_empty(case):
    table = case[0].table
    unused = table.ids == -1
    assert unused[0].all()
    for name in ("teacher", "student", "forward_terms", "reverse_terms", "gradients", "in_head"):
        assert not getattr(table, name)[unused].any()
    assert np.isnan(table.head_mass[0])


def test_the_table_is_as_wide_as_its_fullest_row(case):
    assert (case[0].table.ids >= 0).sum(-1).max() == case[0].table.ids.shape[1]


def test_a_row_holds_the_likeliest_the_observed_and_the_most_pushed_tokens(case):
    trace, teacher, student = case
    for place, used in scored_rows(trace):
        held = set(trace.table.ids[place][used].tolist())
        gradients = np.abs(autograd(teacher[place - 1], student[place - 1], trace.settings))
        wanted = {int(trace.ids[place])}
        wanted |= set(np.argsort(-teacher[place - 1])[:TEACHER_SLOTS].tolist())
        wanted |= set(np.argsort(-student[place - 1])[:STUDENT_SLOTS].tolist())
        for loss in range(len(GRADIENT_LOSSES)):
            wanted |= set(np.argsort(-gradients[:, loss])[:GRADIENT_SLOTS].tolist())
        assert held == wanted


def test_probabilities_and_terms_are_those_of_the_tokens(case):
    trace = case[0]
    for place, used in scored_rows(trace):
        log_p, log_q = distributions(case, place)
        ids, table = trace.table.ids[place][used], trace.table
        for found, expected in (
            (table.teacher, np.exp(log_p)),
            (table.student, np.exp(log_q)),
            (table.forward_terms, oracle.kl_terms(log_p, log_q)),
            (table.reverse_terms, oracle.kl_terms(log_q, log_p)),
        ):
            np.testing.assert_allclose(found[place][used], expected[ids], rtol=0, atol=SINGLE)


def test_drawn_terms_and_the_rest_sum_to_the_divergence_shown(case):
    trace = case[0]
    for place, used in scored_rows(trace):
        log_p, log_q = distributions(case, place)
        rest = np.ones(len(log_p), dtype=bool)
        rest[trace.table.ids[place][used]] = False
        forward = trace.table.forward_terms[place].sum() + oracle.kl_terms(log_p, log_q)[rest].sum()
        reverse = trace.table.reverse_terms[place].sum() + oracle.kl_terms(log_q, log_p)[rest].sum()
        assert forward == pytest.approx(trace.columns["forward_kl"][place], abs=SINGLE)
        assert reverse == pytest.approx(trace.columns["reverse_kl"][place], abs=SINGLE)


def test_the_head_is_marked_and_its_whole_mass_given(case):
    trace = case[0]
    for place, used in scored_rows(trace):
        p = np.exp(distributions(case, place)[0])
        head = oracle.head_order(p, trace.settings.mu, trace.settings.boundary)
        ids = trace.table.ids[place][used]
        assert trace.table.in_head[place][used].tolist() == np.isin(ids, head).tolist()
        assert trace.table.head_mass[place] == pytest.approx(p[head].sum(), abs=SINGLE)


def test_gradients_are_those_of_autograd_on_the_raw_logits(case):
    trace, teacher, student = case
    for place, used in scored_rows(trace):
        expected = autograd(teacher[place - 1], student[place - 1], trace.settings)
        found = trace.table.gradients[place][used]
        np.testing.assert_allclose(found, expected[trace.table.ids[place][used]], rtol=0, atol=SINGLE)


def test_every_token_of_the_table_has_a_label(case):
    trace = case[0]
    assert {token for token in np.unique(trace.table.ids).tolist() if token >= 0} == set(trace.vocabulary)


def test_both_boundaries_are_tried():
    assert {one.boundary for one in SETTINGS} == set(BOUNDARIES)
