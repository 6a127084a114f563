"""Runs of this server: one trains at a time, the others wait in line, and none depends on a browser being there."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import streamlit as st

from akl_viz.distill import Control, DistillConfig, delete_run, list_runs, open_run
from akl_viz.errors import AklVizError, Cancelled, InvalidInput
from akl_viz.models.warm import import_libraries, leave_a_core
from akl_viz.paths import runs_root
from akl_viz.ui.jobs import UNEXPECTED

if TYPE_CHECKING:
    from akl_viz.distill import Run, StepRecord

LOG = logging.getLogger(__name__)
UNWATCHED_SECONDS = 30 * 60.0
"""A run that no page has asked about for so long is stopped with a checkpoint; it stays and can be resumed."""
WATCH_EVERY = 2.0
UNWATCHED = "It was stopped because no page was open on it for long."
KEPT_ENDED = 50
"""Runs that ended on this server whose message is remembered; the run itself stays in its folder."""

State = Literal["queued", "preparing", "running", "ended"]


@dataclass
class Race:
    """One run of this server, from the moment it is asked for; its results are in its folder."""

    folder: Path
    config: DistillConfig
    resume: bool = False
    control: Control = field(default_factory=Control)
    state: State = "queued"
    stage: str = "Waiting"
    prepared: float = 0.0
    """Share of the preparation that is done."""
    message: str = ""
    """Why it ended, where it did not simply finish."""
    latest: dict[str, StepRecord] = field(default_factory=dict)
    """loss -> its last step, without the details that are in the folder."""
    probes: int = 0
    """Measurements so far: a page draws the details again when it changes."""
    seen: float = field(default_factory=time.monotonic)

    @property
    def name(self) -> str:
        """The run's name: that of its folder."""
        return self.folder.name

    @property
    def active(self) -> bool:
        """Whether it waits, prepares or trains."""
        return self.state != "ended"

    def take(self, record: StepRecord) -> None:
        """Note one step."""
        # A page reads both while this runs: no state without its steps, and no dict that grows while it is read.
        self.latest = self.latest | {record.loss: replace(record, detail=None)}
        self.state = "running"
        if record.probe is not None:
            self.probes += 1

    def progress(self, share: float, stage: str) -> None:
        """Note how far the preparation is."""
        self.state, self.prepared, self.stage = "preparing", share, stage


