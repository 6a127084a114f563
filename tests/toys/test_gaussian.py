"""A Gaussian student: the optima of PAPER 4.4, moment matching, and where mode-seeking comes from."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from akl_viz.divergences import Pair
from akl_viz.errors import Cancelled, InvalidInput
from akl_viz.toys import GAUSSIAN_PRESETS, GaussianConfig, Mixture, fit_gaussians, gaussian_config
from akl_viz.toys.descent import Loss
from akl_viz.toys.gaussian import start_places
from akl_viz.toys.gaussian_student import Objective, Student
from tests.tolerances import FINITE_DIFFERENCE

ONE_PERCENT = 0.01
MOMENT = 1e-5


@pytest.fixture(scope="module")
def by_sd():
    return {sd: fit_gaussians(gaussian_config("paper-modes", sd=sd)) for sd in (4, 6, 8, 10)}


@pytest.mark.parametrize("sd", [4, 6, 8, 10])
def test_the_published_optima_are_found_and_ranked(by_sd, golden, sd):
    published = next(row for row in golden["gaussian"] if row["sd"] == sd)
    forward, reverse = by_sd[sd].optima["forward_kl"], by_sd[sd].optima["reverse_kl"]
    assert len(forward) == 1
    assert [forward[0].mean[0], forward[0].sd[0]] == pytest.approx(published["forward"], rel=ONE_PERCENT)
    for wanted in published["reverse"]:
        found = min(reverse, key=lambda one: abs(one.value - wanted["value"]))
        assert found.value == pytest.approx(wanted["value"], rel=ONE_PERCENT)
        assert found.is_global == wanted["global"]
        if "mean" in wanted:
            assert [found.mean[0], found.sd[0]] == pytest.approx([wanted["mean"], wanted["sd"]], rel=ONE_PERCENT)
    assert [one.value for one in reverse] == sorted(one.value for one in reverse)


@pytest.mark.parametrize("preset", GAUSSIAN_PRESETS)
def test_forward_kl_matches_mean_and_second_moment(preset):
    fits = fit_gaussians(gaussian_config(preset, losses=("forward_kl",)))
    assert max(fits.moment_error("forward_kl")) < MOMENT


def test_a_plain_gaussian_takes_the_mixtures_own_moments():
    fits = fit_gaussians(gaussian_config("plain-modes", losses=("forward_kl",)))
    mean, sd = fits.config.target.moments()
    assert fits.optima["forward_kl"][0].mean == pytest.approx(mean, rel=1e-9)
    assert fits.optima["forward_kl"][0].sd == pytest.approx(sd, rel=1e-9)


def test_on_a_plain_grid_the_values_are_the_integrals():
    """KL(S‖T) of the student at one far mode: -log of the part's weight, as the other part does not reach it."""
    target = Mixture.of((0.0, 200.0), (5.0,), (0.3, 0.7))
    optima = fit_gaussians(GaussianConfig(target, losses=("reverse_kl",))).optima["reverse_kl"]
    assert [one.value for one in optima[:2]] == pytest.approx([-math.log(0.7), -math.log(0.3)], abs=1e-9)
    assert [one.mean[0] for one in optima[:2]] == pytest.approx([200.0, 0.0], abs=1e-5)
    assert [one.sd[0] for one in optima[:2]] == pytest.approx([5.0, 5.0], rel=1e-6)


def test_one_gaussian_is_fitted_exactly_by_every_loss():
    target = Mixture(((3.0, -2.0),), ((2.0, 0.5),), (1.0,))
    losses = ("forward_kl", "reverse_kl", "jsd")
    fits = fit_gaussians(GaussianConfig(target, losses=losses, starts=6, iterations=60))
    for loss in losses:
        best = fits.optima[loss][0]
        assert best.value < 1e-9
        assert best.mean == pytest.approx([3.0, -2.0], abs=1e-4)
        assert best.sd == pytest.approx([2.0, 0.5], rel=1e-4)


FAR_APART = Mixture(
    ((25.5, 42.0), (51.0, 37.7), (26.3, 35.9)), ((30.0, 5.0), (5.0, 5.0), (5.0, 5.0)), (0.587, 8.778, 4.361)
)


