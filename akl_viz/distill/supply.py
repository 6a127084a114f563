"""The batches of a run, step by step: from the text, from the teacher's samples, or from the student's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from akl_viz.distill.config import DistillConfig
from akl_viz.distill.corpus import Corpus
from akl_viz.distill.parallel import Processes
from akl_viz.distill.sampling import Sampler, Vocabulary
from akl_viz.distill.seeds import generator
from akl_viz.distill.sequences import Batch, Order, TokenSequence, collate
from akl_viz.errors import InvalidInput
from akl_viz.words import counted

_SAMPLES_KEPT = 20_000
"""Teacher's samples kept in memory, at a few kilobytes each."""


class Supply:
    """What each step of a run learns on; a pure function of seed and step (and of the student, where it samples)."""

    def __init__(
        self,
        corpus: Corpus,
        config: DistillConfig,
        processes: Processes,
        vocabulary: Vocabulary,
        *,
        teacher: Any,
        check: Callable[[], None],
    ) -> None:
        """Batches of a corpus for this process.

        Raises:
            InvalidInput: the rows of a batch cannot be shared evenly by the processes.
        """
        rows = config.data.rows
        if rows % processes.count:
            raise InvalidInput(
                f"{counted(rows, 'row')} cannot be shared by {processes.count} processes: "
                f"choose a number of rows that {processes.count} divides."
            )
        self._corpus = corpus
        self._config = config
        self._processes = processes
        self._sampler = Sampler(vocabulary, config.data.sample_temperature, check)
        self._teacher = teacher
        self._order = Order(len(corpus.train), config.seed, config.data.limit)
        self._length = max(2, min(config.data.window, max(len(one.ids) for one in corpus.held_out)))
        self._sampled: dict[int, TokenSequence] = {}

    @property
    def repeats(self) -> bool:
        """Whether some sequence comes more than once in the run."""
        data = self._config.data
        return data.source != "student" and self._config.steps * data.rows * data.accumulate > len(self._order)

    def batches(self, step: int, student: Any = None) -> list[Batch]:
        """The micro-batches of a step for this process, on its device.

        Args:
            step: from 1.
            student: samples from it where the run is on-policy.
        """
        data = self._config.data
        found = []
        for part in range(data.accumulate):
            first = ((step - 1) * data.accumulate + part) * data.rows
            places = range(first + self._processes.rank, first + data.rows, self._processes.count)
            indices = [self._order.take(place, 1)[0] for place in places]
            rows = [self._corpus.train[index] for index in indices]
            if data.source == "student":
                rows = self._own_samples(rows, places, student)
            elif data.source == "teacher":
                rows = [self._teacher_sample(index) for index in indices]
            found.append(collate(rows, indices).to(self._processes.device))
        return found

    def _teacher_sample(self, index: int) -> TokenSequence:
        """The teacher's continuation of a sequence's prompt, drawn once.

        One at a time: what it is must not depend on which others are not drawn yet, as after a resume.
        """
        if index not in self._sampled:
            if len(self._sampled) >= _SAMPLES_KEPT:
                self._sampled.clear()
            draws = generator(self._config.seed, "teacher sample", index)
            self._sampled[index] = self._samples(self._teacher, [self._corpus.train[index]], [draws])[0]
        return self._sampled[index]

    def _own_samples(self, rows: list[TokenSequence], places: Sequence[int], student: Any) -> list[TokenSequence]:
        """The student's continuations of the prompts of a batch, drawn anew each time."""
        draws = [generator(self._config.seed, "student sample", place) for place in places]
        if len({row.prompt for row in rows}) == 1:
            return self._samples(student, rows, draws)
        return [self._samples(student, [row], [one])[0] for row, one in zip(rows, draws, strict=True)]

    def _samples(self, model: Any, rows: list[TokenSequence], draws: list[torch.Generator]) -> list[TokenSequence]:
        """Continuations of prompts of one length; only their own tokens count."""
        prompt = rows[0].prompt
        prompts = torch.stack([row.ids[:prompt] for row in rows])
        found = self._sampler.continued(model, prompts, max(self._length, prompt + 1), draws)
        return [TokenSequence(ids, prompt, response_only=True) for ids in found]
