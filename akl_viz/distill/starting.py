"""What is decided before any model is loaded: the configuration, the folder, and whether a run goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from akl_viz.distill.config import DistillConfig
from akl_viz.distill.parallel import Processes, join
from akl_viz.distill.places import absolute, found_again, from_root, same_place, text_digest
from akl_viz.distill.runs import open_run
from akl_viz.distill.store import RunStore
from akl_viz.divergences import get
from akl_viz.errors import InvalidInput
from akl_viz.loss_spec import LossSpec, refuse_twice
from akl_viz.words import counted


@dataclass(frozen=True)
class Plan:
    """A checked configuration and where it goes."""

    config: DistillConfig
    folder: Path | None
    resume: bool
    processes: Processes
    meta: dict[str, Any]
    """run.json of the run that goes on; empty for a new one."""

    @contextmanager
    def opened(self) -> Iterator[RunStore | None]:
        """The store of the run while it is written; None where nothing is, or where another process writes."""
        if self.folder is None or not self.processes.main:
            yield None
            return
        if self.resume:
            store = RunStore.reopen(self.folder, begin=False)
        else:
            store = RunStore.create(self.folder, self.config, begin=False)
        try:
            yield store
        finally:
            store.close()


def plan_run(config: DistillConfig | None, folder: Path | str | None, *, resume: bool) -> Plan:
    """Check what can be checked without a model.

    Raises:
        InvalidInput: an unknown loss or parameter, losses that cannot be trained as asked, no run to resume, or one
            whose configuration differs in more than its steps, or asks for fewer than are done.
    """
    place = None if folder is None else from_root(Path(folder))
    meta: dict[str, Any] = {}
    if resume:
        if place is None:
            raise InvalidInput("There is no folder to resume from: name the folder of the run.")
        run = open_run(place)
        if run.config is None:
            raise InvalidInput(f"The run {place} was trained by another program and cannot be resumed here.")
        meta = run.meta
        now = found_again(run.config, run.meta, place)
        config = _continued(now, _placed(config, run.config, now), max(run.done.values(), default=0))
    if config is None:
        raise InvalidInput("There is nothing to run: give a configuration, or a folder to resume.")
    config = absolute(config)
    check_losses(config, begun=resume)
    text_digest(config.data.text)
    return Plan(config, place, resume, join(config.device), meta)


def check_losses(config: DistillConfig, *, begun: bool = False) -> None:
    """Refuse losses the table of divergences does not have or that are one, and mixtures without a text to learn.

    Args:
        config: which losses, and what they learn on.
        begun: the run has begun; one from before goes on with a loss that it has twice.

    Raises:
        InvalidInput: names the loss and what there is.
    """
    specs = [(loss, LossSpec.parse(loss)) for loss in config.losses]
    full = [(loss, spec.key, get(spec.key).checked(spec.params)) for loss, spec in specs]
    if not begun:
        refuse_twice(full)
    if config.data.source == "student" and config.kd_ratio < 1.0:
        raise InvalidInput(
            "A student cannot learn its own samples as a text: set kd_ratio to 1, or take the sequences from the text."
        )


def _placed(given: DistillConfig | None, stored: DistillConfig, now: DistillConfig) -> DistillConfig | None:
    """The configuration that is asked for, with the run's own places where it names them in one way or another."""
    if given is None:
        return None
    asked = absolute(given)

    def own(raw: str, wanted: str, was: str, is_now: str) -> str:
        return is_now if raw == was or same_place(wanted, is_now) else wanted

    text = own(given.data.text, asked.data.text, stored.data.text, now.data.text)
    return replace(
        asked,
        teacher=own(given.teacher, asked.teacher, stored.teacher, now.teacher),
        student=own(given.student, asked.student, stored.student, now.student),
        data=replace(asked.data, text=text),
    )


def _continued(stored: DistillConfig, given: DistillConfig | None, done: int) -> DistillConfig:
    """The stored configuration, with another number of steps where that is asked: not fewer than are done."""
    if given is None:
        return stored
    wanted = replace(stored, steps=given.steps)
    if wanted != given:
        differing = next(name for name, value in vars(given).items() if value != getattr(wanted, name))
        raise InvalidInput(
            f"The run was started with other settings ({differing}): only the number of steps may change."
        )
    if wanted.steps < done:
        raise InvalidInput(
            f"The run has made {counted(done, 'step')} already, so it cannot end after {wanted.steps}: "
            f"ask for {done} or more, or start a new run."
        )
    return wanted