@pytest.mark.parametrize(("target", "good_to"), [(GAUSSIAN_PRESETS["plane"].target, 1e-5), (FAR_APART, 2e-3)])
def test_values_in_the_plane_are_good_to_what_is_said(target, good_to):
    """Against the same sums on a grid four times as fine, at the same student."""
    best = fit_gaussians(GaussianConfig(target, losses=("reverse_kl",), starts=12)).optima["reverse_kl"][0]
    axes = [np.linspace(mean - 8 * sd, mean + 8 * sd, 400) for mean, sd in zip(best.mean, best.sd, strict=True)]
    points = np.stack([axis.reshape(-1) for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)
    q, log_p = student_density(points, best.mean, best.covariance), target.log_density(points)
    cell = np.prod([axis[1] - axis[0] for axis in axes])
    fine = float(np.sum(np.where(q > 0, q * (np.log(np.maximum(q, 1e-300) / cell) - log_p), 0.0)))
    assert best.value == pytest.approx(fine, abs=good_to)


def test_equal_modes_are_both_global():
    fits = fit_gaussians(GaussianConfig(Mixture.of((-10.0, 10.0), (2.0,)), losses=("reverse_kl",)))
    best = [one for one in fits.optima["reverse_kl"] if one.is_global]
    assert sorted(one.mean[0] for one in best) == pytest.approx([-10.0, 10.0], abs=1e-3)


def test_in_the_plane_reverse_kl_finds_both_modes_and_forward_kl_lies_between():
    fits = fit_gaussians(gaussian_config("plane"))
    assert fits.points.shape == (np.prod(fits.shape), 2)
    assert [one.is_global for one in fits.optima["reverse_kl"]] == [True, False]
    assert fits.optima["forward_kl"][0].mean == pytest.approx([54.0, 51.0], abs=1e-6)
    correlation = fits.optima["forward_kl"][0].covariance
    assert correlation[0, 1] > 0.0


def test_paths_go_down_from_the_starts_to_the_optima(by_sd):
    fits = by_sd[8]
    for loss, path in fits.paths.items():
        assert path.means.shape == (24, 81, 1)
        assert path.covariances.shape == (24, 81, 1, 1)
        assert (np.diff(path.values, axis=1) <= 0.0).all()
        for start, end in enumerate(path.ends):
            optimum = fits.optima[loss][end]
            assert start in optimum.starts
            assert path.values[start, -1] == pytest.approx(optimum.value, abs=1e-3)
    assert sum(len(one.starts) for one in fits.optima["reverse_kl"]) == 24


def test_every_optimum_is_a_minimum_of_its_neighbourhood(by_sd):
    for fits in by_sd.values():
        target = torch.from_numpy(fits.target).log()
        for loss, optima in fits.optima.items():
            for one in optima:
                for shift, scale in ((0.05, 1.0), (-0.05, 1.0), (0.0, 1.02), (0.0, 0.98)):
                    near = student_density(fits.points, one.mean + shift * one.sd, one.covariance * scale)
                    pair = Pair(target, torch.from_numpy(near).log())
                    assert float(Loss.of(loss).row.value(pair)) > one.value


def student_density(points, mean, covariance):
    """(N,) probabilities on the grid of a Gaussian with that mean (D,) and covariance (D, D)."""
    offset = points - mean
    logits = -0.5 * np.einsum("ni,ij,nj->n", offset, np.linalg.inv(covariance), offset)
    density = np.exp(logits - logits.max())
    return density / density.sum()


RUNS_OFF = Mixture.of((100.0, 0.0), (2.0, 3.259), (1.0, 0.01))


def random_target(generator):
    """Up to four parts within the bounds the page allows, drawn on the paper's grid."""
    parts = int(generator.integers(1, 5))
    means, sds = generator.uniform(0.0, 100.0, parts), generator.uniform(2.0, 30.0, parts)
    return Mixture.of(means, sds, np.exp(generator.uniform(np.log(0.01), np.log(100.0), parts)))


def check_fits(fits):
    """Starts are counted once, optima are ranked, every number is finite; KL(T‖S) has one minimum for all, or none."""
    for loss, optima in fits.optima.items():
        path = fits.paths[loss]
        assert np.isfinite(path.means).all()
        assert np.isfinite(path.covariances).all()
        assert np.isfinite(path.values).all()
        counted = [start for one in optima for start in one.starts] + list(fits.failed(loss))
        assert sorted(counted) == list(range(fits.config.starts))
        values = [one.value for one in optima]
        assert values == sorted(values)
        assert np.isfinite([*values, *(number for one in optima for number in (*one.mean, *one.sd))]).all()
        ran = [float(path.reached[start]) for start in fits.failed(loss)]
        best = min([*values, *ran], default=0.0)
        assert [one.is_global for one in optima] == [value <= best + 1e-9 for value in values]
        assert fits.ran_below(loss) == (min(ran) if ran and not any(one.is_global for one in optima) else None)
        if loss == "forward_kl":
            assert len(fits.failed(loss)) in (0, fits.config.starts)


def test_a_start_that_runs_off_fails_and_the_others_are_ranked():
    fits = fit_gaussians(GaussianConfig(RUNS_OFF, grid="paper"))
    check_fits(fits)
    assert fits.found
    assert fits.optima["forward_kl"] == ()
    assert len(fits.failed("forward_kl")) == 24
    best = fits.optima["reverse_kl"][0]
    assert [best.mean[0], best.sd[0]] == pytest.approx([100.0, 2.0], abs=0.1)
    assert fits.to_json()["runs"][0]["failed"] == list(range(24))


def test_where_every_start_fails_there_is_a_result_without_optima():
    fits = fit_gaussians(GaussianConfig(Mixture.of((0.0, 100.0), (2.0,)), grid="paper", losses=("forward_kl",)))
    assert not fits.found
    assert fits.frame().empty
    check_fits(fits)


@pytest.mark.parametrize("seed", range(4))
def test_no_target_of_the_page_makes_a_fit_fail(seed):
    generator = np.random.default_rng(seed)
    for _ in range(5):
        check_fits(fit_gaussians(GaussianConfig(random_target(generator), grid="paper")))


@pytest.mark.slow
@pytest.mark.parametrize("grid", ["paper", "wide"])
def test_no_random_target_makes_a_fit_fail(grid):
    generator = np.random.default_rng(100)
    for _ in range(60):
        check_fits(fit_gaussians(GaussianConfig(random_target(generator), grid=grid)))


def test_a_far_narrow_part_keeps_its_own_sd():
    mean, sd = Mixture.of((1e6,), (1e-3,)).moments()
    assert (mean[0], sd[0]) == (1e6, 1e-3)


def test_the_density_of_an_optimum_is_what_its_parameters_say(by_sd):
    fits = by_sd[6]
    best = fits.optima["reverse_kl"][0]
    np.testing.assert_allclose(
        student_density(fits.points, best.mean, best.covariance), best.density, rtol=1e-9, atol=1e-300
    )
    assert best.density.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("loss", ["forward_kl", "reverse_kl", "jsd", "skew_forward_kl"])
@pytest.mark.parametrize("preset", ["paper-modes", "plane"])
def test_the_gradient_is_that_of_finite_differences(loss, preset):
    config = gaussian_config(preset)
    axes = config.axes()
    points = np.stack([axis.reshape(-1) for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)
    log_target = torch.from_numpy(config.target.log_density(points)).log_softmax(-1)
    student = Student(torch.from_numpy(points), *map(torch.from_numpy, config.target.moments()))
    objective = Objective(Loss.of(loss), log_target, student)
    here = student.parameters(*map(torch.from_numpy, start_places(config, axes)))[-1].numpy() + 0.01
    _, gradient = objective.single(here)
    for place in range(len(here)):
        size = 1e-3 * max(1.0, abs(here[place]))
        shifts = np.zeros((4, len(here)))
        shifts[:, place] = np.array([-2, -1, 1, 2]) * size
        values = [objective.single(here + shift)[0] for shift in shifts]
        found = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * size)
        np.testing.assert_allclose(gradient[place], found, **FINITE_DIFFERENCE)


def test_the_table_and_the_document_hold_every_optimum(by_sd):
    fits = by_sd[8]
    frame, document = fits.frame(), fits.to_json()
    assert len(frame) == sum(len(run["optima"]) for run in document["runs"]) == 4
    assert frame.loc[1, "mean_1"] == document["runs"][1]["optima"][0]["mean"][0]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Mixture.of((), (1.0,)),
        lambda: Mixture.of((1.0,), (0.0,)),
        lambda: Mixture.of((1.0, 2.0), (1.0, 2.0, 3.0)),
        lambda: Mixture.of((1.0,), (1.0,), (0.0,)),
        lambda: Mixture.of((float("nan"),), (1.0,)),
        lambda: Mixture(((1.0, 2.0, 3.0),), ((1.0, 2.0, 3.0),), (1.0,)),
        lambda: Mixture(((1.0, 2.0), (1.0,)), ((1.0, 1.0), (1.0,)), (1.0, 1.0)),
        lambda: GaussianConfig(Mixture.of((0.0, 1e5), (1.0,))),
        lambda: gaussian_config("plane", grid="paper"),
        lambda: gaussian_config("nonsense"),
        lambda: gaussian_config(starts=1),
        lambda: gaussian_config(iterations=0),
        lambda: gaussian_config(losses=()),
        lambda: gaussian_config(grid="narrow"),
        lambda: gaussian_config(sd=-1.0),
        lambda: fit_gaussians(gaussian_config(losses=("nonsense",))),
    ],
)
def test_a_fit_that_cannot_be_made_is_refused(wrong):
    with pytest.raises(InvalidInput):
        wrong()


def test_it_can_be_cancelled_and_tells_its_progress():
    told = []
    config = replace(gaussian_config(), iterations=40)
    fit_gaussians(config, progress=told.append)
    assert told[-1] == 1.0
    with pytest.raises(Cancelled):
        fit_gaussians(config, cancelled=lambda: True)
