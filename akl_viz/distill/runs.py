"""Runs on the disk, read without trusting them: open, list, delete. Loads no torch."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from akl_viz.distill.atomic import remove_folder
from akl_viz.distill.config import DistillConfig, loss_folder
from akl_viz.distill.lock import is_held
from akl_viz.distill.places import found_reference
from akl_viz.distill.records import HISTORY_COLUMNS, ProbeDetail, TeacherDetail
from akl_viz.distill.run_file import RUN_FILE, read_meta
from akl_viz.errors import InvalidInput

HISTORY_FILE = "history.parquet"
CHECKPOINTS = "checkpoints"
PROBES = "probes"
TEACHER_FILE = "teacher.npz"
TEACHER_FOLDER = "teacher"
"""A teacher that exists nowhere else: the toy language's."""
RESUME_FILE = "optimizer.safetensors"
"""In the newest checkpoint of each loss: the optimiser's state, without which a run cannot go on from it."""
STATUSES = ("running", "finished", "stopped", "diverged", "failed")
INTERRUPTED = "interrupted"
"""Status of a run whose process ended without a word: it can be resumed."""
_LARGEST_UNPACKED = 400_000_000
"""Bytes of a file of measurements once unpacked: zeros pack a thousandfold, and a foreign folder may be hostile."""

LOG = logging.getLogger(__name__)
_STEP = re.compile(r"step-(\d{6,})")


def step_name(step: int) -> str:
    """The name of a step on disk: step-000040."""
    return f"step-{step:06d}"


