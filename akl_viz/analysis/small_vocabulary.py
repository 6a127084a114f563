"""Every registered divergence between two distributions over a handful of tokens: values, contributions, steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from akl_viz.divergences import DIVERGENCES, Divergence, Pair, gaps_of, get, head_of, weights_of
from akl_viz.errors import InvalidInput
from akl_viz.loss_spec import LossSpec
from akl_viz.records import BOUNDARIES, BoolArray, Boundary, FloatArray, IntArray, Settings

HEAD_PARAMETERS = ("mu", "boundary")
"""Parameters of a divergence that the settings give where the loss itself does not."""


@dataclass(frozen=True)
class HeadRow:
    """What one rule makes of the teacher's head, and how AKL weighs then."""

    boundary: Boundary
    mask: BoolArray
    """(V,) whether the token is in the head."""
    mass: float
    """Teacher probability of the head."""
    head_gap: float
    """Sum of |p - q| over the head."""
    tail_gap: float
    weight_forward: float
    """head_gap / (head_gap + tail_gap), 0.5 where both are 0."""
    weight_reverse: float
    """tail_gap / (head_gap + tail_gap), 0.5 where both are 0."""
    akl: float
    """Nats."""

    @property
    def size(self) -> int:
        """Tokens in the head."""
        return int(self.mask.sum())


@dataclass(frozen=True)
class LossRow:
    """One divergence on this pair."""

    spec: LossSpec
    divergence: Divergence
    params: dict[str, float | str]
    """Every parameter, those from the settings included."""
    value: float
    """In `unit`."""
    terms: FloatArray
    """(V,) what each token adds to the value; they sum to it."""
    step: FloatArray
    """(V,) minus the gradient with respect to the student's logits: the step plain gradient descent takes."""

    @property
    def unit(self) -> str:
        """The unit of the value."""
        return self.divergence.unit

    @property
    def formula(self) -> str:
        """In plain text, at these parameters."""
        return self.divergence.written(**self.params)

    @property
    def upper(self) -> float | None:
        """The largest value there is at these parameters, None if unbounded; the smallest is 0."""
        return self.divergence.upper_bound(**self.params)


@dataclass(frozen=True)
class Comparison:
    """Everything measured about one teacher and one student over the same V tokens."""

    settings: Settings
    target: int
    """Id of the target token, for divergences that look at one."""
    teacher: FloatArray
    """(V,) p at the temperature."""
    student: FloatArray
    """(V,) q at the temperature."""
    teacher_entropy: float
    student_entropy: float
    forward_kl: float
    """KL(T‖S), nats."""
    reverse_kl: float
    """KL(S‖T), nats."""
    order: IntArray
    """(V,) ids by falling teacher probability, the lowest id first among equals."""
    heads: dict[str, HeadRow]
    """boundary -> head, for both rules."""
    losses: tuple[LossRow, ...]


def compare(
    teacher: Sequence[float],
    student: Sequence[float],
    settings: Settings | None = None,
    *,
    target: int | None = None,
    losses: Sequence[LossSpec] | None = None,
) -> Comparison:
    """Compare two distributions by every divergence there is.

    Args:
        teacher: (V,) weights from 0 up, divided by their sum; V from 2.
        student: (V,) the same for the student.
        settings: mu, boundary and temperature; log-probabilities are divided by the temperature before everything.
        target: id of the token that followed; None takes the teacher's likeliest.
        losses: which divergences, with which parameters; None for every registered one at its defaults. Where a loss
            has mu or boundary and does not give them, the settings do.

    Returns:
        Comparison, computed in float64. Steps are with respect to the raw logits, so the temperature divides them.

    Raises:
        InvalidInput: weights that are no distribution, lengths that differ, a target outside 0..V-1, or a loss or
            parameter that does not exist.
    """
    settings = settings or Settings()
    logits = [_logits(weights, side) for weights, side in ((teacher, "teacher"), (student, "student"))]
    if len(logits[0]) != len(logits[1]):
        raise InvalidInput(f"The teacher has {len(logits[0])} numbers and the student {len(logits[1])}: give as many.")
    size = len(logits[0])
    target = int(logits[0].argmax()) if target is None else target
    if not 0 <= target < size:
        raise InvalidInput(f"The target must be a token from 0 to {size - 1}, not {target}.")
    pair = Pair.from_logits(
        logits[0].unsqueeze(0), logits[1].unsqueeze(0), settings.temperature, target=torch.tensor([target])
    )
    specs = tuple(map(LossSpec, DIVERGENCES)) if losses is None else tuple(losses)
    return Comparison(
        settings=settings,
        target=target,
        teacher=_row(pair.p),
        student=_row(pair.q),
        teacher_entropy=pair.teacher_entropy.item(),
        student_entropy=pair.student_entropy.item(),
        forward_kl=get("forward_kl").value(pair).item(),
        reverse_kl=get("reverse_kl").value(pair).item(),
        order=pair.p[0].argsort(descending=True, stable=True).numpy(),
        heads={boundary: _head(pair, settings.mu, boundary) for boundary in BOUNDARIES},
        losses=tuple(_loss(pair, spec, settings) for spec in specs),
    )


def _logits(weights: Sequence[float], side: str) -> Tensor:
    """(V,) logarithms of the weights, -inf at 0; float64."""
    values = np.asarray(weights, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise InvalidInput(f"The {side} needs the probabilities of at least two tokens.")
    if not np.isfinite(values).all() or (values < 0).any():
        raise InvalidInput(f"The {side}'s probabilities must be finite numbers from 0 up.")
    with np.errstate(over="ignore"):
        # A sum beyond float64 is refused below, in our words alone.
        total = values.sum()
    if not 0.0 < total < np.inf:
        raise InvalidInput(f"The {side} needs a probability above 0, and a finite sum.")
    return torch.from_numpy(values / total).log()


def _head(pair: Pair, mu: float, boundary: Boundary) -> HeadRow:
    head = head_of(pair, mu, boundary)
    head_gap, tail_gap = gaps_of(pair, mu, boundary)
    weight_forward, weight_reverse = weights_of(pair, mu, boundary)
    return HeadRow(
        boundary=boundary,
        mask=head.mask()[0].numpy(),
        mass=head.mass(pair.p).item(),
        head_gap=head_gap.item(),
        tail_gap=tail_gap.item(),
        weight_forward=weight_forward.item(),
        weight_reverse=weight_reverse.item(),
        akl=get("akl").value(pair, mu=mu, boundary=boundary).item(),
    )


def _loss(pair: Pair, spec: LossSpec, settings: Settings) -> LossRow:
    divergence = get(spec.key)
    taken = {param.name for param in divergence.params}.intersection(HEAD_PARAMETERS)
    params = divergence.checked({name: getattr(settings, name) for name in taken} | spec.params)
    value, gradient = divergence.value_and_grad(pair, **params)
    return LossRow(
        spec=spec,
        divergence=divergence,
        params=params,
        value=value.item(),
        terms=_row(divergence.term_values(pair, **params)),
        # Closed forms are with respect to logits / temperature; 0 - g leaves no minus sign on a zero.
        step=0.0 - _row(gradient) / settings.temperature,
    )


def _row(values: Tensor) -> FloatArray:
    return values[0].double().numpy()
