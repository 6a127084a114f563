"""One process or several: what the engine asks the others, through Hugging Face accelerate.

Under `accelerate launch` every process takes its share of the rows of a batch. Gradients are weighed by the positions
that count in the whole batch, not by process, so the result is that of one process with the same batch.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch

from akl_viz.distill.launched import launched
from akl_viz.errors import AklVizError, InvalidInput
from akl_viz.models import resolve_device

_PATIENCE = timedelta(days=1)
"""How long a process waits for the others: the main one may be sampling or writing. One that has ended is noticed."""


class Processes:
    """A single process: nobody to ask."""

    count = 1
    rank = 0

    def __init__(self, device: str) -> None:
        """Run on a device by name."""
        self.device = resolve_device(device)

    @property
    def main(self) -> bool:
        """Whether this process measures and writes."""
        return self.rank == 0

    def wrapped(self, model: Any) -> Any:
        """The model whose backward pass adds up the gradients of all processes."""
        return model

    def total(self, *values: float) -> list[float]:
        """The sums of the values over all processes."""
        return list(values)

    def agree(self, value: int) -> int:
        """The main process's value."""
        return value

    def between(self, check: Callable[[], None]) -> Callable[[], None]:
        """What may be asked, and may raise, between two points where all processes meet."""
        return check


class LaunchedProcesses(Processes):
    """One of several processes that accelerate launched."""

    def __init__(self, device: str) -> None:
        """Join the group.

        Raises:
            InvalidInput: accelerate is not installed.
        """
        try:
            import accelerate  # type: ignore[import-untyped]
        except ImportError as error:
            raise InvalidInput("Several processes need the package accelerate: pip install accelerate.") from error
        patience = accelerate.InitProcessGroupKwargs(timeout=_PATIENCE)
        self._accelerator: Any = accelerate.Accelerator(cpu=device == "cpu", kwargs_handlers=[patience])
        self.count = self._accelerator.num_processes
        self.rank = self._accelerator.process_index
        self.device = self._accelerator.device

    def wrapped(self, model: Any) -> Any:
        """The model as accelerate prepares it (DistributedDataParallel)."""
        return self._accelerator.prepare_model(model)

    def total(self, *values: float) -> list[float]:
        """The sums of the values over all processes, in float64.

        Raises:
            AklVizError: another process has ended.
        """
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        try:
            found: list[float] = self._accelerator.reduce(tensor, reduction="sum").tolist()
        except RuntimeError as error:
            raise AklVizError("Another process of this run has ended: its own message says why.") from error
        return found

    def agree(self, value: int) -> int:
        """The main process's value, by a sum in which the others count nothing."""
        return int(self.total(float(value) if self.main else 0.0)[0])

    def between(self, check: Callable[[], None]) -> Callable[[], None]:
        """Nothing: a process that left alone would leave the others waiting, so a stop is heard where all meet."""
        return lambda: None


def leave() -> None:
    """End a program's part in the group, once nothing more is exchanged: the group's threads may not outlive it."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def join(device: str) -> Processes:
    """The processes this one belongs to: those of `accelerate launch` (or torchrun), else it alone."""
    return LaunchedProcesses(device) if launched() else Processes(device)
