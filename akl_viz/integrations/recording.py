"""A training of another program as a run folder: pair, probe and store, and what may go wrong on the way."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from akl_viz.distill import ProbeConfig, ProbeDetail, ProbeRow, RunStore, open_run, read_history
from akl_viz.distill.probes import Probe
from akl_viz.distill.run_file import RUN_FILE
from akl_viz.distill.sampling import Vocabulary
from akl_viz.distill.sequences import TokenSequence
from akl_viz.errors import AklVizError, InvalidInput
from akl_viz.integrations.held_out import held_out_sequences, left_out
from akl_viz.integrations.pairing import paired
from akl_viz.models import Checkpoint, is_out_of_memory, load_checkpoint
from akl_viz.records import ModelInfo

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Watched:
    """What is to be measured, and where it goes."""

    teacher: Any
    """A model reference, a loaded Checkpoint, or a module."""
    held_out: Any
    folder: Path
    tokenizer: Any
    """None for the trainer's."""
    probe: ProbeConfig
    window: int


@dataclass(frozen=True)
class Measured:
    """One row of the history."""

    step: int
    row: ProbeRow
    seconds: float
    tokens: int
    train_loss: float = math.nan


class Recording:
    """A training while it is recorded.

    What is wrong when it begins is raised; from then on nothing here ends the training.
    """

    def __init__(self, watched: Watched, model: Any, tokenizer: Any, *, step: int, steps: int) -> None:
        """Load the teacher, check the pair and the texts, measure the start and open the folder.

        Args:
            watched: what is to be measured.
            model: the model in training.
            tokenizer: the trainer's; None where it has none.
            step: steps the training has made already; more than 0 appends to the run in the folder.
            steps: steps it will have.

        Raises:
            AklVizError: the teacher, the texts or the folder cannot be used; nothing is left behind then.
        """
        self._teacher, student, shared = _pair(watched, model, tokenizer)
        words = Vocabulary(student.tokenizer, shared, min(self._teacher.info.context, student.info.context))
        length = min(watched.window, words.context)
        sequences = held_out_sequences(
            watched.held_out, words.tokenizer, rows=shared, window=length, count=watched.probe.windows
        )
        self._probe = Probe(self._teacher.model, sequences, words, watched.probe)
        self._due = frozenset(watched.probe.steps(steps))
        self._waiting: dict[int, Measured] = {}
        self._last: Measured | None = None
        self._warned = False
        self._missed: set[int] = set()
        identity = _identity(self._teacher.info, watched.probe, sequences)
        self._store = _opened(watched.folder, identity, step)
        self._loss = self._store.losses[0]
        try:
            self._begin(model, step, (student.info, left_out(watched.held_out, len(sequences)), identity))
        except BaseException:
            self._store.close()
            raise
        self._started = time.perf_counter()

    def _begin(self, model: Any, step: int, facts: tuple[ModelInfo, str, str]) -> None:
        """The start, measured before the first word is written."""
        student, note, identity = facts
        with evaluating(self._teacher.model):
            detail = None if self._store.has_teacher_detail() else self._probe.teacher_detail()
        rows = read_history(self._store.folder)
        rows = rows[(rows["loss"] == self._loss) & (rows["step"] <= step)]
        wanted = not len(rows) or (step in self._due and not self._store.has_row(self._loss, step))
        start = self._measured(model) if wanted else None
        notes = ["Recorded by HeadTailCallback from another program's training.", *([note] if note else [])]
        self._store.update(
            teacher=asdict(self._teacher.info), student=asdict(student), notes=notes, measured_on=identity
        )
        self._store.go_on_from(self._loss, step)
        if detail is not None:
            self._store.teacher_detail(detail)
        self._seconds = float(rows["seconds"].max()) if len(rows) else 0.0
        if start is not None:
            self._store.detail(self._loss, step, start[1])
            self._put(Measured(step, start[0], self._seconds, 0))

    def at(self, step: int, model: Any, tokens: Any, *, ended: bool = False) -> None:
        """Measure a step where it is a probed one, or the last; training time stands still meanwhile.

        Args:
            step: steps so far.
            model: the model in training.
            tokens: tokens it has seen, where the trainer counts them.
            ended: whether this is the last step, however early.
        """
        known = (self._last is not None and self._last.step == step) or self._store.has_row(self._loss, step)
        if known or not (ended or step in self._due):
            return
        now = time.perf_counter()
        seconds = self._seconds + now - self._started
        self._missed.add(step)
        with self._harmless(f"step {step} could not be measured"):
            row, detail = self._measured(model)
            measured = Measured(step, row, seconds, int(tokens or 0))
            self._missed.discard(step)
            self._write(measured, detail)
        self._started += time.perf_counter() - now

    def logged(self, step: int, loss: float) -> None:
        """The trainer told a loss; it belongs into the row of this step, where there is one."""
        if self._last is not None and self._last.step == step and math.isnan(self._last.train_loss):
            self._write(replace(self._last, train_loss=loss))

    def finish(self, message: str) -> None:
        """The training came to its end."""
        steps = ", ".join(map(str, sorted(self._missed)))
        missed = f"Not measured, for a reason the log of the training has: step {steps}." if steps else ""
        with self._harmless("the end of the run could not be written"):
            self._flush()
            self._store.finish("finished", " ".join(filter(None, (message, missed))))
        self.close()

    def close(self) -> None:
        """Let others write the folder; without `finish` the run counts as interrupted."""
        # A folder that is gone, or no folder any more, holds nothing to tidy up.
        with self._harmless("the folder could not be let go"), suppress(OSError):
            self._store.close()

    def _measured(self, model: Any) -> tuple[ProbeRow, ProbeDetail]:
        with evaluating(model, self._teacher.model):
            return self._probe.measure(model)

    def _write(self, measured: Measured, detail: ProbeDetail | None = None) -> None:
        """Add a row; one that cannot be written waits for the next."""
        if detail is not None:
            with self._harmless(f"the details of step {measured.step} could not be written"):
                self._store.detail(self._loss, measured.step, detail)
        with self._harmless(f"step {measured.step} could not be written"):
            self._put(measured)
            self._warned = False

    def _put(self, measured: Measured) -> None:
        self._last = measured
        self._waiting[measured.step] = measured
        self._flush()

    def _flush(self) -> None:
        """Write what waits, the oldest first."""
        for step, one in list(self._waiting.items()):
            self._store.row(
                self._loss, step, one.row, seconds=one.seconds, tokens=one.tokens, train_loss=one.train_loss
            )
            del self._waiting[step]

    @contextmanager
    def _harmless(self, what: str) -> Iterator[None]:
        """Whatever goes wrong within is told once, until something is written again, and the training goes on."""
        try:
            yield
        except Exception as error:
            reason = "there is not enough memory" if is_out_of_memory(error) else str(error) or type(error).__name__
            if not self._warned:
                LOG.warning("the training goes on, but is not recorded for now: %s (%s)", what, reason.rstrip("."))
            # An error nobody foresaw is for the log to explain.
            LOG.info("%s", what, exc_info=None if isinstance(error, AklVizError) else error)
            self._warned = True


