"""Why zero gradient means p = q, as numbers: phi(r), flows on the 3-token simplex, what is alike near the optimum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from akl_viz.divergences import Pair, log_probs
from akl_viz.errors import InvalidInput
from akl_viz.records import FloatArray
from akl_viz.toys.descent import Descent, Loss
from akl_viz.toys.proof_results import LateEquivalence, PhiCurves, SimplexField, SimplexRun
from akl_viz.toys.settings import MOST_STEPS, Optimiser
from akl_viz.toys.targets import own_target

SIMPLEX = 3
_MOST_DENSITY = 100
_MOST_TOKENS = 200
_EDGE = 1e-12
_NEAREST, _FARTHEST = 1e-6, 100.0
"""Lengths of a logit error: nearer than that rounding has as much of the gradients as the error."""
_SEEDS = 2**63


def phi(ratios: FloatArray, weight: float) -> FloatArray:
    """What a mix of both KLs makes of r = q/p: a logit's gradient over q, but for a constant all tokens share.

    phi(r) = w (1 - 1/r) + (1 - w) log r.

    It rises strictly in r = q/p for every w from 0 (reverse KL) to 1 (forward KL), so equal values mean equal r.

    Args:
        ratios: q/p, above 0.
        weight: w, from 0 to 1.
    """
    if not 0.0 <= weight <= 1.0:
        raise InvalidInput(f"The weight must be from 0 to 1, not {weight:g}.")
    if not (ratios > 0.0).all():
        raise InvalidInput("The ratios q/p must be above 0.")
    values: FloatArray = weight * (1.0 - 1.0 / ratios) + (1.0 - weight) * np.log(ratios)
    return values


def phi_curves(
    weights: Sequence[float], low: float = 0.01, high: float = 100.0, points: int = 400
) -> tuple[FloatArray, FloatArray]:
    """(points,) ratios, evenly spaced in their logarithm, and (W, points) phi of each weight."""
    ratios = np.geomspace(low, high, points)
    return ratios, np.stack([phi(ratios, weight) for weight in weights])


def phi_of_mix(weight: float) -> PhiCurves:
    """The curves of phi for one weight and for both ends. Raises InvalidInput as `phi` does."""
    ratios, (mix, forward, reverse) = phi_curves([weight, 1.0, 0.0])
    return PhiCurves(weight, ratios, mix, forward, reverse)


def simplex_field(teacher: Sequence[float], losses: Sequence[str], density: int = 12) -> SimplexField:
    """The flow of each loss at an even triangular grid of students.

    dq_j/dt = q_j (v_j - sum_k q_k v_k) with v = -gradient.

    Args:
        teacher: three probabilities, divided by their sum.
        losses: LossSpec strings.
        density: points along each side, from 2 to 100; density (density + 1) / 2 in all.
    """
    target = _three(teacher)
    if not 2 <= density <= _MOST_DENSITY:
        raise InvalidInput(f"The density must be from 2 to {_MOST_DENSITY}, not {density}.")
    corners = [(a, b, density - 1 - a - b) for a in range(density) for b in range(density - a)]
    points = (torch.tensor(corners, dtype=torch.float64) + 1.0 / 3.0) / density
    rows = target.log().expand_as(points)
    pair = Pair(rows, points.log(), target=torch.full((len(points),), int(target.argmax())))
    values, steps = {}, {}
    for text in losses:
        loss = Loss.of(text)
        value, gradient = loss.row.value_and_grad(pair, **loss.params)
        values[text] = value.numpy()
        steps[text] = (points * ((points * gradient).sum(-1, keepdim=True) - gradient)).numpy()
    return SimplexField(points.numpy(), values, steps)


def simplex_paths(
    teacher: Sequence[float],
    losses: Sequence[str],
    starts: Sequence[Sequence[float]],
    optimiser: Optimiser | None = None,
    steps: int = 200,
) -> dict[str, FloatArray]:
    """loss -> (S, steps + 1, 3): the students on their way from each start.

    Args:
        teacher: three probabilities, divided by their sum.
        losses: LossSpec strings.
        starts: (S, 3) probabilities.
        optimiser: sgd with lr 1 if None.
        steps: optimiser steps.
    """
    if not 1 <= steps <= MOST_STEPS or not starts:
        raise InvalidInput(f"steps must be from 1 to {MOST_STEPS:,}, and at least one start is needed.")
    begun = torch.stack([_three(start) for start in starts]).log()
    descent = Descent(_three(teacher), begun, [Loss.of(text) for text in losses], [optimiser or Optimiser("sgd", 1.0)])
    paths = np.empty((len(losses), len(starts), steps + 1, SIMPLEX))
    with torch.no_grad():
        for step in range(steps + 1):
            for number, (pair, _, _) in enumerate(descent.measure()):
                paths[number, :, step] = pair.q[0].numpy()
            descent.step()
    return dict(zip(losses, paths, strict=True))


def simplex_run(  # noqa: PLR0913 - the experiment, by name
    teacher: Sequence[float],
    start: Sequence[float],
    losses: Sequence[str],
    optimiser: Optimiser | None = None,
    *,
    steps: int = 200,
    density: int = 13,
    threshold: float = 0.05,
) -> SimplexRun:
    """The flow of each loss, and its path from one start with the steps until it is near the teacher.

    Args:
        teacher: three probabilities, divided by their sum.
        start: three probabilities.
        losses: LossSpec strings.
        optimiser: sgd with lr 1 if None.
        steps: optimiser steps of the paths.
        density: points of the flow along each side.
        threshold: total variation to get below, between 0 and 1.
    """
    if not 0.0 < threshold < 1.0:
        raise InvalidInput(f"The threshold must lie between 0 and 1, not {threshold:g}.")
    rule = optimiser or Optimiser("sgd", 1.0)
    paths = simplex_paths(teacher, losses, [start], rule, steps)
    field = simplex_field(teacher, losses, density)
    begun = {loss: path[0] for loss, path in paths.items()}
    return SimplexRun(_three(teacher).numpy(), _three(start).numpy(), rule, threshold, field, begun)


def hessian(loss: str, teacher: Sequence[float] | FloatArray, student: Sequence[float] | FloatArray) -> FloatArray:
    """(V, V) second derivatives of a loss in the student's logits, nats; weights of AKL held constant.

    forward_kl: diag(q) - q q^T. At q = p every mix of both KLs has diag(p) - p p^T.

    Args:
        loss: a LossSpec string of a smooth divergence.
        teacher: (V,) probabilities, at most 200 tokens.
        student: (V,) probabilities.
    """
    chosen, rows = Loss.of(loss), torch.from_numpy(own_target(list(teacher))).log()
    if len(rows) > _MOST_TOKENS:
        raise InvalidInput(f"A Hessian is made for at most {_MOST_TOKENS} tokens, not {len(rows)}.")
    target = rows.argmax() if chosen.row.needs_target else None

    def slope(logits: Tensor) -> Tensor:
        pair = Pair(rows, logits - logits.logsumexp(-1), target=target)
        return chosen.row.value_and_grad(pair, **chosen.params)[1]

    # Not the second derivative of the value: that is cut off at 0, so autograd sees nothing at p = q.
    at = torch.from_numpy(own_target(list(student))).log()
    found: Tensor = torch.autograd.functional.jacobian(slope, at)  # type: ignore[no-untyped-call]
    result: FloatArray = found.numpy()
    return result


def late_equivalence(
    teacher: Sequence[float],
    distances: Sequence[float] = (4.0, 2.0, 1.0, 0.5, 0.25, 0.1, 0.01),
    losses: tuple[str, str] = ("forward_kl", "reverse_kl"),
    seed: int = 0,
) -> LateEquivalence:
    """Two losses compared along one random direction of logits, at falling distances from the teacher.

    Args:
        teacher: (V,) probabilities, divided by their sum.
        distances: lengths of the logit error, from 1e-6 to 100.
        losses: LossSpec strings.
        seed: of the direction.

    Raises:
        InvalidInput: a loss, distance or seed that is none, or gradients that are 0 in float64.
    """
    if not distances or not all(_NEAREST <= distance <= _FARTHEST for distance in distances):
        raise InvalidInput(f"Distances must lie from {_NEAREST:g} to {_FARTHEST:g}.")
    if not 0 <= seed < _SEEDS:
        raise InvalidInput(f"The seed must be from 0 to {_SEEDS - 1}, not {seed}.")
    target = torch.from_numpy(own_target(teacher))
    rows = target.log()
    direction = torch.randn(len(rows), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    direction = (direction - direction.mean()) / (direction - direction.mean()).norm()
    lengths = torch.tensor(distances, dtype=torch.float64)
    students = log_probs(rows + lengths.unsqueeze(-1) * direction)
    pair = Pair(rows.expand_as(students), students, target=torch.full((len(lengths),), int(rows.argmax())))
    chosen = [Loss.of(text) for text in losses]
    first, second = (loss.row.value_and_grad(pair, **loss.params)[1] for loss in chosen)
    cosine = torch.nn.functional.cosine_similarity(first, second, dim=-1, eps=0.0)
    apart = []
    for student in students.exp().numpy():
        one, other = (hessian(text, target.numpy(), student) for text in losses)
        # Where both are 0 there is nothing to compare: NaN, told below.
        with np.errstate(invalid="ignore", divide="ignore"):
            apart.append(float(np.linalg.norm(one - other) / np.linalg.norm(one)))
    tv = 0.5 * pair.absolute_gap.sum(-1)
    numbers = (lengths.numpy(), tv.numpy(), cosine.numpy(), np.asarray(apart))
    if not all(np.isfinite(part).all() for part in numbers):
        raise InvalidInput(
            "So near to so one-sided a teacher gradients are 0 in float64: take larger distances or a flatter teacher."
        )
    return LateEquivalence(target.numpy(), losses, seed, *numbers)


def _three(numbers: Sequence[float]) -> Tensor:
    """Three probabilities as a tensor, kept off the edge by 1e-12."""
    if len(numbers) != SIMPLEX:
        raise InvalidInput(f"Give {SIMPLEX} probabilities, not {len(numbers)}.")
    return torch.from_numpy(own_target([max(float(number), _EDGE) for number in numbers]))
