"""One loss of a race: its student, its optimiser, and how far it has come."""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from akl_viz.distill.config import DistillConfig
from akl_viz.distill.objective import objective
from akl_viz.distill.optim import gradient_norm, learning_rate, make_optimiser, restore_state, state_tensors
from akl_viz.distill.parallel import Processes
from akl_viz.distill.runs import RESUME_FILE
from akl_viz.distill.seeds import seeded_default
from akl_viz.distill.sequences import Batch
from akl_viz.errors import InvalidInput
from akl_viz.loss_spec import LossSpec
from akl_viz.models.passes import padded_pass

_RECENT = 20
"""Steps over which the speed is taken."""


@dataclass
class Progress:
    """How far a lane has come: what a checkpoint remembers beside the tensors."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    train_loss: float = math.nan
    lr: float = 0.0
    grad_norm: float = math.nan
    recent: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=_RECENT))
    """(tokens, seconds) of the last steps."""

    @property
    def tokens_per_second(self) -> float:
        """Speed over the last steps."""
        seconds = sum(spent for _, spent in self.recent)
        return sum(count for count, _ in self.recent) / seconds if seconds > 0 else 0.0

    @property
    def seconds_per_step(self) -> float | None:
        """Over the last steps; None before the first."""
        return sum(spent for _, spent in self.recent) / len(self.recent) if self.recent else None


class _Rows(nn.Module):
    """A student over a batch: for whoever wraps it one forward, however many passes its rows take."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._model = model

    def forward(self, inputs: Tensor, lengths: tuple[int, ...]) -> Tensor:
        """(B, L, V) logits."""
        return padded_pass(self._model, inputs, lengths)


class Lane:
    """A student on its way down one loss."""

    def __init__(
        self,
        loss: str,
        model: Any,
        config: DistillConfig,
        *,
        rows: int,
        processes: Processes,
        arithmetic: Callable[[], AbstractContextManager[object]],
    ) -> None:
        """Take a student that is this lane's own.

        Args:
            loss: specification of the loss.
            model: its trained parameters require a gradient; others do not.
            config: of the run.
            rows: number of shared vocabulary rows.
            processes: who shares the work.
            arithmetic: makes the context of a forward pass.
        """
        self.loss = loss
        self.model = model
        self.progress = Progress()
        self.saved = 0
        """Step of the newest checkpoint; 0 for the start."""
        self.sound = True
        """Whether the last loss and gradient were finite numbers; if not, the weights they are of may be ruined."""
        self._spec = LossSpec.parse(loss)
        self._config = config
        self._rows = rows
        self._processes = processes
        self._arithmetic = arithmetic
        self._trained = [one for one in model.parameters() if one.requires_grad]
        self._optimiser = make_optimiser(self._trained, config.optimiser)
        model.train(config.dropout)
        self._runner = processes.wrapped(_Rows(model))
        self._sum = 0.0
        self._spent = 0.0

    @property
    def step(self) -> int:
        """Optimiser steps so far."""
        return self.progress.step

    def begin(self) -> None:
        """Begin a step: no gradient, no loss yet."""
        self._optimiser.zero_grad(set_to_none=True)
        self._sum = 0.0

    def learn(self, batch: Batch, teacher_logits: Tensor, positions: int, part: int) -> None:
        """Add one micro-batch's share to the gradient.

        Args:
            batch: on the student's device.
            teacher_logits: (B, L, rows).
            positions: positions that count in the whole step, over all micro-batches and processes.
            part: number of the micro-batch within the step.
        """
        with self._timed(), self._dropout(part):
            with self._arithmetic():
                logits = self._runner(batch.inputs, batch.lengths)[..., : self._rows]
            loss = self._objective(teacher_logits, logits, batch)
            share = batch.count / max(positions, 1)
            self._sum += loss.detach().item() * share
            # Wrapped models average over processes; the weight by positions wants the sum.
            weight = share * self._processes.count
            (loss if weight == 1.0 else loss * weight).backward()  # type: ignore[no-untyped-call]

    def finish(self, steps: int, positions: int) -> bool:
        """Move the weights and close the step's account.

        Args:
            steps: steps the run will have.
            positions: positions that counted in the step.

        Returns:
            False where loss or gradient is no finite number; the weights are then as they were.
        """
        with self._timed():
            value = self._processes.total(self._sum)[0]
            norm = gradient_norm(self._trained)
            size = float(norm)
            self.sound = math.isfinite(value) and math.isfinite(size)
            if not self.sound:
                return False
            clip = self._config.optimiser.clip
            if clip:
                torch.nn.utils.clip_grads_with_norm_(self._trained, clip, norm)
            step = self.step + 1
            lr = learning_rate(self._config.optimiser, step, steps)
            for group in self._optimiser.param_groups:
                group["lr"] = lr
            self._optimiser.step()
        now = self.progress
        now.step, now.lr, now.train_loss, now.grad_norm = step, lr, value, size
        now.tokens += positions
        now.seconds += self._spent
        now.recent.append((positions, self._spent))
        self._spent = 0.0
        return True

    def charge(self, seconds: float) -> None:
        """Count seconds of work that was done for this lane elsewhere: its part of the teacher's pass."""
        self._spent += seconds

    def healthy(self) -> bool:
        """Whether every trained weight is a finite number: a checkpoint with others would not load."""
        return all(bool(torch.isfinite(one.detach()).all()) for one in self._trained)

    def resume_bytes(self) -> bytes:
        """Optimiser state and progress as a safetensors file."""
        facts = {name: getattr(self.progress, name) for name in ("step", "tokens", "seconds", "train_loss", "lr")}
        metadata = {"progress": json.dumps({name: repr(value) for name, value in facts.items()})}
        content: bytes = save(state_tensors(self._optimiser), metadata=metadata)
        return content

    def restore(self, folder: Path) -> None:
        """Take up optimiser state and progress from a checkpoint; the model has its weights already.

        Raises:
            InvalidInput: the file is damaged or of another optimiser.
        """
        path = folder / RESUME_FILE
        try:
            with safe_open(path, framework="pt") as stored:
                tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (no mapping)
                facts = json.loads(stored.metadata()["progress"])
            self.progress = Progress(
                step=int(facts["step"]),
                tokens=int(facts["tokens"]),
                seconds=float(facts["seconds"]),
                train_loss=float(facts["train_loss"]),
                lr=float(facts["lr"]),
            )
        except Exception as error:
            raise InvalidInput(f"{path} is damaged, so the run cannot go on from it: start a new run.") from error
        self.saved = self.step
        restore_state(self._optimiser, tensors)

    def _objective(self, teacher_logits: Tensor, logits: Tensor, batch: Batch) -> Tensor:
        """The loss; NaN, with NaN gradients, where the student's logits are no numbers any more."""
        try:
            return objective(
                self._spec,
                teacher_logits,
                logits,
                batch,
                temperature=self._config.temperature,
                kd_ratio=self._config.kd_ratio,
            )
        except InvalidInput:
            highest = logits.detach().amax(-1)
            if bool((highest.isnan() | highest.isposinf()).any()):
                # Not raised here: the other processes wait for this one's gradient.
                return logits.sum() * math.nan
            raise

    @contextmanager
    def _timed(self) -> Iterator[None]:
        """Count the time of a part of the step."""
        started = time.perf_counter()
        yield
        self._spent += time.perf_counter() - started

    @contextmanager
    def _dropout(self, part: int) -> Iterator[None]:
        """Seed the dropout of one micro-batch, the same for every loss."""
        if not self._config.dropout:
            yield
            return
        with seeded_default(self._config.seed, "dropout", self.step, part, self._processes.rank):
            yield