@contextmanager
def evaluating(*models: Any) -> Iterator[None]:
    """Evaluation mode for a while; then every part is in the mode it was in, also one that was frozen in evaluation."""
    modes = [(part, part.training) for model in models for part in model.modules()]
    for model in models:
        model.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def _pair(watched: Watched, model: Any, tokenizer: Any) -> tuple[Checkpoint, Checkpoint, int]:
    """Teacher and student as checkpoints, and the number of tokens both score."""
    given = watched.teacher
    if isinstance(given, str):
        given = load_checkpoint(given, device=str(next(model.parameters()).device))
    teacher, student, shared = paired(given, model, watched.tokenizer or tokenizer)
    if student.tokenizer is None:
        raise InvalidInput("The trainer has no tokenizer: give HeadTailCallback one (tokenizer=...).")
    return teacher, student, shared


def _identity(teacher: ModelInfo, probe: ProbeConfig, sequences: tuple[TokenSequence, ...]) -> str:
    """What two measurements must share to stand in one curve: the texts, the head's rule, the teacher."""
    facts = [teacher.architecture, teacher.parameters, teacher.revision, probe.mu, probe.boundary]
    facts += [[one.ids.tolist(), one.prompt, one.response_only, *one.responses] for one in sequences]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _opened(folder: Path, identity: str, step: int) -> RunStore:
    """The run folder: a new one, or that of the training that goes on."""
    if not step or not (folder / RUN_FILE).exists():
        return RunStore.create(folder, losses=[folder.resolve().name], begin=False)
    run = open_run(folder)
    if run.config is not None or not run.losses:
        raise InvalidInput(f"The run {folder} is not one of HeadTailCallback: choose a new folder.")
    if run.meta.get("measured_on") != identity:
        raise InvalidInput(
            f"The run {folder} was measured with another teacher, other texts or another head: choose a new folder."
        )
    return RunStore.reopen(folder, begin=False)
