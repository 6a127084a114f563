"""A Gaussian student fitted to a mixture: where mean- and mode-seeking come from. Quadrature, no sampling noise.

All starts descend together; where each ends is polished and kept if it is a minimum. A start that ends at none, as it
ran off to the edge of the family or stands on a saddle, is marked as failed and the others are ranked without it.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import optimize
from scipy.stats import qmc
from torch import Tensor

from akl_viz.divergences import log_probs
from akl_viz.records import FloatArray, IntArray
from akl_viz.toys.descent import Loss, Progress, Stop, tell
from akl_viz.toys.gaussian_results import GaussianFits, Optimum, Path, moments
from akl_viz.toys.gaussian_student import Objective, Student
from akl_viz.toys.mixture import GaussianConfig

_LONGEST = 0.5
"""Longest step of the descent, as a distance between distributions (Fisher length): about half a standard deviation."""
_SAME_PLACE, _ROUGHLY = 1e-3, 0.03
_SAME_VALUE = 1e-9
_A_DIGIT = 1e-14
_STILL = 4
"""After so many steps in which no start went down by a digit, all are where they will be."""
_CURVED = 1e-9
"""Smallest curvature of what counts as a minimum, where every parameter alone has 1."""
_FURTHER = 200
"""Steps after the recorded ones, for starts that are still on their way."""
_NEARBY = 0.3
"""How far Newton's step may lead from where a start ended; farther out there is no minimum to polish."""
_NARROW = 0.3
"""Standard deviation of the narrow starts, in those of the mixture."""


def fit_gaussians(
    config: GaussianConfig, *, progress: Progress | None = None, cancelled: Stop | None = None
) -> GaussianFits:
    """Fit by every loss from every start, find all optima the starts lead to, and rank them.

    All starts of a loss descend together along the natural gradient with a bounded step (their paths are kept);
    where each ends is polished by scipy's hybrid Newton method on the gradient, and kept if it is a minimum. A start
    that ends at none is one of `GaussianFits.failed`; a loss that no start led to a minimum of has no optima.

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
    centre, spread = (torch.from_numpy(part) for part in config.target.moments())
    student = Student(torch.from_numpy(points), centre, spread)
    starts = student.parameters(*map(torch.from_numpy, start_places(config, axes)))
    optima, paths = {}, {}
    with torch.no_grad():
        for number, (text, loss) in enumerate(losses.items()):
            tell(number / len(losses), progress, cancelled)
            objective = Objective(loss, log_target, student)
            way, values = _descend(objective, starts, config.iterations)
            on, lower = (part[:, -1] for part in _descend(objective, way[:, -1], _FURTHER))
            optima[text], ends = _optima(objective, on, lower.numpy(), points)
            means, covariances = (
                part.reshape(*way.shape[:2], *part.shape[1:]) for part in student.moments(way.flatten(0, 1))
            )
            paths[text] = Path(means.numpy(), covariances.numpy(), values.numpy(), ends, lower.numpy())
        tell(1.0, progress, cancelled)
    return GaussianFits(config, axes, points, log_target.exp().numpy(), optima, paths)


def start_places(config: GaussianConfig, axes: tuple[FloatArray, ...]) -> tuple[FloatArray, FloatArray]:
    """Means and sds (R, D): every part, the whole mixture, then evenly spread means, narrow and wide by turns."""
    target, d = config.target, config.target.dimension
    centre, spread = target.moments()
    means, sds = [*np.asarray(target.means), centre], [*np.asarray(target.sds), spread]
    low = np.maximum(np.asarray([axis[0] for axis in axes]), np.asarray(target.means).min(0) - spread)
    high = np.minimum(np.asarray([axis[-1] for axis in axes]), np.asarray(target.means).max(0) + spread)
    # A Halton sequence is even at every length, so that more starts only add to the first ones.
    for place, share in enumerate(qmc.Halton(d, scramble=False).random(config.starts)):
        means.append(low + share * np.maximum(high - low, 0.0))
        sds.append(spread * (_NARROW if place % 2 else 1.0))
    return np.stack(means)[: config.starts], np.stack(sds)[: config.starts]


def _descend(objective: Objective, starts: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Parameters (R, T, P) and values (R, T) of all starts.

    A step that does not go down, or leaves the bounds of the family, is undone and shortened.
    """
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
        there = _onward(objective.student, here, gradient, fisher, longest)
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


def _onward(student: Student, here: Tensor, gradient: Tensor, fisher: Tensor, longest: Tensor) -> Tensor:
    """Where a natural step leads; from the edge of the family along it, where the step would leave the family."""
    there = student.moved(here, _natural_step(gradient, fisher, longest))
    inside = student.inside(there)
    if bool(inside.all()):
        return there
    d = student.dimension
    along = torch.zeros_like(here)
    along[:, :d] = _natural_step(gradient[:, :d], fisher[:, :d, :d], longest)
    return torch.where(inside.unsqueeze(-1), there, here + along)


