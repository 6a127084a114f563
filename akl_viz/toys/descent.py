"""Free logits under gradient descent: every loss, optimiser and seed advances as one tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from akl_viz.divergences import Divergence, Head, Pair, get
from akl_viz.divergences.head import find_head
from akl_viz.errors import Cancelled, InvalidInput
from akl_viz.loss_spec import LossSpec
from akl_viz.records import Boundary
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


class Teacher:
    """One teacher repeated for a batch of students: its rows, and its heads found once however many steps follow."""

    def __init__(self, probabilities: Tensor, students: torch.Size) -> None:
        """Args: probabilities (V,) above 0, float64; students: shape of the batch."""
        self.log = probabilities.log()
        """(V,) nats."""
        self.rows = self.log.expand(*students, len(self.log))
        self.target = torch.full(students, int(self.log.argmax()))
        """(...) the likeliest token, for divergences that look at the token that followed."""
        self._heads: dict[tuple[float, str], Head] = {}

    def pair(self, logits: Tensor, heads: set[tuple[float, Boundary]], *, with_target: bool = False) -> Pair:
        """The pair with these students (..., V), the named heads already known to it."""
        pair = Pair.from_logits(self.rows, logits, target=self.target if with_target else None)
        for key in heads:
            if key not in self._heads:
                self._heads[key] = find_head(pair.p, *key)
            pair.once(("head", *key), lambda head=self._heads[key]: head)  # type: ignore[misc]
        return pair


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
        heads: set[tuple[float, Boundary]] | None = None,
    ) -> None:
        """Set every loss and optimiser on the same starts.

        Args:
            probabilities: (V,) of the teacher, above 0, float64.
            start: (S, V) logits.
            losses: what is minimised.
            optimisers: what with.
            heads: (mu, boundary) of heads the caller will ask the pairs for.
        """
        self.losses = list(losses)
        self.logits = start.expand(len(losses), len(optimisers), *start.shape).clone()
        self.teacher = Teacher(probabilities, self.logits.shape[1:-1])
        self.steps = 0
        self._gradients = torch.empty_like(self.logits)
        self._updates = [Update(optimiser, self.logits[:, place]) for place, optimiser in enumerate(optimisers)]
        self._heads = heads or set()

    def measure(self) -> list[Measured]:
        """Every loss at the present logits. Raises InvalidInput where a learning rate drove them out of range."""
        return [self._measured(number, loss) for number, loss in enumerate(self.losses)]

    def step(self) -> None:
        """Move every student by one step along the gradient last measured."""
        for place, update in enumerate(self._updates):
            update.step(self.logits[:, place], self._gradients[:, place])
        self.steps += 1

    def _measured(self, number: int, loss: Loss) -> Measured:
        heads = set(self._heads)
        if {"mu", "boundary"} <= loss.params.keys():
            heads.add((float(loss.params["mu"]), loss.params["boundary"]))  # type: ignore[arg-type]
        logits = self.logits[number]
        try:
            pair = self.teacher.pair(logits, heads, with_target=loss.row.needs_target)
        except InvalidInput as error:
            if bool(logits.isfinite().all()):
                raise
            raise InvalidInput(
                f"{loss.row.key} drove the logits out of range at step {self.steps}: take a smaller learning rate."
            ) from error
        value, self._gradients[number] = loss.row.value_and_grad(pair, **loss.params)
        return Measured(pair, value, self._gradients[number])


def tell(share: float, progress: Progress | None, cancelled: Stop | None) -> None:
    """Report the share done, and end the work where somebody asked for it. Raises Cancelled."""
    if cancelled is not None and cancelled():
        raise Cancelled("The run was cancelled.")
    if progress is not None:
        progress(share)
