"""The free softmax student: one logit per token, trained on one teacher, every run of an experiment at once."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor

from akl_viz.divergences import head_mask, weights_of
from akl_viz.divergences.kl import forward_value, reverse_value
from akl_viz.toys.batch import Batch
from akl_viz.toys.descent import Descent, Loss, Measured, Progress, Stop, tell
from akl_viz.toys.results import FIELDS, DiscreteRuns
from akl_viz.toys.settings import DiscreteConfig, far_from
from akl_viz.toys.starts import start_logits

_REPORT_S = 0.1
"""Between two reports of progress, at which a run can be stopped."""


def run_discrete(
    config: DiscreteConfig, *, progress: Progress | None = None, cancelled: Stop | None = None
) -> DiscreteRuns:
    """Train every student of the experiment and record how each approached the teacher.

    The loss is the plain sum over the vocabulary, in nats. (The notebooks divide by V: adam does not see the
    difference, for sgd it is a factor of V in lr.) Gradients are the closed forms of `akl_viz.divergences`.

    Args:
        config: the experiment.
        progress: told the share done, 0 to 1; may raise to stop.
        cancelled: asked now and then; true ends the run.

    Raises:
        InvalidInput: an unknown loss or parameter, or a learning rate under which logits became infinite.
        Cancelled: `cancelled` said so.
    """
    losses = [Loss.of(text, config.mu, config.boundary) for text in config.losses]
    probabilities = torch.from_numpy(config.teacher())
    seeds = range(config.first_seed, config.first_seed + config.seeds)
    start = start_logits(config.start, probabilities.log(), seeds)
    descent = Descent(probabilities, start, losses, config.optimisers, {(config.mu, config.boundary)})
    regions = _regions(config, probabilities)
    recorder = _Recorder(config, descent, regions)
    told = time.monotonic()
    with torch.inference_mode():
        for step in range(config.steps + 1):
            measured = descent.measure()
            recorder.record(step, descent.batch, measured)
            if step < config.steps:
                descent.step()
            if step == config.steps or time.monotonic() - told > _REPORT_S:
                tell(step / config.steps, progress, cancelled)
                told = time.monotonic()
    head, tail, far = regions.numpy()
    values = dict(zip(FIELDS, recorder.values().numpy(), strict=True))
    steps = np.asarray(config.recorded)
    return DiscreteRuns(config, probabilities.numpy(), head, tail, far, steps, values, recorder.frames)


def _regions(config: DiscreteConfig, probabilities: Tensor) -> Tensor:
    """(3, V) bool: what head_gap, tail_gap and far_gap sum over."""
    head = head_mask(probabilities.log(), config.mu, config.boundary)
    far = torch.arange(len(head)) >= far_from(config, len(head))
    if config.tail == "bottom":
        tail = torch.zeros_like(head)
        tail[probabilities.argsort(stable=True)[: config.bottom]] = True
    else:
        tail = far if config.tail == "far" else ~head
    return torch.stack([head, tail, far])


class _Recorder:
    """Where the recorded steps of all runs are written."""

    def __init__(self, config: DiscreteConfig, descent: Descent, regions: Tensor) -> None:
        self._head = (config.mu, config.boundary)
        self._regions = regions.T.to(torch.float64)
        self._places = {step: place for place, step in enumerate(config.recorded)}
        *lead, vocabulary = descent.logits.shape
        self._values = torch.empty(len(self._places), len(FIELDS), *lead, dtype=torch.float64)
        shape = (*lead[:2], len(self._places), vocabulary)
        self.frames = np.empty(shape, np.float32) if config.frames else None

    def record(self, step: int, batch: Batch, measured: list[Measured]) -> None:
        """Write this step, if it is one to record."""
        place = self._places.get(step)
        if place is None:
            return
        into = self._values[place]
        into[0:3] = torch.matmul(batch.absolute_gap, self._regions).movedim(-1, 0)
        into[3], into[4] = forward_value(batch), reverse_value(batch)
        into[5] = weights_of(batch, *self._head)[0]
        torch.stack([value for _, value, _ in measured], out=into[6])
        if self.frames is not None:
            self.frames[:, :, place] = batch.q[:, :, 0].numpy()

    def values(self) -> Tensor:
        """What was recorded, (fields, L, O, S, T)."""
        return self._values.movedim(0, -1).contiguous()
