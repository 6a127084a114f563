"""The teacher's side of a batch: its logits, kept where the same sequence comes again, and its wanted mistakes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from akl_viz.distill.config import DataConfig
from akl_viz.distill.seeds import generator
from akl_viz.distill.sequences import Batch
from akl_viz.models import Checkpoint
from akl_viz.models.passes import padded_pass


class Teacher:
    """Logits of the teacher for batches of known sequences."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        rows: int,
        data: DataConfig,
        *,
        seed: int,
        cache_bytes: int,
        arithmetic: Callable[[], AbstractContextManager[object]],
    ) -> None:
        """A teacher of `rows` shared vocabulary rows.

        Args:
            checkpoint: the loaded teacher.
            rows: number of shared vocabulary rows.
            data: noise, and temperature of the teacher while training.
            seed: of the run.
            cache_bytes: memory for logits that are kept; 0 where no sequence comes again.
            arithmetic: makes the context of a forward pass: autocast, or nothing.
        """
        self._model = checkpoint.model
        self._rows = rows
        self._data = data
        self._seed = seed
        self._room = cache_bytes
        self._arithmetic = arithmetic
        self._caching = cache_bytes > 0
        self._kept: dict[int, Tensor] = {}

    def logits(self, batch: Batch) -> Tensor:
        """(B, L, rows) logits for a batch on the teacher's device; no gradient is kept."""
        logits = self._cached(batch) if self._caching else self._forward(batch.inputs, batch.lengths)
        if self._data.teacher_temperature != 1.0:
            logits = logits / self._data.teacher_temperature
        return self._with_noise(logits, batch) if self._data.label_noise else logits

    def _forward(self, inputs: Tensor, lengths: tuple[int, ...]) -> Tensor:
        # Not inference mode: the loss keeps a view of these logits for its backward pass.
        with torch.no_grad(), self._arithmetic():
            return padded_pass(self._model, inputs, lengths)[..., : self._rows]

    def _cached(self, batch: Batch) -> Tensor:
        """The logits of every row, each computed on its own so that it does not depend on what stands beside it."""
        longest = batch.inputs.shape[1]
        found = [
            self._row(index, batch.inputs[row, :length])
            for row, (index, length) in enumerate(zip(batch.indices, batch.lengths, strict=True))
        ]
        if len(found) == 1:
            return found[0][None]
        logits = found[0].new_zeros(len(found), longest, self._rows)
        for row, part in enumerate(found):
            logits[row, : len(part)] = part
        return logits

    def _row(self, index: int, inputs: Tensor) -> Tensor:
        """(T, rows) logits of one sequence, from memory or computed now and kept while there is room."""
        if index in self._kept:
            return self._kept[index]
        logits = self._forward(inputs[None], (len(inputs),))[0]
        size = logits.numel() * logits.element_size()
        if size <= self._room:
            self._room -= size
            # A slice would keep the rows beyond the shared ones in memory.
            self._kept[index] = logits.contiguous()
        return logits

    def _with_noise(self, logits: Tensor, batch: Batch) -> Tensor:
        """Logits whose rows are, at a share of positions, turned by a random number of tokens: as sharp, but wrong.

        Which positions depends on the seed and the sequence, so a wrong teacher is wrong in the same way each time.
        """
        count, length, rows = logits.shape
        turns = torch.zeros(count, length, dtype=torch.int64)
        for row, index in enumerate(batch.indices):
            draws = generator(self._seed, "label noise", index)
            hit = torch.rand(length, generator=draws) < self._data.label_noise
            turns[row] = torch.where(hit, torch.randint(1, rows, (length,), generator=draws), 0)
        places = (torch.arange(rows) + turns.unsqueeze(-1)) % rows
        return logits.gather(-1, places.to(logits.device))
