"""A Gaussian student fitted to a mixture: where mean- and mode-seeking come from. Quadrature, no sampling noise.

The student on a grid is softmax(-|W (x - m)|^2 / 2) with W lower triangular: on the paper's grid the discretised
Gaussian of its toys, on a wide fine grid a plain Gaussian density (the sums are then trapezoid rules).
Parameters of a fit are (m, log of W's diagonal, W below it): 2 numbers in one dimension, 5 in two.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import optimize
from scipy.stats import qmc
from torch import Tensor

from akl_viz.divergences import Pair, log_probs
from akl_viz.records import FloatArray, IntArray
from akl_viz.toys.descent import Loss, Progress, Stop, tell
from akl_viz.toys.gaussian_results import GaussianFits, Optimum, Path, moments
from akl_viz.toys.mixture import GaussianConfig

_LONGEST = 0.5
"""Longest step of the descent, as a distance between distributions (Fisher length): about half a standard deviation."""
_SAME_PLACE = 1e-3
_SAME_VALUE = 1e-9
_A_DIGIT = 1e-14
_STILL = 4
"""After so many steps in which no start went down by a digit, all are where they will be."""
_CURVED = 1e-9
"""Smallest curvature, relative to the largest, of what counts as a minimum."""
_NARROW = 0.3
"""Standard deviation of the narrow starts, in those of the mixture."""


class Student:
    """The family of Gaussians on a grid: logits, and what they are as functions of the parameters."""

    def __init__(self, points: Tensor) -> None:
        """Args: points (N, D)."""
        self.points = points
        self.dimension = points.shape[-1]

    def factor(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """m (R, D) and W (R, D, D) of parameters (R, P)."""
        d = self.dimension
        mean, diagonal, below = parameters[:, :d], parameters[:, d : 2 * d].exp(), parameters[:, 2 * d :]
        factor = torch.diag_embed(diagonal)
        if d > 1:
            factor[:, 1, 0] = below[:, 0]
        return mean, factor

    def logits(self, parameters: Tensor) -> Tensor:
        """(R, N) one row per student."""
        mean, factor = self.factor(parameters)
        return -0.5 * self._standard(mean, factor)[1].square().sum(-1)

    def jacobian(self, parameters: Tensor) -> Tensor:
        """(R, N, P) derivatives of the logits."""
        mean, factor = self.factor(parameters)
        offset, standard = self._standard(mean, factor)
        by_diagonal = -standard * offset * torch.diagonal(factor, dim1=-2, dim2=-1).unsqueeze(1)
        parts = [standard @ factor, by_diagonal]
        if self.dimension > 1:
            parts.append(-standard[..., 1:] * offset[..., :1])
        return torch.cat(parts, dim=-1)

    def covariance(self, parameters: Tensor) -> Tensor:
        """(R, D, D) one matrix per student."""
        _, factor = self.factor(parameters)
        covariance: Tensor = torch.linalg.inv(factor.mT @ factor)
        return covariance

    def _standard(self, mean: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
        """x - m and W (x - m), each (R, N, D)."""
        offset = self.points - mean.unsqueeze(1)
        return offset, offset @ factor.mT


class Objective:
    """A loss as a function of a Gaussian student's parameters."""

    def __init__(self, loss: Loss, log_target: Tensor, student: Student) -> None:
        self._loss = loss
        self._target = log_target
        self._likeliest = log_target.argmax()
        self.student = student

    def values(self, parameters: Tensor) -> Tensor:
        """(R,) nats."""
        return self._loss.row.value(self._pair(parameters), **self._loss.params)

    def both(self, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Values (R,), gradients (R, P) and Fisher matrices (R, P, P)."""
        pair, jacobian = self._pair(parameters), self.student.jacobian(parameters)
        value, by_logit = self._loss.row.value_and_grad(pair, **self._loss.params)
        gradient = (by_logit.unsqueeze(1) @ jacobian).squeeze(1)
        weighted = pair.q.unsqueeze(-1) * jacobian
        mean = weighted.sum(1)
        fisher = weighted.mT @ jacobian - mean.unsqueeze(-1) * mean.unsqueeze(1)
        return value, gradient, fisher

    def single(self, parameters: FloatArray) -> tuple[float, FloatArray]:
        """Value and gradient of one student, for scipy."""
        value, gradient, _ = self.both(torch.from_numpy(parameters).unsqueeze(0))
        return float(value[0]), gradient[0].numpy()

    def _pair(self, parameters: Tensor) -> Pair:
        logits = self.student.logits(parameters)
        target = self._likeliest.expand(len(logits)) if self._loss.row.needs_target else None
        return Pair.from_logits(self._target.expand_as(logits), logits, target=target)


def fit_gaussians(
    config: GaussianConfig, *, progress: Progress | None = None, cancelled: Stop | None = None
) -> GaussianFits:
    """Fit by every loss from every start, find all optima the starts lead to, and rank them.

    All starts of a loss descend together along the natural gradient with a bounded step (their paths are kept);
    where each ends is polished by scipy's BFGS and Newton steps on the gradient, and kept if it is a minimum.

    Args:
        config: the mixture, the losses, the grid.
        progress: told the share done, 0 to 1.
        cancelled: asked now and then; true ends the work.

    Raises:
        InvalidInput: an unknown loss or parameter.
        Cancelled: `cancelled` said so.
    """
    losses = {text: Loss.of(text) for text in config.losses}
    axes = config.axes()
    points = np.stack([axis.reshape(-1) for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)
    log_target = log_probs(torch.from_numpy(config.target.log_density(points)))
    student = Student(torch.from_numpy(points))
    starts = start_parameters(config, axes)
    optima, paths = {}, {}
    with torch.no_grad():
        for number, (text, loss) in enumerate(losses.items()):
            tell(number / len(losses), progress, cancelled)
            objective = Objective(loss, log_target, student)
            way, values = _descend(objective, starts, config.iterations)
            optima[text], ends = _optima(objective, way[:, -1], config, points)
            means, covariances = way[..., : student.dimension], _covariances(student, way)
            paths[text] = Path(means.numpy(), covariances.numpy(), values.numpy(), ends)
        tell(1.0, progress, cancelled)
    return GaussianFits(config, axes, points, log_target.exp().numpy(), optima, paths)


def student_density(points: FloatArray, mean: FloatArray, covariance: FloatArray) -> FloatArray:
    """(N,) probabilities on the grid of a Gaussian with that mean (D,) and covariance (D, D)."""
    offset = points - mean
    logits = -0.5 * np.einsum("ni,ij,nj->n", offset, np.linalg.inv(covariance), offset)
    density: FloatArray = log_probs(torch.from_numpy(logits)).exp().numpy()
    return density


def start_parameters(config: GaussianConfig, axes: tuple[FloatArray, ...]) -> Tensor:
    """(R, P): every part of the mixture, the whole mixture, then evenly spread means, narrow and wide by turns."""
    target, d = config.target, config.target.dimension
    centre, spread = target.moments()
    means, sds = [*np.asarray(target.means), centre], [*np.asarray(target.sds), spread]
    low = np.maximum(np.asarray([axis[0] for axis in axes]), np.asarray(target.means).min(0) - spread)
    high = np.minimum(np.asarray([axis[-1] for axis in axes]), np.asarray(target.means).max(0) + spread)
    # A Halton sequence is even at every length, so that more starts only add to the first ones.
    for place, share in enumerate(qmc.Halton(d, scramble=False).random(config.starts)):
        means.append(low + share * np.maximum(high - low, 0.0))
        sds.append(spread * (_NARROW if place % 2 else 1.0))
    rows = np.zeros((config.starts, 2 * d + (d > 1)))
    rows[:, :d] = np.stack(means)[: config.starts]
    rows[:, d : 2 * d] = -np.log(np.stack(sds)[: config.starts])
    return torch.from_numpy(rows)


def _covariances(student: Student, way: Tensor) -> Tensor:
    """(R, T, D, D) of parameters (R, T, P)."""
    flat = student.covariance(way.flatten(0, 1))
    return flat.view(*way.shape[:2], *flat.shape[1:])


def _descend(objective: Objective, starts: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Parameters (R, T, P) and values (R, T) of all starts; a step that does not go down is undone and shortened."""
    here = starts.clone()
    longest = torch.full((len(here),), _LONGEST, dtype=torch.float64)
    value, gradient, fisher = objective.both(here)
    way, values = [here], [value]
    still = 0
    for _ in range(iterations):
        if still == _STILL:
            way.append(here)
            values.append(value)
            continue
        step = _natural_step(gradient, fisher, longest)
        there = here + step
        new, new_gradient, new_fisher = objective.both(there)
        better = new < value
        still = 0 if bool((value - new > _A_DIGIT).any()) else still + 1
        here = torch.where(better.unsqueeze(-1), there, here)
        value = torch.where(better, new, value)
        gradient = torch.where(better.unsqueeze(-1), new_gradient, gradient)
        fisher = torch.where(better.view(-1, 1, 1), new_fisher, fisher)
        longest = torch.where(better, (longest * 1.5).clamp_max(_LONGEST), longest * 0.3)
        way.append(here)
        values.append(value)
    return torch.stack(way, dim=1), torch.stack(values, dim=1)


def _natural_step(gradient: Tensor, fisher: Tensor, longest: Tensor) -> Tensor:
    """-F^-1 g, cut to a Fisher length. A little of F's diagonal is added: F is singular where a student is a spike."""
    ridge = 1e-9 * torch.diag_embed(torch.diagonal(fisher, dim1=-2, dim2=-1)) + 1e-12 * torch.eye(fisher.shape[-1])
    step = -torch.linalg.solve(fisher + ridge, gradient.unsqueeze(-1))
    length = (step.mT @ fisher @ step).squeeze(-1).clamp_min(0.0).sqrt()
    cut = (longest.unsqueeze(-1) / length.clamp_min(1e-300)).clamp_max(1.0)
    bounded: Tensor = step.squeeze(-1) * cut
    return bounded


def _optima(
    objective: Objective, ends: Tensor, config: GaussianConfig, points: FloatArray
) -> tuple[tuple[Optimum, ...], IntArray]:
    """The minima at the ends, best first, and the rank each start ended at."""
    scale = config.target.moments()[1]
    rough: list[FloatArray] = []
    group = [_place(end, rough, scale, 30.0 * _SAME_PLACE) for end in ends.numpy()]
    found: list[FloatArray] = []
    home = []
    for one in rough:
        polished = _polished(objective, one)
        home.append(-1 if polished is None else _place(polished, found, scale, _SAME_PLACE))
    values = [objective.single(one)[0] for one in found]
    order = np.argsort(values, kind="stable")
    rank = {int(place): number for number, place in enumerate(order)}
    where = np.asarray([rank.get(home[number], -1) for number in group], dtype=np.int64)
    best = min(values, default=0.0)
    optima = []
    for number, place in enumerate(order):
        parameters = torch.from_numpy(found[place]).unsqueeze(0)
        density = log_probs(objective.student.logits(parameters))[0].exp().numpy()
        optima.append(
            Optimum(
                rank=number,
                value=values[place],
                mean=found[place][: points.shape[1]],
                covariance=objective.student.covariance(parameters)[0].numpy(),
                is_global=values[place] <= best + _SAME_VALUE,
                starts=tuple(np.flatnonzero(where == number).tolist()),
                density=density,
                moments=moments(points, density),
            )
        )
    return tuple(optima), where


def _place(one: FloatArray, known: list[FloatArray], scale: FloatArray, tolerance: float) -> int:
    """The place in `known` of the same student, added if it is new."""
    d = len(scale)
    for place, other in enumerate(known):
        apart = np.abs(one - other)
        apart[:d] /= scale
        apart[2 * d :] *= scale[0]
        if (apart <= tolerance).all():
            return place
    known.append(one)
    return len(known) - 1


def _polished(objective: Objective, start: FloatArray) -> FloatArray | None:
    """The minimum near a start to the last digits; None where there is none (a saddle, or a run to infinity)."""
    rough = optimize.minimize(objective.single, start, jac=True, method="BFGS", options={"gtol": 1e-8}).x
    here: FloatArray = np.asarray(optimize.root(lambda x: objective.single(x)[1], rough, tol=1e-14).x)
    if not np.isfinite(here).all() or objective.single(here)[0] > objective.single(rough)[0] + _SAME_VALUE:
        here = rough
    steps = 1e-4 * np.maximum(1.0, np.abs(here))
    rows = [
        (objective.single(here + shift)[1] - objective.single(here - shift)[1]) / (2.0 * size)
        for size, shift in zip(steps, np.diag(steps), strict=True)
    ]
    curvature = np.linalg.eigvalsh((np.asarray(rows) + np.asarray(rows).T) / 2.0)
    return here if curvature[0] > _CURVED * curvature[-1] else None
