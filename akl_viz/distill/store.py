"""The one writer of a run folder: every write is whole or absent, and costs little. Loads no torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from akl_viz.distill import runs
from akl_viz.distill.atomic import (
    PARTIAL,
    commit_folder,
    explained,
    fill_folder,
    make_folder,
    remove_folder,
    remove_partials,
    write_bytes,
    write_file,
    write_folder,
)
from akl_viz.distill.config import DistillConfig, loss_folder
from akl_viz.distill.lock import LOCK, RunLock
from akl_viz.distill.records import HISTORY_COLUMNS, ProbeDetail, ProbeRow, TeacherDetail
from akl_viz.distill.run_file import RUN_FILE, SCHEMA, versions
from akl_viz.errors import InvalidInput


class RunStore:
    """Writes one run; held by one process at a time.

    Another program's training can be recorded the same way: `RunStore.create(folder, losses=["mine"])`, then `row`
    and `detail` at each probe, `finish` at the end (akl_viz.integrations).

    Every method raises InvalidInput where the disk is full or the folder read-only; what was written before stays.
    """

    def __init__(self, folder: Path, lock: RunLock, meta: dict[str, Any]) -> None:
        """Use `create` or `reopen`."""
        self.folder = folder
        self._lock = lock
        self._meta = meta
        self._rows = runs.read_history(folder)
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoints")
        self._pending: list[Future[None]] = []
        self.begun = False
        """Whether run.json says that this process is at it."""

    @classmethod
    def create(
        cls,
        folder: Path | str,
        config: DistillConfig | None = None,
        *,
        losses: Sequence[str] = (),
        begin: bool = True,
    ) -> RunStore:
        """Start a new run in a folder that is missing or empty.

        Args:
            folder: made where it is missing.
            config: what will be run; None for another program's training.
            losses: the names in the history's column `loss`; those of the configuration where it is given.
            begin: write run.json now; else the first `update` does, and a folder that never began is taken away again.

        Raises:
            InvalidInput: the folder holds something already, is being written, or cannot be written.
        """
        folder = Path(folder)
        with explained(folder):
            make_folder(folder)
            if any(entry.name != LOCK and not entry.name.startswith(PARTIAL) for entry in folder.iterdir()):
                holds = "a run: resume it" if (folder / RUN_FILE).exists() else "other files: leave it"
                raise InvalidInput(f"The folder {folder} already holds {holds}, or choose a new folder.")
            lock = _taken(folder)
        meta: dict[str, Any] = {
            "schema": SCHEMA,
            "name": folder.resolve().name,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "status": "running",
            "message": "",
            "versions": versions(),
            "losses": list(config.losses if config else losses),
            "config": config.to_json() if config else None,
        }
        return cls._made(folder, lock, meta, begin=begin)

    @classmethod
    def reopen(cls, folder: Path | str, *, begin: bool = True) -> RunStore:
        """Go on writing a run that ended, in whatever way.

        Args:
            folder: of the run.
            begin: write run.json now; else the first `update` does.

        Raises:
            InvalidInput: it is no run, is being written by another process, or cannot be written.
        """
        folder = Path(folder)
        meta = runs.open_run(folder).meta
        with explained(folder):
            lock = _taken(folder)
        now = {**meta, "status": "running", "message": "", "versions": versions()}
        return cls._made(folder, lock, now, begin=begin)

    @classmethod
    def _made(cls, folder: Path, lock: RunLock, meta: dict[str, Any], *, begin: bool) -> RunStore:
        """The store, once its first write succeeded."""
        try:
            store = cls(folder, lock, meta)
            if begin:
                store.update()
        except BaseException:
            lock.release()
            raise
        return store

    @property
    def name(self) -> str:
        """What the history calls this run."""
        return str(self._meta["name"])

    @property
    def losses(self) -> tuple[str, ...]:
        """The names in the history's column `loss`, in order."""
        return tuple(self._meta["losses"])

    def update(self, **changes: Any) -> None:
        """Change entries of run.json (status, message, teacher, student, notes, config) and write it."""
        self._meta.update(changes)
        with explained(self.folder):
            write_bytes(self.folder / RUN_FILE, (json.dumps(self._meta, indent=1) + "\n").encode())
        self.begun = True

    def row(self, loss: str, step: int, probe: ProbeRow, *, seconds: float, tokens: int, train_loss: float) -> None:
        """Add one row to history.parquet; an earlier one of the same loss and step is replaced."""
        values = {"run": self.name, "loss": loss, "step": step, "seconds": seconds, "tokens": tokens}
        row = pd.DataFrame([values | {"train_loss": train_loss} | probe.as_dict()])[list(HISTORY_COLUMNS)]
        kept = self._rows[(self._rows["loss"] != loss) | (self._rows["step"] != step)]
        joined = pd.concat([kept, row], ignore_index=True) if len(kept) else row
        order = joined["loss"].map({name: place for place, name in enumerate(self.losses)}).fillna(len(self.losses))
        joined = joined.iloc[np.lexsort((order, joined["step"]))].reset_index(drop=True)
        self._write_history(joined)

    def has_row(self, loss: str, step: int) -> bool:
        """Whether this step of this loss is in the history."""
        return bool(((self._rows["loss"] == loss) & (self._rows["step"] == step)).any())

    def go_on_from(self, loss: str, step: int, *, keep: int = 0) -> None:
        """Forget rows and details later than a step, which a resumed run makes again, and finish a pruning cut short.

        Args:
            loss: the loss that goes on.
            step: its newest checkpoint's, or 0 for the start.
            keep: see `checkpoint`.
        """
        late = (self._rows["loss"] == loss) & (self._rows["step"] > step)
        if bool(late.any()):
            self._write_history(self._rows[~late].reset_index(drop=True))
        with explained(self.folder):
            for later, path in runs.step_entries(self.folder / runs.PROBES / loss_folder(loss)).items():
                if later > step:
                    path.unlink(missing_ok=True)
            if step:
                _pruned(self.folder / runs.CHECKPOINTS / loss_folder(loss) / runs.step_name(step), step, keep)

    def detail(self, loss: str, step: int, detail: ProbeDetail) -> None:
        """Keep what a probe measured beside its row."""
        arrays = {"weight_counts": detail.weight_counts, "watched": detail.watched}
        path = self.folder / runs.PROBES / loss_folder(loss) / f"{runs.step_name(step)}.npz"
        self._write_npz(path, arrays, {"samples": detail.samples})

    def teacher_detail(self, detail: TeacherDetail) -> None:
        """Keep the teacher's side of the probes."""
        meta = asdict(detail)
        arrays = {name: meta.pop(name) for name in ("watched", "positions", "observed")}
        self._write_npz(self.folder / runs.PROBES / runs.TEACHER_FILE, arrays, meta)

    def has_teacher_detail(self) -> bool:
        """Whether the teacher's side of the probes is written."""
        return (self.folder / runs.PROBES / runs.TEACHER_FILE).exists()

    def teacher(self, write: Callable[[Path], object]) -> None:
        """Keep a teacher that exists nowhere else, so that it can be loaded beside the students."""
        folder = self.folder / runs.TEACHER_FOLDER
        if not folder.exists():
            with explained(self.folder):
                write_folder(folder, write)

    def checkpoint(self, loss: str, step: int, write: Callable[[Path], object], *, keep: int = 0) -> None:
        """Write a checkpoint folder whole, then let the older ones of this loss lose their optimiser state.

        Its files are written before this returns; that they reach the disk is waited for by a thread of its own, and
        by `settle`, which every end of a run calls.

        Args:
            loss: the loss it is of.
            step: optimiser steps so far.
            write: fills a folder with the model, the tokenizer and runs.RESUME_FILE.
            keep: how many checkpoints stay, this one included; 0 for all.
        """
        folder = self.folder / runs.CHECKPOINTS / loss_folder(loss) / runs.step_name(step)
        with explained(self.folder):
            fill_folder(folder, write)
        try:
            self._pending.append(self._disk.submit(_committed, folder, step, keep))
        except RuntimeError:  # the program is ending, and starts no thread any more
            _committed(folder, step, keep)

    def checkpoints(self, loss: str) -> tuple[int, ...]:
        """Steps of the checkpoints of a loss, in order."""
        return tuple(runs.step_entries(self.folder / runs.CHECKPOINTS / loss_folder(loss)))

    def settle(self) -> None:
        """Wait until every checkpoint is on the disk. Raises InvalidInput where one cannot be."""
        pending, self._pending = self._pending, []
        with explained(self.folder):
            for one in pending:
                one.result()

    def finish(self, status: str, message: str = "") -> None:
        """Record how the run ended: finished, stopped, diverged or failed."""
        if status not in runs.STATUSES:
            raise ValueError(f"status must be one of {', '.join(runs.STATUSES)}, not {status!r}")
        self.settle()
        self.update(status=status, message=message)

    def close(self) -> None:
        """Let another process write this run; a new folder that never began is taken away."""
        self._disk.shutdown()
        self._lock.release()
        if not (self.folder / RUN_FILE).exists():
            (self.folder / LOCK).unlink(missing_ok=True)
            with suppress(OSError):
                self.folder.rmdir()

    def _write_history(self, frame: pd.DataFrame) -> None:
        with explained(self.folder):
            write_file(self.folder / runs.HISTORY_FILE, lambda path: frame.to_parquet(path, index=False))
        self._rows = frame

    def _write_npz(self, path: Path, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        buffer = BytesIO()
        np.savez_compressed(buffer, meta=np.array(json.dumps(meta, ensure_ascii=False)), **arrays)
        with explained(self.folder):
            make_folder(path.parent)
            write_bytes(path, buffer.getvalue())


def _taken(folder: Path) -> RunLock:
    """The lock of a run folder, rid of what an ended process left half-written."""
    lock = RunLock(folder)
    try:
        remove_partials(folder)
    except BaseException:
        lock.release()
        raise
    return lock


def _committed(folder: Path, step: int, keep: int) -> None:
    """Put a filled checkpoint in its place, and prune the others."""
    commit_folder(folder)
    _pruned(folder, step, keep)


def _pruned(folder: Path, step: int, keep: int) -> None:
    """Take from the checkpoints beside one what is not needed any more."""
    entries = runs.step_entries(folder.parent)
    older = [path for earlier, path in entries.items() if earlier < step]
    later = [path for other, path in entries.items() if other > step]
    dropped = older[: max(0, len(older) - keep + 1)] if keep else []
    for path in [*dropped, *later]:
        remove_folder(path)
    for path in older:
        (path / runs.RESUME_FILE).unlink(missing_ok=True)