class RaceService:
    """Queue and worker. A run goes on while pages come and go; after a restart its folder is still there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._races: list[Race] = []
        self._changes: Counter[str] = Counter()
        self._work = threading.Condition(self._lock)
        for target, name in ((self._serve, "race"), (self._watch, "race-watchdog")):
            threading.Thread(target=target, name=name, daemon=True).start()

    def start(self, config: DistillConfig) -> Race:
        """Queue a new run in a folder of its own.

        Raises:
            InvalidInput: the folder for runs cannot be made.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput(
                f"The folder for runs {self.root} cannot be made ({error.strerror}): set AKL_VIZ_RUNS to another one."
            ) from error
        with self._lock:
            return self._queued(Race(self._new_folder(), config))

    def resume(self, name: str) -> Race:
        """Queue a stopped or interrupted run again, from its last checkpoint.

        Raises:
            InvalidInput: there is no such run, it goes on already, or nothing is left to do.
        """
        run = self.run(name)
        with self._lock:
            if not run.resumable or run.config is None or self._goes_on(name):
                raise InvalidInput(f"The run {name} cannot be resumed: it is going on, it is done, or it is not ours.")
            return self._queued(Race(run.folder, run.config, resume=True))

    def stop(self, race: Race, why: str = "") -> None:
        """End a run: after its present step with a checkpoint, or at once where it still waits.

        Args:
            race: the run.
            why: a sentence to remember where it was not a person who stopped it.
        """
        with self._lock:
            race.message = race.message or why
            if race.state == "queued":
                race.state = "ended"
                race.message = f"{why or 'It was stopped while it waited.'} Nothing was trained."
        race.control.stop()

    def delete(self, name: str) -> None:
        """Delete a saved run, and forget how it ended.

        Raises:
            InvalidInput: there is no such run, or it waits or trains.
        """
        with self._lock:
            if self._goes_on(name):
                raise InvalidInput(f"The run {name} is going on: stop it first.")
        delete_run(self.root, self._folder(name).name)
        with self._lock:
            self._races = [race for race in self._races if race.active or race.name != name]
            self._changes[name] += 1

    def changes(self, name: str) -> int:
        """How often a run of that name was queued or deleted here: cheap to ask, so that a page sees what others do."""
        with self._lock:
            return self._changes[name]

    def known(self, name: str) -> bool:
        """Whether there is anything to show of that name: a run that goes on, a folder, or why there is none."""
        with self._lock:
            told = any(race.name == name and (race.active or race.message) for race in self._races)
        return told or self._has_folder(name)

    def texts(self) -> set[str]:
        """Names of the files that runs learn on: saved ones, and those that wait or train."""
        configs = [race.config for race in self.active()] + [run.config for run in self.saved() if run.config]
        return {Path(config.data.text).name for config in configs}

    def find(self, name: str) -> Race | None:
        """The active run of that name; asking for it counts as watching it and those it waits for."""
        with self._lock:
            line = [race for race in self._races if race.active]
            place = next((place for place, race in enumerate(line) if race.name == name), None)
            if place is None:
                return None
            for race in line[: place + 1]:
                race.seen = time.monotonic()
            return line[place]

    def ended(self, name: str) -> Race | None:
        """The run of that name that ended last on this server, for its message."""
        with self._lock:
            return next((race for race in reversed(self._races) if race.name == name and not race.active), None)

    def ahead(self, race: Race) -> int:
        """How many runs are before this one, the one that trains included."""
        with self._lock:
            line = [other for other in self._races if other.active]
        return line.index(race) if race in line else 0

    def active(self) -> list[Race]:
        """Every run that waits or trains, in order."""
        with self._lock:
            return [race for race in self._races if race.active]

    def run(self, name: str) -> Run:
        """The run folder of that name. Raises InvalidInput where there is none directly below the root."""
        return open_run(self._folder(name))

    def saved(self) -> list[Run]:
        """Every run on the disk, the newest first."""
        return list_runs(self.root)

    def _goes_on(self, name: str) -> bool:
        """Whether a run of that name waits or trains. The caller holds the lock."""
        return any(race.name == name and race.active for race in self._races)

    def _has_folder(self, name: str) -> bool:
        """Whether there is a folder of that name directly below the root; a name may be anything."""
        try:
            return name != "" and Path(name).name == name and not name.startswith(".") and (self.root / name).is_dir()
        except OSError:
            return False

    def _folder(self, name: str) -> Path:
        """The folder of that name. Raises InvalidInput where there is none."""
        if not self._has_folder(name):
            raise InvalidInput(f"There is no run {name!r} any more, or there never was: choose or start another one.")
        return self.root / name

    def _queued(self, race: Race) -> Race:
        """Put a run into the line; the messages of long ended ones are forgotten."""
        ended = [old for old in self._races if not old.active]
        forgotten = {id(old) for old in ended[: max(0, len(ended) - KEPT_ENDED)]}
        self._races = [old for old in self._races if id(old) not in forgotten] + [race]
        self._changes[race.name] += 1
        self._work.notify_all()
        return race

    def _new_folder(self) -> Path:
        stem = time.strftime("%Y%m%d-%H%M%S")
        taken = {race.name for race in self._races}
        names = (stem if number == 1 else f"{stem}-{number}" for number in range(1, 1_000))
        return next(self.root / name for name in names if name not in taken and not (self.root / name).exists())

    def _serve(self) -> None:
        while True:
            with self._work:
                while not (waiting := [race for race in self._races if race.active]):
                    self._work.wait()
                race = waiting[0]
                race.state, race.seen = "preparing", time.monotonic()
            self._go(race)

    def _go(self, race: Race) -> None:
        """Train one run to its end; whatever goes wrong becomes its message."""
        try:
            race.progress(0.0, "Loading torch")
            import_libraries()
            leave_a_core()
            for record in self._records(race):
                race.take(record)
        except Cancelled:
            race.message = f"{race.message or 'It was stopped before the first step.'} Nothing was trained."
        except AklVizError as error:
            race.message = str(error)
        except BaseException:
            # A worker thread hands every error to its run; nobody else would see it.
            LOG.exception("run %s failed", race.name)
            race.message = UNEXPECTED
        finally:
            with self._lock:
                race.state = "ended"

    def _records(self, race: Race) -> Iterator[StepRecord]:
        from akl_viz.distill import distill
        from akl_viz.models import Policy

        return distill(
            race.config,
            race.folder,
            resume=race.resume,
            control=race.control,
            progress=race.progress,
            policy=Policy.for_app(),
        )

    def _watch(self) -> None:
        """Stop what nobody has looked at for long; a forgotten tab must not train for ever."""
        while True:
            time.sleep(WATCH_EVERY)
            for race in self.active():
                # One that waits in the line costs nothing.
                if race.state == "queued" or race.control.stopping:
                    continue
                if time.monotonic() - race.seen > UNWATCHED_SECONDS:
                    self.stop(race, UNWATCHED)


@st.cache_resource(show_spinner=False)
def service() -> RaceService:
    """The one service of this server."""
    return RaceService(runs_root())