def _natural_step(gradient: Tensor, fisher: Tensor, longest: Tensor) -> Tensor:
    """-F^-1 g, cut to a Fisher length; 0 where F has no inverse.

    A little of F's diagonal is added: F is singular where a student is a spike.
    """
    ridge = 1e-9 * torch.diag_embed(torch.diagonal(fisher, dim1=-2, dim2=-1))
    step = -torch.linalg.solve_ex(fisher + ridge, gradient.unsqueeze(-1))[0]
    step = torch.where(step.isfinite().all(-2, keepdim=True), step, 0.0)
    length = (step.mT @ fisher @ step).squeeze(-1).clamp_min(0.0).sqrt()
    cut = (longest.unsqueeze(-1) / length.clamp_min(1e-300)).clamp_max(1.0)
    bounded: Tensor = step.squeeze(-1) * cut
    return bounded


def _optima(
    objective: Objective, ends: Tensor, reached: FloatArray, points: FloatArray
) -> tuple[tuple[Optimum, ...], IntArray]:
    """The minima at the ends, best first, and the rank each start ended at.

    None of them is global where a start that failed, as it ran off, had come to a smaller value `reached`.
    """
    rough, group = _distinct(objective.student, ends, _ROUGHLY)
    polished = [_polished(objective, one) for one in rough]
    kept = [one for one in polished if one is not None]
    found, same = _distinct(objective.student, torch.from_numpy(np.asarray(kept)), _SAME_PLACE) if kept else ([], [])
    homes = iter(same)
    home = [-1 if one is None else next(homes) for one in polished]
    values = [objective.single(one)[0] for one in found]
    order = np.argsort(values, kind="stable")
    rank = {int(place): number for number, place in enumerate(order)}
    where = np.asarray([rank.get(home[number], -1) for number in group], dtype=np.int64)
    best = min([*values, *reached[where < 0]], default=0.0)
    optima = []
    for number, place in enumerate(order):
        parameters = torch.from_numpy(found[place]).unsqueeze(0)
        density = log_probs(objective.student.logits(parameters))[0].exp().numpy()
        mean, covariance = (part[0].numpy() for part in objective.student.moments(parameters))
        optima.append(
            Optimum(
                rank=number,
                value=values[place],
                mean=mean,
                covariance=covariance,
                is_global=bool(values[place] <= best + _SAME_VALUE),
                starts=tuple(np.flatnonzero(where == number).tolist()),
                density=density,
                moments=moments(points, density),
            )
        )
    return tuple(optima), where


def _distinct(student: Student, parameters: Tensor, tolerance: float) -> tuple[list[FloatArray], list[int]]:
    """Students that lie apart by more than the tolerance, and which of them each row (R, P) is."""
    known: list[int] = []
    which = []
    looks = student.look(parameters)
    for row, look in enumerate(looks):
        near = ((looks[known] - look).abs().amax(-1) <= tolerance).tolist()
        which.append(near.index(True) if True in near else len(known))
        if True not in near:
            known.append(row)
    return list(parameters[known].numpy()), which


def _apart(objective: Objective, one: FloatArray, other: FloatArray) -> float:
    """How far two students lie apart, as `Student.look` tells them apart; NaN where one is none."""
    looks = objective.student.look(torch.from_numpy(np.stack([one, other])))
    return float((looks[0] - looks[1]).abs().max())


def _polished(objective: Objective, rough: FloatArray) -> FloatArray | None:
    """The minimum near a student to the last digits; None where there is none (a saddle, or the edge of the family)."""
    if not _is_minimum(objective, rough, _NEARBY):
        return None
    here: FloatArray = np.asarray(optimize.root(lambda x: objective.single(x)[1], rough, tol=1e-14).x)
    if not (
        _apart(objective, here, rough) <= _NEARBY
        and objective.single(here)[0] <= objective.single(rough)[0] + _SAME_VALUE
    ):
        here = rough
    return here if _is_minimum(objective, here, _SAME_PLACE) else None


def _is_minimum(objective: Objective, here: FloatArray, tolerance: float) -> bool:
    """Whether the curvature is that of a minimum and Newton's next step leads no farther than the tolerance.

    The step matters: on its way to the edge of the family a loss is curved as well.
    """
    steps = 1e-4 * np.maximum(1e-3, np.abs(here))
    rows = [
        (objective.single(here + shift)[1] - objective.single(here - shift)[1]) / (2.0 * size)
        for size, shift in zip(steps, np.diag(steps), strict=True)
    ]
    hessian = (np.asarray(rows) + np.asarray(rows).T) / 2.0
    size = np.sqrt(np.abs(np.diagonal(hessian)))
    if not size.all() or np.linalg.eigvalsh(hessian / np.outer(size, size))[0] <= _CURVED:
        return False
    return _apart(objective, here, here - np.linalg.solve(hessian, objective.single(here)[1])) <= tolerance
