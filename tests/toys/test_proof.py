"""Why zero gradient means p = q: the numbers behind the proof."""

import numpy as np
import pytest
import torch

from akl_viz.divergences import DIVERGENCES, Pair, get
from akl_viz.errors import InvalidInput
from akl_viz.toys import (
    Optimiser,
    hessian,
    late_equivalence,
    phi,
    phi_curves,
    phi_of_mix,
    simplex_field,
    simplex_paths,
    simplex_run,
)
from tests.tolerances import AUTOGRAD

TEACHER = (0.6, 0.3, 0.1)


@pytest.mark.parametrize("weight", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_phi_rises_for_every_weight_and_is_zero_at_one(weight):
    ratios, (values,) = phi_curves([weight])
    assert (np.diff(values) > 0.0).all()
    assert phi(np.ones(1), weight)[0] == 0.0
    assert ratios[[0, -1]] == pytest.approx([0.01, 100.0])


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_phi_is_the_gradient_over_q_but_for_a_constant(weight):
    p = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    q = torch.tensor([0.1, 0.6, 0.3], dtype=torch.float64)
    gradient = get("mixed_kl").value_and_grad(Pair(p.log(), q.log()), weight=weight)[1]
    constant = (gradient / q).numpy() - phi((q / p).numpy(), weight)
    np.testing.assert_allclose(constant, constant[0], **AUTOGRAD)


@pytest.mark.parametrize("wrong", [lambda: phi(np.ones(1), 1.5), lambda: phi(np.zeros(1), 0.5)])
def test_phi_refuses_what_it_is_not_defined_for(wrong):
    with pytest.raises(InvalidInput):
        wrong()


def test_the_field_stays_in_the_simplex_and_goes_downhill():
    losses = tuple(DIVERGENCES)
    field = simplex_field(TEACHER, losses, density=8)
    assert field.points.shape == (36, 3)
    np.testing.assert_allclose(field.points.sum(1), 1.0, rtol=1e-12)
    assert field.points.min() > 0.0
    np.testing.assert_allclose(field.points.mean(0), 1.0 / 3.0, rtol=1e-12)
    for loss in losses:
        np.testing.assert_allclose(field.steps[loss].sum(1), 0.0, atol=1e-12)
    for loss in ("forward_kl", "reverse_kl", "jsd"):
        small = 1e-4
        moved = torch.from_numpy(field.points + small * field.steps[loss]).log()
        after = get(loss).value(Pair(torch.tensor(TEACHER, dtype=torch.float64).log().expand_as(moved), moved))
        assert (after.numpy() < field.values[loss]).all()


def test_the_field_vanishes_at_the_teacher_alone():
    field = simplex_field((1 / 3, 1 / 3, 1 / 3), ("forward_kl", "reverse_kl"), density=4)
    centre = np.abs(field.points - 1 / 3).max(1) < 1e-12
    assert centre.sum() == 1
    for steps in field.steps.values():
        speed = np.abs(steps).max(1)
        assert speed[centre] < 1e-15
        assert speed[~centre].min() > 1e-3


def test_every_path_ends_at_the_teacher():
    starts = [(0.8, 0.1, 0.1), (0.1, 0.1, 0.8), (1.0, 0.0, 0.0)]
    paths = simplex_paths(TEACHER, ("forward_kl", "reverse_kl", "akl"), starts[:2], steps=400)
    for path in paths.values():
        assert path.shape == (2, 401, 3)
        np.testing.assert_allclose(path[:, 0], starts[:2], rtol=1e-12)
        np.testing.assert_allclose(path[:, -1], [TEACHER] * 2, atol=1e-6)
    corner = simplex_paths(TEACHER, ("forward_kl", "reverse_kl"), starts[2:], steps=30)
    moved = {loss: path[0, -1, 0] for loss, path in corner.items()}
    assert moved["forward_kl"] < 0.999 < moved["reverse_kl"]
    near = [(1.0 - 2e-4, 1e-4, 1e-4)]
    adam = simplex_paths(TEACHER, ("reverse_kl",), near, Optimiser("adam", 0.5), steps=300)
    np.testing.assert_allclose(adam["reverse_kl"][0, -1], TEACHER, atol=1e-2)


def test_a_run_on_the_simplex_counts_the_steps_until_it_is_near():
    run = simplex_run(TEACHER, (0.04, 0.16, 0.8), ("forward_kl", "reverse_kl"), threshold=0.05, steps=60)
    for loss, path in run.paths.items():
        distance = [0.5 * sum(abs(q - p) for q, p in zip(student, TEACHER, strict=True)) for student in path]
        assert run.tvd(loss) == pytest.approx(distance, rel=1e-12)
        first = next(step for step, one in enumerate(distance) if one < 0.05)
        assert 0 < first == run.reached(loss)
    near = simplex_run(TEACHER, (0.04, 0.16, 0.8), ("forward_kl",), threshold=1e-9, steps=5)
    assert near.reached("forward_kl") is None
    assert len(run.frame()) == 2 * 61
    assert run.to_json()["runs"][1]["path"] == run.paths["reverse_kl"].tolist()


def test_the_curves_of_a_mix_come_with_those_of_both_ends():
    found = phi_of_mix(0.3)
    assert found.mix == pytest.approx(0.3 * found.forward + 0.7 * found.reverse, rel=1e-12)
    assert found.rises
    assert list(found.frame().columns) == ["r", "phi", "phi w=1", "phi w=0"]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: simplex_field((0.5, 0.5), ("forward_kl",)),
        lambda: simplex_field(TEACHER, ("forward_kl",), density=1),
        lambda: simplex_paths(TEACHER, ("forward_kl",), []),
        lambda: simplex_paths(TEACHER, ("forward_kl",), [TEACHER], steps=0),
        lambda: simplex_run(TEACHER, TEACHER, ("forward_kl",), threshold=1.0),
        lambda: late_equivalence(TEACHER, distances=(0.0,)),
        lambda: late_equivalence((0.5, 0.5), distances=(1e-20,)),
        lambda: late_equivalence(TEACHER, distances=(1.0, float("nan"))),
        lambda: late_equivalence(TEACHER, distances=(1e4,)),
        lambda: late_equivalence(TEACHER, seed=-1),
        lambda: late_equivalence(TEACHER, seed=10**30),
        lambda: hessian("forward_kl", [1.0] * 300, [1.0] * 300),
    ],
)
def test_what_has_no_answer_is_refused(wrong):
    with pytest.raises(InvalidInput):
        wrong()


def test_the_hessian_of_forward_kl_is_the_covariance_of_the_student():
    student = np.array([0.2, 0.2, 0.6])
    np.testing.assert_allclose(
        hessian("forward_kl", TEACHER, student), np.diag(student) - np.outer(student, student), **AUTOGRAD
    )


@pytest.mark.parametrize("loss", ["forward_kl", "reverse_kl", "mixed_kl:weight=0.3", "akl", "akl:direction=reversed"])
def test_at_the_teacher_every_mix_has_the_same_hessian(loss):
    teacher = np.asarray(TEACHER)
    np.testing.assert_allclose(
        hessian(loss, teacher, teacher), np.diag(teacher) - np.outer(teacher, teacher), **AUTOGRAD
    )


def test_the_hessian_of_reverse_kl_is_the_derivative_of_its_gradient():
    teacher = torch.tensor(TEACHER, dtype=torch.float64)
    student = torch.tensor([0.2, 0.2, 0.6], dtype=torch.float64)
    rows = []
    for place in range(3):
        shift = torch.zeros(3, dtype=torch.float64)
        shift[place] = 1e-5
        ends = [
            get("reverse_kl").value_and_grad(Pair.from_logits(teacher.log(), student.log() + s * shift))[1]
            for s in (1, -1)
        ]
        rows.append((ends[0] - ends[1]) / 2e-5)
    np.testing.assert_allclose(hessian("reverse_kl", TEACHER, student.numpy()), torch.stack(rows), atol=1e-9)


def test_gradients_and_hessians_grow_alike_as_the_student_comes_to_the_teacher():
    found = late_equivalence((0.5, 0.25, 0.15, 0.07, 0.03))
    assert (np.diff(found.tv) < 0.0).all()
    assert (np.diff(1.0 - found.cosine) < 0.0).all()
    assert (np.diff(found.hessian_distance) < 0.0).all()
    assert found.cosine[-1] > 1.0 - 1e-4
    assert found.hessian_distance[-1] < 0.01
