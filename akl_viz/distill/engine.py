"""The race: every loss takes its step on the same batch, is measured, saved, and can be stopped, at any step."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event
from typing import NoReturn

from akl_viz.distill.config import DistillConfig
from akl_viz.distill.control import Control
from akl_viz.distill.lane import Lane
from akl_viz.distill.records import ProbeDetail, ProbeRow, StepRecord
from akl_viz.distill.session import Session, prepare
from akl_viz.distill.starting import Plan, plan_run
from akl_viz.distill.store import RunStore
from akl_viz.errors import AklVizError, Cancelled, InvalidInput
from akl_viz.models import Policy

LOG = logging.getLogger(__name__)
Tell = Callable[[float, str], None]


class Diverged(AklVizError, RuntimeError):
    """A loss or its gradient became NaN or infinite; the run ended and its last good checkpoints stay."""


def distill(
    config: DistillConfig | None = None,
    folder: Path | str | None = None,
    *,
    resume: bool = False,
    control: Control | None = None,
    progress: Tell | None = None,
    policy: Policy | None = None,
) -> Iterator[StepRecord]:
    """Train one student per loss, all from one start and on the same sequences, and tell every step.

    The configuration, and the run to resume, are checked at once; models are loaded and folders written while the
    result is iterated. The iteration ends when the run is finished or was stopped (`open_run(folder).status` says
    which). Closing it early stops the run with a checkpoint. The same configuration gives the same numbers each time
    on one CPU, whether or not the run was interrupted and resumed.

    Args:
        config: what to run; None only with `resume`, for the one in the folder.
        folder: where the run is written; None to write nothing.
        resume: go on with the run in the folder; of the configuration only `steps` may then differ from the folder's.
        control: pauses, stops and cancels from another thread.
        progress: told the share, 0 to 1, and the sentence of what is done before the first step.
        policy: which models may be loaded; None for the command line's.

    Yields:
        One StepRecord per loss and step, beginning with step 0 (the start, measured). A stopped run ends with a
        measurement: where its last step is none of the probed ones, that step is told once more, measured.

    Raises:
        InvalidInput: a configuration, text or folder that cannot be used, or a disk that is full.
        CheckpointUnavailable: a model that cannot be loaded.
        VocabularyMismatch: teacher and student number their tokens differently.
        Diverged: a loss or its gradient is no finite number any more; the last good checkpoints stay.
        Cancelled: the run was stopped before its first step.
    """
    plan = plan_run(config, folder, resume=resume)
    return _records(plan, control or Control(), progress or (lambda share, text: None), policy)


def _records(plan: Plan, control: Control, tell: Tell, policy: Policy | None) -> Iterator[StepRecord]:
    """Prepare and race."""
    with plan.opened() as store, _ending(store) as whole:
        session = prepare(plan, store, control, tell, policy or Policy.for_command_line())
        try:
            yield from _Race(session, control).records()
        except GeneratorExit:
            session.save_all()
            raise
        if session.whole():
            whole.set()


@contextmanager
def _ending(store: RunStore | None) -> Iterator[Event]:
    """Leave a word in the run about how it ended; yields what is to be set once nothing is left to do."""
    status, message, whole = "failed", "The run ended by an error; the log has the details.", Event()
    try:
        yield whole
        # Told to stop during its very last measurement, a run is stopped; after it, there was nothing left to stop.
        status, message = "finished" if whole.is_set() else "stopped", ""
    except (GeneratorExit, Cancelled):
        status, message = "stopped", ""
        raise
    except KeyboardInterrupt:
        # As after a kill: what was half done is made again by a resumed run.
        status = ""
        raise
    except AklVizError as error:
        status, message = "diverged" if isinstance(error, Diverged) else "failed", str(error)
        raise
    finally:
        if store is not None and store.begun and status:
            try:
                store.finish(status, message)
            except InvalidInput:
                LOG.warning("the end of the run %s could not be recorded", store.folder)


class _Race:
    """The steps of a prepared run."""

    def __init__(self, session: Session, control: Control) -> None:
        self._session = session
        self._config = session.config
        self._control = control
        self._probe_seconds: list[float] = []
        self._start: tuple[ProbeRow, ProbeDetail] | None = None
        self._rows: set[tuple[str, int]] = set()
        """(loss, step) of every measurement."""

    def records(self) -> Iterator[StepRecord]:
        """Every step of every loss, from where the lanes stand; a checkpoint at the end."""
        self._refuse_stopped()
        try:
            for lane in self._session.lanes:
                if self._session.missing(lane):
                    yield self._record(lane)
            yield from self._steps()
        except Cancelled:
            # Told to stop in the middle of a measurement, which is made again below, once the weights are safe.
            pass
        if not self._control.cancelled:
            self._session.save_all()
        with suppress(Cancelled):
            yield from self._last()
        self._session.settle()

    def _last(self) -> Iterator[StepRecord]:
        """What a stopped run ends with: a measurement of every loss at its very step, unless it was cancelled.

        It draws from generators of its own and leaves every student in its mode, so that a resumed run goes on as an
        uninterrupted one does.
        """
        control, session = self._control, self._session
        if not session.processes.agree(int(control.stopping and not control.cancelled)):
            return
        for lane in session.lanes:
            told = (lane.loss, lane.step) in self._rows or session.has_row(lane)
            if session.processes.agree(int(lane.step > 0 and not told)):
                yield self._record(lane, last=True)

    def _steps(self) -> Iterator[StepRecord]:
        """The steps that are left, each for all lanes that have not taken it."""
        every = self._config.checkpoint_every
        for step in range(1, self._config.steps + 1):
            lanes = [lane for lane in self._session.lanes if lane.step < step]
            if not lanes:
                continue
            if not self._may_go_on():
                return
            self._advance(step, lanes)
            for lane in lanes:
                yield self._record(lane)
            if every and step % every == 0:
                self._session.save_all()

    def _refuse_stopped(self) -> None:
        """Several processes hear here, all together, that the run was stopped while it was prepared."""
        if self._session.processes.count > 1 and self._session.processes.agree(int(self._control.stopping)):
            raise Cancelled("The run was stopped before its first step.")

    def _may_go_on(self) -> bool:
        """Wait while paused; whether the next step may be taken, as the main process has it."""
        processes = self._session.processes
        return bool(processes.agree(int(self._control.wait() if processes.main else False)))

    def _advance(self, step: int, lanes: list[Lane]) -> None:
        """One step of every lane. Raises Diverged where one has no finite loss or gradient."""
        session = self._session
        for lane in lanes:
            lane.begin()
        for batches, takers in session.portions(step, lanes):
            positions = int(session.processes.total(float(sum(batch.count for batch in batches)))[0])
            for part, batch in enumerate(batches):
                started = time.perf_counter()
                logits = session.teacher.logits(batch)
                shared = (time.perf_counter() - started) / len(takers)
                for lane in takers:
                    lane.learn(batch, logits, positions, part)
                    lane.charge(shared)
            for lane in takers:
                if not lane.finish(self._config.steps, positions):
                    self._give_up(lane)

    def _give_up(self, lane: Lane) -> NoReturn:
        """Save what there is and say which loss diverged."""
        self._session.save_all()
        self._session.settle()
        before = self._session.before(lane)
        kept = f"its last good checkpoint is of step {before}" if before else "there is no good checkpoint of it"
        if lane.step and lane.saved == lane.step:
            weights = f"its weights of step {lane.step} are saved"
            kept += f", and {weights} too" if before else f", but {weights}"
        raise Diverged(
            f"{lane.loss} diverged at step {lane.step + 1}: its loss or gradient is no finite number any more; "
            f"lower the learning rate ({self._config.optimiser.lr:g}) or clip the gradient ({kept})."
        )

    def _record(self, lane: Lane, *, last: bool = False) -> StepRecord:
        """What there is to tell about the step a lane has just taken, measured where it is a probed or the last one."""
        row = detail = None
        if last or lane.step in self._config.probe_steps:
            row, detail = self._measured(lane, last)
            self._rows.add((lane.loss, lane.step))
            self._session.keep(lane, row, detail)
        steps, count = self._config.steps, len(self._session.lanes)
        done = sum(other.step for other in self._session.lanes)
        return StepRecord(
            loss=lane.loss,
            step=lane.step,
            steps=steps,
            seconds=lane.progress.seconds,
            tokens=lane.progress.tokens,
            train_loss=lane.progress.train_loss,
            lr=lane.progress.lr,
            grad_norm=lane.progress.grad_norm,
            tokens_per_second=lane.progress.tokens_per_second,
            eta_seconds=self._eta(),
            done=done / (steps * count),
            probe=row,
            detail=detail,
        )

    def _measured(self, lane: Lane, last: bool) -> tuple[ProbeRow, ProbeDetail]:
        """A measurement; the common start is measured once for all losses."""
        if lane.step == 0 and self._start is not None:
            return self._start
        started = time.perf_counter()
        try:
            found = self._session.measured(lane, last=last)
        except InvalidInput:
            if lane.step == 0:
                raise
            # Texts and teacher were sound at the start: it is this student whose logits are no numbers any more.
            lane.sound = False
            self._give_up(lane)
        self._probe_seconds.append(time.perf_counter() - started)
        if lane.step == 0:
            self._start = found
        return found

    def _eta(self) -> float | None:
        """Seconds until all losses are done: the steps and the measurements that are left, each as the last ones."""
        left = 0.0
        for lane in self._session.lanes:
            steps = self._config.steps - lane.step
            seconds = lane.progress.seconds_per_step
            if steps and seconds is None:
                return None
            probes = sum(step > lane.step for step in self._config.probe_steps)
            recent = self._probe_seconds[-6:]
            left += steps * (seconds or 0.0) + (probes * sum(recent) / len(recent) if recent else 0.0)
        return left
