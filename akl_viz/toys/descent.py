"""Free logits under gradient descent: every loss, optimiser and seed advances as one tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from akl_viz.divergences import Divergence, Pair, get, weights_of
from akl_viz.divergences.kl import forward_value, reverse_value
from akl_viz.errors import Cancelled, InvalidInput
from akl_viz.loss_spec import LossSpec
from akl_viz.toys.batch import Batch, HeadKey, Teacher
from akl_viz.toys.optimisers import Update
from akl_viz.toys.settings import Optimiser

Progress = Callable[[float], None]
Stop = Callable[[], bool]


@dataclass(frozen=True)
class Loss:
    """A row of the table with all its parameters."""

    row: Divergence
    params: dict[str, float | str]

    @classmethod
    def of(cls, text: str, mu: float = 0.5, boundary: str = "below") -> Loss:
        """The loss a LossSpec string names; mu and boundary as given where the string says nothing.

        Raises:
            InvalidInput: no such divergence, no such parameter, or a value outside its range.
        """
        spec = LossSpec.parse(text)
        row = get(spec.key)
        shared: dict[str, float | str] = {"mu": mu, "boundary": boundary}
        names = {param.name for param in row.params}
        return cls(row, row.checked({name: shared[name] for name in shared if name in names} | spec.params))

    @cached_property
    def heads(self) -> set[HeadKey]:
        """(mu, boundary) of the head it looks at; empty where it looks at none."""
        if not {"mu", "boundary"} <= self.params.keys():
            return set()
        return {(float(self.params["mu"]), self.params["boundary"])}  # type: ignore[arg-type]


class Measured(NamedTuple):
    """One loss at one step."""

    pair: Pair
    value: Tensor
    """(O, S) nats."""
    gradient: Tensor
    """(O, S, V)"""


class Descent:
    """Students (L, O, S, V) on their way to one teacher: call `measure`, then `step`, again and again."""

    def __init__(
        self,
        probabilities: Tensor,
        start: Tensor,
        losses: Sequence[Loss],
        optimisers: Sequence[Optimiser],
        heads: set[HeadKey] | None = None,
    ) -> None:
        """Set every loss and optimiser on the same starts.

        Args:
            probabilities: (V,) of the teacher, above 0, float64.
            start: (S, V) logits.
            losses: what is minimised.
            optimisers: what with.
            heads: (mu, boundary) of heads the caller will ask the batch for.
        """
        self.losses = list(losses)
        self.logits = start.expand(len(losses), len(optimisers), *start.shape).clone()
        self.steps = 0
        self._teacher = Teacher(probabilities, self.logits.shape[:-1])
        gradients = torch.empty_like(self.logits)
        self._slopes = gradients.unbind(0)
        self._moves = [
            (Update(optimiser, self.logits[:, place]), self.logits[:, place], gradients[:, place])
            for place, optimiser in enumerate(optimisers)
        ]
        self._heads = heads or set()
        self.batch = self._new_batch()
        """The students last measured, of all losses together."""

    def measure(self) -> list[Measured]:
        """Every loss at the present logits. Raises InvalidInput where a learning rate drove them out of range."""
        batch = self.batch = self._new_batch()
        # The parts take from the batch what two losses would each compute, and what is recorded anyway.
        forward_value(batch), reverse_value(batch)
        for key in self._heads:
            weights_of(batch, *key)
        return [self._measured(batch, number) for number in range(len(self.losses))]

    def step(self) -> None:
        """Move every student by one step along the gradient last measured."""
        for update, logits, gradients in self._moves:
            update.step(logits, gradients)
        self.steps += 1

    def _new_batch(self) -> Batch:
        try:
            return Batch(self._teacher, self.logits, self._heads)
        except InvalidInput as error:
            lost = (~self.logits.flatten(1).isfinite().all(-1)).nonzero()
            if not len(lost):
                raise
            key = self.losses[int(lost[0])].row.key
            raise InvalidInput(
                f"{key} drove the logits out of range at step {self.steps}: take a smaller learning rate."
            ) from error

    def _measured(self, batch: Batch, number: int) -> Measured:
        loss = self.losses[number]
        pair = batch.part(number, loss.heads)
        # The parameters were checked when the loss was made: not again at every step.
        value, gradient = loss.row.values_and_gradients(pair, **loss.params)
        return Measured(pair, value, self._slopes[number].copy_(gradient))


def tell(share: float, progress: Progress | None, cancelled: Stop | None) -> None:
    """Report the share done, and end the work where somebody asked for it. Raises Cancelled."""
    if cancelled is not None and cancelled():
        raise Cancelled("The run was cancelled.")
    if progress is not None:
        progress(share)
