"""The stored measurements of a run, read once per file and checked: a folder may come from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from akl_viz.distill import ProbeDetail, Run, TeacherDetail
from akl_viz.distill.config import loss_folder
from akl_viz.distill.runs import PROBES, TEACHER_FILE, step_name
from akl_viz.errors import InvalidInput

MOST_STEPS = 48
"""Measured steps of a run that can be scrubbed: more would neither fit a message to the browser nor be told apart."""
_LARGEST_KEPT = 400_000
"""Bytes of a file whose contents are kept in memory, and of how many files: at most about 100 MB."""
_FILES_KEPT = 256
_LARGEST_READ = 200_000_000
_MOST_BINS = 1_000
_ROUNDING = 1e-3
"""How far above 0 a log-probability may be rounded, in half precision."""

Stamp = tuple[int, int]


@dataclass(frozen=True)
class Moments:
    """What a run stored at the steps that are shown."""

    steps: tuple[int, ...]
    measured: int
    """Steps that every loss was measured at; `steps` are some of them where there are very many."""
    teacher: TeacherDetail
    details: dict[str, list[ProbeDetail]]
    """loss -> one per step."""


def shown_steps(run: Run) -> tuple[tuple[int, ...], int]:
    """The steps to show, at most MOST_STEPS of those that every loss was measured at, and how many those are."""
    measured = [set(run.probes(loss)) for loss in run.losses]
    steps = sorted(set.intersection(*measured)) if measured else []
    if len(steps) <= MOST_STEPS:
        return tuple(steps), len(steps)
    chosen = np.linspace(0, len(steps) - 1, MOST_STEPS).round().astype(int)
    return tuple(steps[place] for place in chosen), len(steps)


def stamps(run: Run, steps: Sequence[int]) -> tuple[Stamp, ...]:
    """What changes when a file of these steps does. Raises InvalidInput where one is gone."""
    files = [_path(run, loss, step) for loss in run.losses for step in steps]
    return tuple(_stamp(path) for path in [_teacher_path(run), *files])


def read_moments(run: Run, steps: Sequence[int], measured: int) -> Moments:
    """The stored measurements of these steps.

    Raises:
        InvalidInput: a file is missing, broken, or does not fit the others.
    """
    path = _teacher_path(run)
    teacher = _teacher(run, str(path), _stamp(path))
    details = {loss: [_detail(run, loss, step, teacher.watched.shape) for step in steps] for loss in run.losses}
    return Moments(tuple(steps), measured, teacher, details)


def _path(run: Run, loss: str, step: int) -> Path:
    return run.folder / PROBES / loss_folder(loss) / f"{step_name(step)}.npz"


def _teacher_path(run: Run) -> Path:
    return run.folder / PROBES / TEACHER_FILE


def _stamp(path: Path) -> Stamp:
    """When a file was written and how long it is. Raises InvalidInput where it is not there or too large."""
    try:
        facts = path.stat()
    except OSError as error:
        raise InvalidInput(f"{path.name} is not there any more: reload the page.") from error
    if facts.st_size > _LARGEST_READ:
        raise InvalidInput(f"{path.name} is too large to be a measurement: it was not written by AKL Viz.")
    return facts.st_mtime_ns, facts.st_size


@st.cache_resource(show_spinner=False, max_entries=8)
def _teacher(_run: Run, path: str, stamp: Stamp) -> TeacherDetail:
    """The teacher's side, checked; `path` and `stamp` are the key."""
    found = _run.teacher_detail()
    count = len(found.contexts)
    rows = _log_probabilities(found.watched) and found.watched.shape[0] == count == len(found.observed_text)
    if not rows or not all(_whole(array, (count,)) for array in (found.positions, found.observed)):
        raise _unfit(TEACHER_FILE)
    if not ((found.observed >= 0) & (found.observed < found.watched.shape[1])).all():
        raise _unfit(TEACHER_FILE)
    return found


def _detail(run: Run, loss: str, step: int, shape: tuple[int, ...]) -> ProbeDetail:
    """One loss at one step, checked also against the shape of the teacher's side; small files are read once."""
    path = _path(run, loss, step)
    stamp = _stamp(path)
    found = _read_once(run, loss, step, str(path), stamp) if stamp[1] <= _LARGEST_KEPT else _read(run, loss, step)
    if found.watched.shape != shape:
        raise _unfit(f"The measurement of {loss} at step {step}")
    return found


@st.cache_resource(show_spinner=False, max_entries=_FILES_KEPT)
def _read_once(_run: Run, loss: str, step: int, path: str, stamp: Stamp) -> ProbeDetail:
    """One file, read; `path` and `stamp` are the key."""
    return _read(_run, loss, step)


def _read(run: Run, loss: str, step: int) -> ProbeDetail:
    """One file, read and checked by itself."""
    found = run.detail(loss, step)
    counts = found.weight_counts
    numbers = np.issubdtype(counts.dtype, np.integer) or np.issubdtype(counts.dtype, np.floating)
    bars = numbers and counts.ndim == 1 and 2 <= len(counts) <= _MOST_BINS
    if not bars or not np.isfinite(counts).all() or counts.min() < 0 or not _log_probabilities(found.watched):
        raise _unfit(f"The measurement of {loss} at step {step}")
    return found


def _unfit(what: str) -> InvalidInput:
    return InvalidInput(f"{what} does not fit the rest of the run: it is damaged, or was not written by AKL Viz.")


def _whole(array: npt.NDArray[Any], shape: tuple[int, ...]) -> bool:
    return np.issubdtype(array.dtype, np.integer) and array.shape == shape


def _log_probabilities(array: npt.NDArray[Any]) -> bool:
    """Whether this is rows of log-probabilities: -inf is one, NaN and what is above 0 is none."""
    right = np.issubdtype(array.dtype, np.floating) and array.ndim == 2 and array.shape[1] > 0
    return right and not bool(np.isnan(array).any()) and bool((array <= _ROUNDING).all())