@dataclass(frozen=True)
class Run:
    """One run folder, as it was when it was opened."""

    folder: Path
    name: str
    """What history.parquet calls it."""
    config: DistillConfig | None
    """None for a run that another program trained and recorded (akl_viz.integrations)."""
    losses: tuple[str, ...]
    status: str
    """running, finished, stopped, diverged, failed or interrupted."""
    message: str
    """Why it ended, where there is something to say."""
    created: str
    """UTC, ISO 8601."""
    steps: int
    """Steps the run will have."""
    done: dict[str, int]
    """loss -> last step in a checkpoint or in the history."""
    measured: dict[str, int] = field(default_factory=dict)
    """loss -> last step in the history; a run stopped before its last measurement has one left to make."""
    meta: dict[str, Any] = field(default_factory=dict)
    """run.json: versions, teacher and student (ModelInfo fields), notes."""

    @property
    def resumable(self) -> bool:
        """Whether there is work left that this program can go on with."""
        # Every run measures its last step, so that nothing is left once that is in the history.
        left = min(self.measured.values(), default=0) < self.steps
        return self.config is not None and self.status != "running" and left

    @property
    def teacher_reference(self) -> str:
        """What to load as the teacher: a model reference; empty where the run does not say."""
        own = self.folder / TEACHER_FOLDER
        if own.is_dir():
            return str(own.resolve())
        told = self.meta.get("teacher")
        recorded = str(told.get("reference", "")) if isinstance(told, Mapping) else ""
        given = self.config.teacher if self.config is not None else recorded
        return found_reference(given, self.meta, "teacher", self.folder)

    def history(self) -> pd.DataFrame:
        """The rows of history.parquet; see `read_history`."""
        return read_history(self.folder)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth saying although nothing is wrong: what of files, rows and models the run does not use."""
        given = self.meta.get("notes")
        return tuple(note for note in given if isinstance(note, str)) if isinstance(given, list) else ()

    def checkpoints(self, loss: str) -> dict[int, Path]:
        """Step -> folder of every whole checkpoint of a loss, in order of step; each loads with transformers."""
        return step_entries(self.folder / CHECKPOINTS / loss_folder(loss))

    def probes(self, loss: str) -> tuple[int, ...]:
        """The steps at which details of a loss are stored, in order."""
        return tuple(step_entries(self.folder / PROBES / loss_folder(loss)))

    def detail(self, loss: str, step: int) -> ProbeDetail:
        """Histogram of weights, watched distributions and samples of one loss at one step.

        Raises:
            InvalidInput: there is none, or it cannot be read.
        """
        stored, meta = read_npz(self.folder / PROBES / loss_folder(loss) / f"{step_name(step)}.npz")
        try:
            return ProbeDetail(stored["weight_counts"], stored["watched"], tuple(map(str, meta["samples"])))
        except (KeyError, TypeError) as error:
            raise InvalidInput(f"The probe of {loss} at step {step} is incomplete: run it again.") from error

    def teacher_detail(self) -> TeacherDetail:
        """The teacher's side of the probes and what the watched positions are.

        Raises:
            InvalidInput: there is none, or it cannot be read.
        """
        stored, meta = read_npz(self.folder / PROBES / TEACHER_FILE)
        try:
            texts = {name: tuple(map(str, meta[name])) for name in ("contexts", "observed_text", "prompts", "samples")}
            facts = {str(name): float(value) for name, value in meta["facts"].items()}
            return TeacherDetail(stored["watched"], stored["positions"], stored["observed"], **texts, facts=facts)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInput(f"The probes of {self.folder} are incomplete: run it again.") from error


def open_run(folder: Path | str) -> Run:
    """Read a run folder: one that runs, that ended, or that a kill left behind.

    Raises:
        InvalidInput: it is no run folder, or its run.json is broken or of a newer version.
    """
    folder = Path(folder)
    meta = read_meta(folder)
    given = meta.get("config")
    config = DistillConfig.from_json(given) if given is not None else None
    losses = config.losses if config is not None else tuple(map(str, _list(meta.get("losses"))))
    status = str(meta.get("status", ""))
    if status not in STATUSES:
        raise InvalidInput(f"{folder / RUN_FILE} has the unknown status {status!r}: it was not written by AKL Viz.")
    if is_held(folder):
        status = "running"
    elif status == "running":
        status = INTERRUPTED
    history = read_history(folder)
    steps = config.steps if config is not None else int(history["step"].max()) if len(history) else 0
    last = history.groupby("loss")["step"].max()
    measured = {loss: int(last.get(loss, 0)) for loss in losses}
    done = {loss: max(step, _last_saved(folder, loss)) for loss, step in measured.items()}
    words = {name: str(meta.get(name, "")) for name in ("name", "message", "created")}
    return Run(
        folder=folder, config=config, losses=losses, status=status, steps=steps, done=done, measured=measured,
        meta=dict(meta), **words,
    )  # fmt: skip


def list_runs(root: Path | str) -> list[Run]:
    """Every readable run directly below a folder, the newest first; what is no run is left out."""
    root = Path(root)
    found = []
    for entry in sorted(root.iterdir()) if root.is_dir() else []:
        if entry.name.startswith(".") or entry.is_symlink() or not (entry / RUN_FILE).is_file():
            continue
        try:
            found.append(open_run(entry))
        except InvalidInput as error:
            LOG.warning("left out of the list of runs: %s", error)
    return sorted(found, key=lambda run: (run.created, run.name), reverse=True)


def delete_run(root: Path | str, name: str) -> None:
    """Delete one run that lies directly below a folder.

    Raises:
        InvalidInput: there is no run of that name directly there, or it is being written.
    """
    root = Path(root).resolve()
    folder = root / name
    plain = name not in {"", ".", ".."} and Path(name).name == name and not name.startswith(".")
    if not plain or folder.is_symlink() or folder.resolve().parent != root or not folder.is_dir():
        raise InvalidInput(f"There is no run {name!r} in {root}: choose one from the list.")
    read_meta(folder)
    if is_held(folder):
        raise InvalidInput(f"The run {name} is still going: stop it first.")
    try:
        remove_folder(folder)
    except OSError as error:
        raise InvalidInput(
            f"The run {name} cannot be deleted ({error.strerror}): check the folder's rights."
        ) from error


def read_history(folder: Path | str) -> pd.DataFrame:
    """The rows of a run's history.parquet; none where it has not been written yet.

    Raises:
        InvalidInput: the file is there and is no history.
    """
    path = Path(folder) / HISTORY_FILE
    if not path.exists():
        return empty_history()
    try:
        # Read at once: pyarrow opens a path twice, and a run that goes on may have replaced the file in between.
        frame = pd.read_parquet(io.BytesIO(path.read_bytes())).astype(empty_history().dtypes.to_dict())
        return frame[[*HISTORY_COLUMNS, *(name for name in frame.columns if name not in HISTORY_COLUMNS)]]
    except Exception as error:
        raise InvalidInput(f"{path} is no history of a run: it is damaged, or was not written by AKL Viz.") from error


def empty_history() -> pd.DataFrame:
    """A history without rows, with the right columns and types."""
    kinds = {"run": "str", "loss": "str", "step": "int64", "tokens": "int64"}
    return pd.DataFrame({name: pd.Series(dtype=kinds.get(name, "float64")) for name in HISTORY_COLUMNS})


def read_npz(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arrays and JSON of a file of ours, with no pickle. Raises InvalidInput where it is missing or broken."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            if sum(entry.file_size for entry in stored.zip.infolist()) > _LARGEST_UNPACKED:
                raise ValueError("more than any measurement holds")
            arrays = {name: stored[name] for name in stored.files if name != "meta"}
            return arrays, json.loads(str(stored["meta"]))
    except FileNotFoundError as error:
        raise InvalidInput(f"{path.name} is not there: this step was not measured.") from error
    except Exception as error:
        raise InvalidInput(f"{path} cannot be read: it is damaged, or was not written by AKL Viz.") from error


def watched_positions(folder: Path) -> tuple[int, ...]:
    """Where the distributions of a run are watched; none where that is not written, or cannot be read."""
    try:
        return tuple(map(int, read_npz(folder / PROBES / TEACHER_FILE)[0]["positions"]))
    except (InvalidInput, KeyError, TypeError, ValueError):
        return ()


def step_entries(folder: Path) -> dict[int, Path]:
    """Step -> entry of a folder whose entries are named after steps, in order of step."""
    try:
        entries = list(folder.iterdir())
    except OSError:
        return {}
    found = {int(match[1]): entry for entry in entries if (match := _STEP.fullmatch(entry.name.partition(".")[0]))}
    return dict(sorted(found.items()))


def resume_point(folder: Path, loss: str) -> tuple[int, Path] | None:
    """The newest checkpoint of a loss that a run can go on from, as (step, folder); None for the start.

    Raises:
        InvalidInput: there are checkpoints, and none has the optimiser's state.
    """
    entries = step_entries(folder / CHECKPOINTS / loss_folder(loss))
    whole = {step: path for step, path in entries.items() if (path / RESUME_FILE).is_file()}
    if entries and not whole:
        raise InvalidInput(
            f"The checkpoints of {loss} in {folder} lack {RESUME_FILE}, so the run cannot go on: start a new run."
        )
    return max(whole.items()) if whole else None


def _last_saved(folder: Path, loss: str) -> int:
    """The step of the newest checkpoint of a loss."""
    return max(step_entries(folder / CHECKPOINTS / loss_folder(loss)), default=0)


def _list(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []
