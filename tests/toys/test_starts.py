"""Where the students begin."""

import numpy as np
import pytest
import torch

from akl_viz.errors import InvalidInput
from akl_viz.toys.settings import Start
from akl_viz.toys.starts import start_logits
from akl_viz.toys.targets import TARGETS, own_target, paper_bimodal, paper_broad, paper_longtail, zipf

TEACHER = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64).log()


def test_uniform_starts_are_the_numbers_of_the_global_generator_with_that_seed():
    found = start_logits(Start("uniform"), TEACHER, range(1, 3))
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(1)
        expected = torch.rand(4).to(torch.float64)
    assert torch.equal(found[0], expected)
    assert not torch.equal(found[0], found[1])


def test_a_warm_start_is_the_teacher_plus_noise_of_the_given_size():
    found = start_logits(Start("warm", noise=2.0), TEACHER, range(3000))
    noise = found - TEACHER
    assert abs(float(noise.mean())) < 0.1
    assert float(noise.std()) == pytest.approx(2.0, rel=0.05)


def test_zeros_are_a_uniform_student():
    assert not start_logits(Start("zeros"), TEACHER, range(2)).any()


def test_a_missing_mode_is_lowered_by_the_depth_and_nothing_else():
    moved = start_logits(Start("missing-mode", depth=7.0), TEACHER, range(1))[0] - TEACHER
    assert moved.tolist() == pytest.approx([-7.0, -7.0, 0.0, 0.0])
    moved = start_logits(Start("missing-mode", depth=7.0, dropped=(1, 3)), TEACHER, range(1))[0] - TEACHER
    assert moved.tolist() == pytest.approx([0.0, -7.0, -7.0, 0.0])


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.key)
def test_every_teacher_is_a_distribution_on_its_axis(target):
    teacher = target.make()
    assert teacher.shape == (target.tokens,)
    assert (teacher > 0.0).all()
    assert teacher.sum() == pytest.approx(1.0, abs=1e-12)


def test_the_bimodal_teacher_has_the_notebooks_weights_and_the_first_sd_twice():
    teacher = paper_bimodal()
    points = np.arange(0.0, 100.0, 2.0)
    plain = 0.375 * np.exp(-0.5 * ((points - 25) / 10) ** 2) + 0.625 * np.exp(-0.5 * ((points - 75) / 10) ** 2)
    assert teacher == pytest.approx(plain / plain.sum(), rel=1e-12)


def test_the_broad_teacher_is_one_gaussian_of_sd_15_by_the_sigma_bug():
    points = np.arange(0.0, 100.0, 2.0)
    plain = np.exp(-0.5 * ((points - 50) / 15) ** 2)
    assert paper_broad() == pytest.approx(plain / plain.sum(), rel=1e-12)


def test_the_long_tail_has_the_notebooks_largest_probability(golden):
    assert paper_longtail().max() == pytest.approx(golden["longtail_largest"], abs=5e-5)


def test_zipf_falls_as_a_power_of_the_rank():
    teacher = zipf(100, 1.2)
    assert teacher[0] / teacher[9] == pytest.approx(10.0**1.2)


@pytest.mark.parametrize(
    "numbers", [[], [1.0], [1.0, 0.0], [1.0, -1.0], [1.0, float("nan")], [1.0, float("inf")], [1e-320, 1e300]]
)
def test_a_target_that_is_no_distribution_with_full_support_is_refused(numbers):
    with pytest.raises(InvalidInput):
        own_target(numbers)
